"""vstream streams a Raspberry Pi camera over RTSP with little delay and little CPU."""

__version__ = "0.1.0"

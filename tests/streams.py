"""A stream by itself, for tests that feed it what they like."""

from vstream.stream import Stream


def stream() -> Stream:
    """A stream of 30 frames/s, whose source cannot be asked for a keyframe."""
    return Stream(max_packet_bytes=1400, fps=30, bitrate_bps=None, request_keyframe=lambda: False)

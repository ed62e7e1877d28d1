"""How long a frame takes from one stage of its walk to the next."""

from vstream.histogram import Histogram

_BOUNDS_S = (
    0.00001,
    0.00002,
    0.00005,
    0.0001,
    0.0002,
    0.0005,
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    1.0,
    2.0,
)


class Stages:
    """One histogram a stage; the thread that publishes frames is the only one that adds."""

    def __init__(self) -> None:
        self.encode = Histogram(_BOUNDS_S)
        """From capture to the encoded frame in our hands."""
        self.packetize = Histogram(_BOUNDS_S)
        """From there until its packets are built."""
        self.write = Histogram(_BOUNDS_S)
        """From there until the last viewer's packets are with the kernel, or in the queue of a viewer that is slow."""

    def add(self, encode_us: int, packetize_us: int, write_us: int) -> None:
        """Note how long one frame took in each stage."""
        self.encode.add(encode_us / 1e6)
        self.packetize.add(packetize_us / 1e6)
        self.write.add(write_us / 1e6)

    def by_name(self) -> dict[str, Histogram]:
        """Each histogram by the name of its stage."""
        return {"encode": self.encode, "packetize": self.packetize, "write": self.write}

"""Access units whose bytes say which they are, for tests of everything that only carries them."""

from vstream._fastpath import Packetizer, Train

SSRC = 0x5EED5EED
PAYLOAD_TYPE = 96
MAX_PACKET_BYTES = 1400
# x264's parameter sets for 320x240 at 30 frames/s.
SPS = bytes.fromhex("6742c00dd90141fb0110000003001000000303c0f142a480")
PPS = bytes.fromhex("68cb83cb20")
_IDR = 0x65
_SLICE = 0x41
_DIGITS = 8


def annexb(*units: bytes) -> bytes:
    return b"".join(b"\0\0\0\1" + unit for unit in units)


def keyframe(number: int, size_bytes: int = 3000) -> bytes:
    """Parameter sets and an IDR slice that carries `number`, as one access unit."""
    return annexb(SPS, PPS, _slice(_IDR, number, size_bytes))


def picture(number: int, size_bytes: int = 1000) -> bytes:
    """A slice that carries `number` and is no keyframe, as one access unit."""
    return annexb(_slice(_SLICE, number, size_bytes))


def number_in(units: tuple[bytes, ...]) -> int:
    """The number that the slice of a received access unit carries, once every byte of it is seen to be right."""
    coded = units[-1]
    number = int(coded[1 : 1 + _DIGITS])
    assert coded == _slice(coded[0], number, len(coded))
    assert (coded[0] == _IDR) == (len(units) == 3)
    assert units[:-1] in ((), (SPS, PPS))
    return number


def is_keyframe(units: tuple[bytes, ...]) -> bool:
    return units[-1][0] == _IDR


def packetizer(*, sequence: int = 65000) -> Packetizer:
    return Packetizer(ssrc=SSRC, payload_type=PAYLOAD_TYPE, max_packet_bytes=MAX_PACKET_BYTES, sequence=sequence)


class Trains:
    """Numbers access units from 0 on and makes a train of each."""

    def __init__(self) -> None:
        self.packetizer = packetizer()
        self.count = 0

    def keyframe(self, size_bytes: int = 3000) -> Train:
        return self._packetize(keyframe(self.count, size_bytes))

    def picture(self, size_bytes: int = 1000) -> Train:
        return self._packetize(picture(self.count, size_bytes))

    def _packetize(self, data: bytes) -> Train:
        train = self.packetizer.packetize(data, self.count * 3000)
        assert train is not None
        self.count += 1
        return train


def _slice(header: int, number: int, size_bytes: int) -> bytes:
    digits = f"{number:0{_DIGITS}d}".encode()
    return bytes([header]) + (digits * (size_bytes // _DIGITS + 1))[: size_bytes - 1]

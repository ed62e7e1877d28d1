"""Fuzz target: any bytes go through splitter, assembler, gate, parameter sets and picture order without harm."""

import contextlib
import sys

from tests.reference import split as reference_split
from vstream._fastpath import nal_starts, split
from vstream.errors import H264Error
from vstream.h264 import PictureOrder, has_recovery_point, parse_pps, parse_sps
from vstream.sources.annexb import AccessUnitAssembler, CodedPicture, describe
from vstream.sources.detect import begins_as_annexb, holds_sps
from vstream.sources.gate import KeyframeGate

MAX_UNIT_BYTES = 4000


def fuzz_one(data: bytes) -> None:
    assert split(data) == reference_split(data)
    assert all(data[at - 3 : at] == b"\0\0\1" for at in nal_starts(data))
    begins_as_annexb(data)
    holds_sps(data)
    parse(data)
    cut = len(data) // 3
    whole = assemble([data])
    assert len(data) > MAX_UNIT_BYTES or assemble([data[:cut], data[cut : 2 * cut], data[2 * cut :]]) == whole
    order = PictureOrder()
    for picture in KeyframeGate().admit(whole):
        assert describe(picture.data) is not None
        time = order.follow(*picture)
        assert time.duration_fields in {1, 2}
        assert abs(time.shown_later_fields) <= 64


def assemble(pieces: list[bytes]) -> list[CodedPicture]:
    assembler = AccessUnitAssembler(MAX_UNIT_BYTES)
    pictures = []
    for piece in pieces:
        pictures += assembler.feed(piece)
        assert assembler.pending_bytes <= MAX_UNIT_BYTES
    return pictures + assembler.flush()


def parse(data: bytes) -> None:
    """Read every NAL unit as what it says it is."""
    for start, length in split(data):
        nal = data[start : start + length]
        has_recovery_point(nal)
        with contextlib.suppress(H264Error):
            sps = parse_sps(nal)
            assert min(sps.width, sps.height) > 0
        with contextlib.suppress(H264Error):
            parse_pps(nal)


if __name__ == "__main__":
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, fuzz_one)
    atheris.Fuzz()

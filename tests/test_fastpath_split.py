"""Finding NAL units in an Annex-B byte stream, against the plain-Python reference."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests import reference
from vstream import _fastpath

near_start_codes = st.lists(st.sampled_from([0, 0, 0, 1, 2, 3, 0x65, 0xFF]), max_size=400).map(bytes)


@given(st.one_of(near_start_codes, st.binary(max_size=400)))
@example(b"")
@example(b"\0\0\1")
@example(b"\0\0\1\0\0\1")
@example(b"\0\0\0\1\x65\0\0\0")
@example(b"\0\0\1\0\0\0\1\x41")
@example(b"\x01\0\0\1\x41\0\0\1")
def test_split_agrees_with_the_reference(data: bytes) -> None:
    assert _fastpath.split(data) == reference.split(data)


@given(near_start_codes, st.integers(0, 450))
def test_nal_starts_are_every_header_from_the_offset_on(data: bytes, offset: int) -> None:
    starts = [mark.end() for mark in reference.START_CODE.finditer(data, offset)]
    assert _fastpath.nal_starts(data, offset) == starts


def test_three_and_four_byte_start_codes_and_trailing_zeros() -> None:
    data = b"junk\0\0\1\x67AB\0\0\0\1\x68C\0\0\0\0\0\1\x65DEF\0\0"
    assert [data[at : at + length] for at, length in _fastpath.split(data)] == [b"\x67AB", b"\x68C", b"\x65DEF"]


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_takes_any_contiguous_buffer(kind: type[bytes] | type[bytearray] | type[memoryview]) -> None:
    assert _fastpath.split(kind(b"\0\0\1\x65A")) == [(3, 2)]


def test_refuses_a_strided_buffer() -> None:
    with pytest.raises(BufferError):
        _fastpath.split(memoryview(b"\0\0\1\x65A" * 2)[::2])


def test_refuses_a_negative_offset() -> None:
    with pytest.raises(ValueError, match="-1"):
        _fastpath.nal_starts(b"", -1)

"""Base64 in pieces, against the standard library's, which wants it whole."""

import base64
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vstream.errors import MalformedMessageError
from vstream.tunnel.base64_stream import Base64Stream


def in_pieces(text: bytes, cuts: list[int]) -> list[bytes]:
    bounds = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    return [text[begin:end] for begin, end in itertools.pairwise(bounds)]


@given(requests=st.lists(st.binary(max_size=60)), cuts=st.lists(st.integers(0, 10_000), max_size=20))
def test_requests_each_padded_by_itself_and_cut_anywhere(requests: list[bytes], cuts: list[int]) -> None:
    stream = Base64Stream()
    pieces = in_pieces(b"".join(base64.b64encode(request) for request in requests), cuts)
    assert b"".join(stream.decode(piece) for piece in pieces) == b"".join(requests)


@given(request=st.binary(max_size=300), cuts=st.lists(st.integers(0, 1000), max_size=5))
def test_line_breaks_anywhere_mean_nothing(request: bytes, cuts: list[int]) -> None:
    broken = b"\r\n".join(in_pieces(base64.encodebytes(request), cuts))
    assert Base64Stream().decode(broken) == request


def test_bytes_are_known_as_soon_as_their_group_is_whole() -> None:
    stream = Base64Stream()
    assert [stream.decode(bytes([character])) for character in b"T1BUSQ=="] == [b""] * 3 + [b"OPT"] + [b""] * 3 + [b"I"]


@pytest.mark.parametrize("text", [b"=", b"A=", b"A===", b"QUJD=", b"QQ=A", b"QUJD!", b"-_-_", b"\0", b"GET / HTTP/1.1"])
@pytest.mark.parametrize("step", [1, 100])
def test_what_is_no_base64_is_refused(text: bytes, step: int) -> None:
    stream = Base64Stream()
    with pytest.raises(MalformedMessageError) as refusal:
        [stream.decode(text[start : start + step]) for start in range(0, len(text), step)]
    assert refusal.value.status == 400

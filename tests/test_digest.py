"""Digest authentication against the examples of RFC 7616 and RFC 2617, and against what is no answer at all."""

import re
from dataclasses import replace

import pytest

from vstream.rtsp import digest
from vstream.rtsp.credentials import Credentials

MUFASA = Credentials(b"Mufasa", b"Circle of Life")

# RFC 7616 section 3.9.1, without the folding.
_COMMON = (
    'username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, '
    'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
RFC_7616_MD5 = f'{_COMMON}, algorithm=MD5, response="8ca523f5e9506fed4657c9700eebdbec"'
RFC_7616_SHA256 = (
    f'{_COMMON}, algorithm=SHA-256, response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"'
)
# RFC 2617 section 3.5.
RFC_2617 = (
    'username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", '
    'qop=auth, nc=00000001, cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1", '
    'opaque="5ccc069c403ebaf9f0171e9517f40e41"'
)
# RFC 2069 section 2.4, with the response as corrected by its erratum 749.
RFC_2069 = (
    'username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
    'uri="/dir/index.html", response="1949323746fe6a43ef61f9606e7febea", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
)


@pytest.mark.parametrize(
    ("text", "password"),
    [
        (RFC_7616_MD5, b"Circle of Life"),
        (RFC_7616_SHA256, b"Circle of Life"),
        (RFC_2617, b"Circle Of Life"),
        (RFC_2069, b"CircleOfLife"),
    ],
)
def test_examples_of_the_rfcs(text: str, password: bytes) -> None:
    answer = digest.parse(text)
    known = Credentials(b"Mufasa", password)
    assert digest.expected_response(answer, known, "GET") == answer.response
    assert digest.matches(answer, known, "GET")
    assert digest.matches(replace(answer, response=answer.response.upper()), known, "GET")
    assert not digest.matches(answer, known, "PUT")
    assert not digest.matches(answer, replace(known, password=b"Circle"), "GET")
    assert not digest.matches(answer, replace(known, username=b"mufasa"), "GET")
    assert not digest.matches(replace(answer, nonce="another"), known, "GET")
    assert not digest.matches(replace(answer, uri="/dir/"), known, "GET")


def test_all_that_the_client_signed_is_checked() -> None:
    answer = digest.parse(RFC_7616_MD5)
    assert (answer.count, answer.algorithm) == (1, "MD5")
    assert not digest.matches(replace(answer, count_text="00000002"), MUFASA, "GET")
    assert not digest.matches(replace(answer, cnonce="another"), MUFASA, "GET")
    assert not digest.matches(replace(answer, count_text="", cnonce=""), MUFASA, "GET")


def test_users_with_a_backslash_are_known_escaped_or_not() -> None:
    known = Credentials("Zoë".encode(), b"pw")
    sent = digest.parse('username="Zo\xc3\xab", realm="r", nonce="n", uri="/", response="0"')
    good = replace(sent, response=digest.expected_response(sent, known, "PLAY"))
    assert digest.matches(good, known, "PLAY")
    assert digest.matches(replace(good, username="\\Zo\xc3\xab"), known, "PLAY")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "username",
        'username="a", realm="r", nonce="n", uri="/"',
        'username="a", realm="r", nonce="n", response="0"',
        'username="a", username="b", realm="r", nonce="n", uri="/", response="0"',
        'username="a", realm="r", nonce="n", uri="/", response="0", algorithm=MD4',
        'username="a", realm="r", nonce="n", uri="/", response="0", algorithm=MD5-sess',
        'username="a", realm="r", nonce="n", uri="/", response="0", qop=auth-int, nc=00000001, cnonce="c"',
        'username="a", realm="r", nonce="n", uri="/", response="0", qop=auth, cnonce="c"',
        'username="a", realm="r", nonce="n", uri="/", response="0", qop=auth, nc=00000001',
        'username="a", realm="r", nonce="n", uri="/", response="0", qop=auth, nc=1, cnonce="c"',
        'username="a", realm="r", nonce="n", uri="/", response="0", qop=auth, nc=-0000001, cnonce="c"',
    ],
)
def test_what_is_no_answer_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        digest.parse(text)


@pytest.mark.parametrize("stale", [True, False])
def test_challenges_are_such_as_players_find(stale: bool) -> None:
    values = digest.challenges("vstream", "abc", stale=stale)
    algorithms = [re.findall(r"algorithm=([A-Z0-9-]+)", value) for value in values]
    assert algorithms[0] == algorithms[-1] == ["MD5"], "go2rtc heeds the first, ffmpeg and live555 the last"
    assert ["SHA-256"] in algorithms
    for value in values:
        # live555 reads with sscanf, in this order and with this spacing.
        assert re.match(r'Digest realm="vstream", nonce="abc"(, stale=true)?, ', value)
        assert ("stale=true" in value) == stale
        assert 'qop="auth"' in value

"""Lists of networks, and whom an address stands for."""

import pytest

from vstream.networks import contains, parse_networks, site


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("192.168.0.0/16", "192.168.9.1", "192.169.0.1"),
        ("192.168.7.20/24", "192.168.7.1", "192.168.8.1"),
        ("10.0.0.7", "10.0.0.7", "10.0.0.8"),
        ("fd00::/8", "fd12::1", "fe80::1"),
        ("fd00::/8", "fd12::1", "10.0.0.1"),
        ("::ffff:10.0.0.0/104", "10.1.2.3", "11.1.2.3"),
        ("::ffff:10.0.0.7", "10.0.0.7", "10.0.0.8"),
        ("0.0.0.0/0", "8.8.8.8", "2001:db8::1"),
        ("10.0.0.7, fd00::/8 192.168.0.0/16,", "192.168.3.4", "172.16.0.1"),
    ],
)
def test_inside_and_outside(text: str, inside: str, outside: str) -> None:
    assert contains(parse_networks(text), inside)
    assert not contains(parse_networks(text), outside)


@pytest.mark.parametrize(
    "text", ["localhost", "10.0.0", "10.0.0.0/33", "10.0.0.0-10.0.0.9", "::1/129", "fe80::1%eth0/x"]
)
def test_what_is_no_network(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_networks(text)


def test_an_ipv6_host_has_its_whole_link() -> None:
    assert site("192.0.2.1") != site("192.0.2.2")
    assert site("2001:db8:0:1::1") == site("2001:db8:0:1:ffff::2") != site("2001:db8:0:2::1")

"""The setting of the multicast group: what is one, and that a wrong one is told in one line."""

from ipaddress import ip_address

import pytest

from vstream.config import load_settings
from vstream.errors import ConfigError
from vstream.multicast_group import Group, parse_group


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("239.255.42.1/5004/16", Group(ip_address("239.255.42.1"), 5004, 16)),
        ("224.0.1.0/2/1", Group(ip_address("224.0.1.0"), 2, 1)),
        ("239.255.255.255/65534/255", Group(ip_address("239.255.255.255"), 65534, 255)),
        ("ff15::42/5004/3", Group(ip_address("ff15::42"), 5004, 3)),
        ("FF02:0:0:0::1234/8000/1", Group(ip_address("ff02::1234"), 8000, 1)),
    ],
)
def test_a_group(text: str, group: Group) -> None:
    assert parse_group(text) == group
    assert load_settings(environment={"RTSP_MULTICAST": text}).settings.rtsp_multicast == text


WRONG = [
    "on",
    "239.255.42.1",
    "239.255.42.1/5004",
    "239.255.42.1/5004/",
    "239.255.42.1/5004/16/eth0",
    "239.255.42.1:5004/16",
    "192.168.1.20/5004/16",
    "2001:db8::1/5004/16",
    "224.0.0.1/5004/16",
    "239.255.42/5004/16",
    "239.255.42.256/5004/16",
    "239.255.42.1/5005/16",
    "239.255.42.1/0/16",
    "239.255.42.1/65536/16",
    "239.255.42.1/-2/16",
    "239.255.42.1/5004/0",
    "239.255.42.1/5004/256",
    "group.example/5004/16",
]


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_group_is_told_in_one_line(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(environment={"RTSP_MULTICAST": text})
    (line,) = caught.value.problems
    assert f"RTSP_MULTICAST cannot be {text!r}" in line
    assert "give a multicast address, an even port and a TTL from 1 to 255, such as 239.255.42.1/5004/16" in line


@pytest.mark.parametrize("text", ["eth0", "wlx0013ef123456", "eth0.10", "192.168.1.20", "fd00:1234:5678::20"])
def test_an_interface_is_a_name_or_an_address(text: str) -> None:
    settings = load_settings(environment={"RTSP_MULTICAST_INTERFACE": text}).settings
    assert settings.rtsp_multicast_interface == text


@pytest.mark.parametrize("text", ["eth 0", "a/b", "sixteen-letters-", "eth0,eth1"])
def test_what_can_be_no_interface(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(environment={"RTSP_MULTICAST_INTERFACE": text})
    (line,) = caught.value.problems
    assert f"RTSP_MULTICAST_INTERFACE cannot be {text!r}" in line

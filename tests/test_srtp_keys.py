"""How a viewer gets the keys of SRTP: only through TLS, one for each session; GStreamer reads and writes the MIKEY."""

import contextlib
import json
import shutil
import subprocess
from base64 import b64decode, b64encode
from itertools import count

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.rtsp_client import TRACK, URL, Client, Reply
from vstream.rtsp import mikey
from vstream.rtsp.keyring import Keyring
from vstream.rtsp.session import MulticastTransport, Play
from vstream.rtsp.srtp_keys import SrtpKeys

SECURE_URL = URL.replace("rtsp:", "rtsps:")
SECURE_TRACK = TRACK.replace("rtsp:", "rtsps:")
SAVP_UDP = "Transport: RTP/SAVP;unicast;client_port=5000-5001"
AVP_UDP = "Transport: RTP/AVP;unicast;client_port=5000-5001"
AVP_TCP = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"
MASTER = bytes(range(30))
# As GStreamer 1.22 sends it.
GSTREAMER_KEY_MANAGEMENT = (
    'prot=mikey;uri="rtsp://192.0.2.1:8322/video/trackID=0";'
    'data="AQAFAMACCR0BAACiG1d0AAAAAAsA7rDRC6iQkokKEHkPn1QyaVM44VfavgEaqUEBAAAAFQABAQEBEAIBAQMBCgcBAQgBAQoBAQAAACIAIAAe'
    '3ihkNkG9J9pKpz7LdiEF/V0vKM4s7y6mb2SsnJyUAA=="'
)


@pytest.fixture
def client() -> Client:
    numbers = count(1)
    return Client(keyring=Keyring(lambda size: bytes([next(numbers)]) * size, lambda: 0xE0000000_00000000))


def keys_named(reply: Reply) -> dict[str, str]:
    """What the description's key attributes say."""
    lines = reply.body.decode().split("\r\n")
    pairs = (
        line.split(":", 1) for line in lines if line.startswith(("a=crypto:", "a=key-mgmt:", "m=")) and ":" in line
    )
    return dict(pairs)


def describe(client: Client, query: str = "?srtp") -> Reply:
    return client.ask("DESCRIBE", SECURE_URL + query)


def test_who_asks_for_srtp_is_told_a_key_and_who_does_not_is_told_none(client: Client) -> None:
    assert "RTP/SAVP" in describe(client).body.decode()
    suite, key = keys_named(describe(client))["a=crypto"].removeprefix("1 ").split(" inline:")
    assert (suite, len(b64decode(key))) == ("AES_CM_128_HMAC_SHA1_80", 30)
    assert keys_named(describe(client, "?srtp=32"))["a=crypto"].startswith("1 AES_CM_128_HMAC_SHA1_32 inline:")
    assert "a=key-mgmt" not in keys_named(describe(client, "?srtp=32"))
    assert keys_named(describe(client, "")) == {}
    assert keys_named(describe(client, "?other=srtp")) == {}
    assert describe(client, "?srtp=128").status == 400


def test_no_key_is_told_to_a_connection_that_others_can_read() -> None:
    client = Client()
    assert client.ask("DESCRIBE", URL + "?srtp").status == 403
    assert client.ask("DESCRIBE", SECURE_URL + "?srtp").status == 403
    assert client.ask("SETUP", TRACK, SAVP_UDP).status == 461
    assert client.ask("SETUP", TRACK, AVP_UDP).status == 200


def test_the_session_has_the_key_that_the_description_named(client: Client) -> None:
    key = b64decode(keys_named(describe(client))["a=crypto"].partition("inline:")[2])
    reply = client.ask("SETUP", SECURE_TRACK, SAVP_UDP)
    assert reply.status == 200
    assert reply.headers["Transport"].startswith("RTP/SAVP;unicast;client_port=5000-5001;server_port=8000-8001")
    assert client.ask("PLAY", SECURE_URL, f"Session: {reply.session_id}").headers["RTP-Info"].count("seq=") == 0
    (effect,) = client.effects
    assert isinstance(effect, Play)
    assert effect.session.keys == SrtpKeys(key, key, 10)


def test_a_key_is_for_one_session_alone(client: Client) -> None:
    first = keys_named(describe(client))
    assert keys_named(describe(client)) != first
    assert client.ask("SETUP", SECURE_TRACK, SAVP_UDP).status == 200
    assert client.ask("SETUP", SECURE_TRACK, SAVP_UDP).status == 461
    describe(client)
    assert client.ask("SETUP", SECURE_TRACK, SAVP_UDP).status == 200


def test_an_encrypted_connection_lets_no_media_out_in_the_clear(client: Client) -> None:
    describe(client, "")
    assert client.ask("SETUP", SECURE_TRACK, AVP_UDP).status == 461
    assert client.ask("SETUP", SECURE_TRACK, f"{AVP_UDP},{AVP_TCP.partition(' ')[2]}").status == 200


def test_whoever_was_told_a_key_gets_nothing_else(client: Client) -> None:
    describe(client)
    for transport in (
        AVP_UDP,
        AVP_TCP,
        "Transport: RTP/SAVP/TCP;unicast;interleaved=0-1",
        f"{SAVP_UDP};interleaved=0-1",
    ):
        assert client.ask("SETUP", SECURE_TRACK, transport).status == 461
    describe(client, "")
    assert client.ask("SETUP", SECURE_TRACK, AVP_TCP).status == 200


def test_a_group_that_all_can_read_is_nothing_for_an_encrypted_connection() -> None:
    grouped = Client(keyring=Keyring(bytes, lambda: 0), multicast=MulticastTransport("239.255.42.1", 5004, 5005, 16))
    assert grouped.ask("SETUP", SECURE_TRACK, "Transport: RTP/AVP;multicast").status == 461
    for profile in ("RTP/AVP", "RTP/SAVP", "RTP/SAVP/UDP"):
        describe(grouped)
        assert grouped.ask("SETUP", SECURE_TRACK, f"Transport: {profile};multicast").status == 461


def test_a_client_brings_the_key_of_its_own_rtcp(client: Client) -> None:
    describe(client)
    message = mikey.encode(MASTER, ssrc=1, ntp_timestamp=2, bundle_id=3, rand=bytes(16))
    header = f'KeyMgmt: prot=mikey;uri="{SECURE_TRACK}";data="{b64encode(message).decode()}"'
    reply = client.ask("SETUP", SECURE_TRACK, SAVP_UDP, header)
    assert reply.status == 200
    keys = client.dialogue.sessions[reply.session_id].keys
    assert keys is not None
    assert (keys.receiving, keys.sending == MASTER) == (MASTER, False)


def test_gstreamers_key_is_understood(client: Client) -> None:
    describe(client)
    reply = client.ask("SETUP", SECURE_TRACK, SAVP_UDP, f"KeyMgmt: {GSTREAMER_KEY_MANAGEMENT}")
    assert reply.status == 200
    keys = client.dialogue.sessions[reply.session_id].keys
    assert keys is not None
    assert keys.receiving.hex() == "de28643641bd27da4aa73ecb762105fd5d2f28ce2cef2ea66f64ac9c9c94"


@pytest.mark.parametrize("value", ["prot=mikey", 'prot=mikey;data="!"', "prot=mikey;data=AQAF", ""])
def test_a_key_that_cannot_be_understood_is_463(client: Client, value: str) -> None:
    describe(client)
    assert client.ask("SETUP", SECURE_TRACK, SAVP_UDP, f"KeyMgmt: {value}").status == 463
    assert not client.dialogue.sessions


@given(st.binary(max_size=120))
@example(mikey.encode(MASTER, ssrc=1, ntp_timestamp=2, bundle_id=3, rand=bytes(16)))
def test_any_message_is_understood_or_refused(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert len(mikey.decode(data)) == 30


def test_a_message_cut_anywhere_is_refused() -> None:
    message = mikey.encode(MASTER, ssrc=1, ntp_timestamp=2, bundle_id=3, rand=bytes(16))
    for length in range(len(message)):
        with pytest.raises(ValueError, match="MIKEY"):
            mikey.decode(message[:length])


_GSTREAMER_READS = """
import json, sys
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import Gst, GstSdp
Gst.init(None)
result, message = GstSdp.SDPMessage.new_from_text(sys.stdin.read())
media = message.get_media(0)
caps = media.get_caps_from_media(96)
media.attributes_to_caps(caps)
fields = caps.get_structure(0)
key = fields.get_value("srtp-key")
print(json.dumps({
    "key": key.extract_dup(0, key.get_size()).hex(),
    **{name: fields.get_value(name) for name in ("srtp-cipher", "srtp-auth", "srtcp-cipher", "srtcp-auth")},
}))
"""


def test_gstreamer_finds_the_key_in_the_description(client: Client) -> None:
    python = shutil.which("python3", path="/usr/bin")
    if python is None or subprocess.run([python, "-c", "import gi"], check=False, capture_output=True).returncode:
        pytest.skip("needs Debian's python3-gi")
    client.media.sdp = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"
    reply = describe(client)
    text = reply.body.replace(b" 96\r\n", b" 96\r\na=rtpmap:96 H264/90000\r\n")
    done = subprocess.run([python, "-c", _GSTREAMER_READS], input=text, check=True, capture_output=True)
    read = json.loads(done.stdout)
    assert bytes.fromhex(read.pop("key")) == b64decode(keys_named(reply)["a=crypto"].partition("inline:")[2])
    assert read == {
        "srtp-cipher": "aes-128-icm",
        "srtp-auth": "hmac-sha1-80",
        "srtcp-cipher": "aes-128-icm",
        "srtcp-auth": "hmac-sha1-80",
    }

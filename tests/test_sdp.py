"""The description: ffmpeg decodes with nothing but its parameter sets, GStreamer and PyAV read what we meant."""

import contextlib
import io
import json
import shutil
import socket
import subprocess
from base64 import b64decode
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from vstream.errors import NoVideoError
from vstream.sdp import Retransmission, describe

WIDTH, HEIGHT = 320, 240
# The parameter sets of a 1280x720 High profile stream, level 3.1.
SPS = bytes.fromhex("6764001facd9405005bb011000000300100000030320f1831960")
PPS = bytes.fromhex("68ebe3cb22c0")


def _lines(description: bytes) -> list[str]:
    assert description.endswith(b"\r\n")
    return description.decode().removesuffix("\r\n").split("\r\n")


def _describe(
    address: str = "192.0.2.1",
    sps: tuple[bytes, ...] = (SPS,),
    pps: tuple[bytes, ...] = (PPS,),
    framerate: float | None = 30.0,
    bitrate_bps: int | None = None,
    profile: str = "RTP/AVP",
    retransmission: Retransmission | None = None,
) -> bytes:
    return describe(
        profile=profile,
        retransmission=retransmission,
        session_id=4711,
        sps=sps,
        pps=pps,
        width=1280,
        height=720,
        framerate=framerate,
        address=address,
        bitrate_bps=bitrate_bps,
    )


def test_lines_come_in_the_order_that_the_grammar_asks_for() -> None:
    lines = _lines(_describe(bitrate_bps=8_000_001))
    assert [line[0] for line in lines] == list("vosctaamb") + ["a"] * (len(lines) - 9)
    assert "b=AS:8001" in lines
    assert "m=video 0 RTP/AVP 96" in lines
    assert lines[-1] == "a=control:trackID=0"


@pytest.mark.parametrize(
    ("address", "origin", "connection"),
    [
        ("192.0.2.1", "IN IP4 192.0.2.1", "c=IN IP4 0.0.0.0"),
        ("::ffff:192.0.2.1", "IN IP4 192.0.2.1", "c=IN IP4 0.0.0.0"),
        ("2001:db8::1", "IN IP6 2001:db8::1", "c=IN IP6 ::"),
        ("fe80::1%eth0", "IN IP6 fe80::1", "c=IN IP6 ::"),
    ],
)
def test_addresses(address: str, origin: str, connection: str) -> None:
    lines = _lines(_describe(address))
    assert lines[1] == f"o=- 4711 1 {origin}"
    assert connection in lines


@pytest.mark.parametrize(("framerate", "line"), [(30.0, "30"), (30000 / 1001, "29.97"), (12.5, "12.5"), (None, None)])
def test_framerate(framerate: float | None, line: str | None) -> None:
    rates = [
        text.partition(":")[2] for text in _lines(_describe(framerate=framerate)) if text.startswith("a=framerate")
    ]
    assert rates == ([] if line is None else [line])


@pytest.mark.parametrize(("sps", "pps"), [((), (PPS,)), ((SPS,), ()), ((b"\x67\x64\x00",), (PPS,))])
def test_no_description_without_parameter_sets(sps: tuple[bytes, ...], pps: tuple[bytes, ...]) -> None:
    with pytest.raises(NoVideoError):
        _describe(sps=sps, pps=pps)


def test_without_feedback_there_is_no_word_of_it() -> None:
    assert not [line for line in _lines(_describe()) if "rtcp-fb" in line or "rtx" in line or line.startswith("b=R")]


def test_feedback_is_described_as_the_rfcs_write_it() -> None:
    lines = _lines(_describe(profile="RTP/AVPF", retransmission=Retransmission(97, 1000), bitrate_bps=8_000_000))
    assert [line[0] for line in lines] == list("vosctaambbb") + ["a"] * (len(lines) - 11)
    assert "m=video 0 RTP/AVPF 96 97" in lines
    # RFC 4585 section 4.2, RFC 5104 section 7.1, RFC 4588 section 8.1.
    for line in ("a=rtcp-fb:96 nack", "a=rtcp-fb:96 nack pli", "a=rtcp-fb:96 ccm fir"):
        assert line in lines
    assert lines.index("a=rtpmap:97 rtx/90000") < lines.index("a=fmtp:97 apt=96;rtx-time=1000")
    assert [line for line in lines if line.startswith("b=R")] == ["b=RS:20000", "b=RR:400000"]


_GSTREAMER_READS = """
import json, sys
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import Gst, GstSdp
Gst.init(None)
result, message = GstSdp.SDPMessage.new_from_text(sys.stdin.read())
assert result == GstSdp.SDPResult.OK
media = message.get_media(0)
caps = media.get_caps_from_media(96)
media.attributes_to_caps(caps)
fields = caps.get_structure(0)
names = [fields.nth_field_name(n) for n in range(fields.n_fields())]
caps = {name: str(fields.get_value(name)) for name in names}
print(json.dumps(caps | {"control": media.get_attribute_val("control")}))
"""


def test_gstreamer_reads_the_caps() -> None:
    python = shutil.which("python3", path="/usr/bin")
    if python is None or subprocess.run([python, "-c", "import gi"], check=False, capture_output=True).returncode:
        pytest.skip("needs Debian's python3-gi")
    other_pps = PPS[:-1] + b"\x80"
    run = subprocess.run(
        [python, "-c", _GSTREAMER_READS],
        input=_describe(pps=(PPS, other_pps)).decode(),
        capture_output=True,
        text=True,
        check=True,
    )
    caps: dict[str, str] = json.loads(run.stdout)
    assert caps["encoding-name"] == "H264"
    assert caps["clock-rate"] == "90000"
    assert caps["payload"] == "96"
    assert caps["packetization-mode"] == "1"
    assert caps["profile-level-id"].lower() == "64001f"
    assert [b64decode(item) for item in caps["sprop-parameter-sets"].split(",")] == [SPS, PPS, other_pps]
    assert caps["a-framerate"] == "30"
    assert caps["control"] == "trackID=0"


def _encode_one_picture() -> list[bytes]:
    """The NAL units of one IDR picture, by x264."""
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.time_base = Fraction(1, 30)
    encoder.options = {"tune": "zerolatency", "slice-max-size": "1200", "qp": "30"}
    ramp = np.linspace(0, 255, WIDTH, dtype=np.uint8)
    picture = np.stack([np.broadcast_to(ramp, (HEIGHT, WIDTH))] * 3, axis=2)
    packets = [*encoder.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")), *encoder.encode(None)]
    stream = b"".join(bytes(packet) for packet in packets).replace(b"\0\0\0\1", b"\0\0\1")
    return stream.split(b"\0\0\1")[1:]


def _decode(annexb: bytes) -> bytes:
    with av.open(io.BytesIO(annexb), "r", format="h264") as container:
        frame = next(container.decode(video=0))
        return bytes(frame.to_ndarray(format="gray"))


def _rtp_packets(slices: list[bytes], timestamp: int) -> list[bytes]:
    """Single NAL unit packets (RFC 6184 section 5.6), marker on the last."""
    last = len(slices) - 1
    return [
        bytes([0x80, 96 | (0x80 if n == last else 0)])
        + (timestamp // 3000 * len(slices) + n & 0xFFFF).to_bytes(2)
        + timestamp.to_bytes(4)
        + bytes(4)
        + nal_unit
        for n, nal_unit in enumerate(slices)
    ]


def _free_port() -> int:
    """A port of which the next one, RTCP's, is free too."""
    while True:
        with socket.socket(type=socket.SOCK_DGRAM) as rtp, socket.socket(type=socket.SOCK_DGRAM) as rtcp:
            rtp.bind(("127.0.0.1", 0))
            port: int = rtp.getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                rtcp.bind(("127.0.0.1", port + 1))
                return port


def _first_picture(description: bytes, slices: list[bytes], directory: Path) -> bytes | None:
    """What ffmpeg decodes of the description and RTP to its port; None where somebody else took the port first."""
    port = _free_port()
    text = description.replace(b"m=video 0", f"m=video {port}".encode()).replace(b"0.0.0.0", b"127.0.0.1")
    (directory / "stream.sdp").write_bytes(text)
    picture = directory / "picture"
    command = ["ffmpeg", "-v", "error", "-protocol_whitelist", "file,udp,rtp", "-i", str(directory / "stream.sdp")]
    command += ["-frames:v", "1", "-pix_fmt", "gray", "-f", "rawvideo", "-y", str(picture)]
    with socket.socket(type=socket.SOCK_DGRAM) as sender, subprocess.Popen(command, stderr=subprocess.PIPE) as player:
        for number in range(1500):
            for packet in _rtp_packets(slices, number * 3000):
                sender.sendto(packet, ("127.0.0.1", port))
            with contextlib.suppress(subprocess.TimeoutExpired):
                player.wait(0.02)
                break
        player.terminate()
    return picture.read_bytes() if picture.exists() else None


def test_ffmpeg_decodes_a_stream_whose_parameter_sets_are_only_in_the_description(tmp_path: Path) -> None:
    nal_units = _encode_one_picture()
    sps, pps, slices = ([nal_unit for nal_unit in nal_units if nal_unit[0] & 31 == kind] for kind in (7, 8, 5))
    description = describe(
        session_id=1, sps=sps, pps=pps, width=WIDTH, height=HEIGHT, framerate=30.0, address="127.0.0.1"
    )
    attempts = (_first_picture(description, slices, tmp_path) for _ in range(3))
    picture = next((attempt for attempt in attempts if attempt), None)
    assert picture == _decode(b"".join(b"\0\0\0\1" + nal_unit for nal_unit in nal_units))

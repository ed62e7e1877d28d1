"""Real video through the packetizer and back out of three receivers that are not ours: the pictures stay bit-exact."""

import shutil
import socket
import subprocess
from functools import partial
from pathlib import Path

import av
import pytest

from tests.depacketizer import Depacketizer
from tests.media import FRAMES, KINDS, annexb, with_filler
from tests.network import free_udp_pair, udp_backlog, wait_until, wait_until_bound
from tests.pcap import write_pcap
from tests.pictures import hashes_of, picture_hashes
from vstream import rtcp
from vstream._fastpath import Packetizer

SSRC = 0x1234ABCD
MAX_PACKET_BYTES = 500
CAPS = "application/x-rtp,media=video,clock-rate=90000,encoding-name=H264,payload=96"

# Timing SEI that stands before the parameter sets it needs makes ffmpeg complain of the clip itself.
STREAMS = {kind: partial(annexb, kind) for kind in KINDS if kind != "timing-sei"} | {
    "filler": lambda: with_filler(annexb("slices"))
}


@pytest.fixture(scope="module", params=list(STREAMS.values()), ids=list(STREAMS))
def clip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.h264"
    path.write_bytes(request.param())
    return path


def packets_of(clip: Path) -> list[bytes]:
    """Packetize a clip whose access units FFmpeg's own parser found."""
    packetizer = Packetizer(ssrc=SSRC, payload_type=96, max_packet_bytes=MAX_PACKET_BYTES, sequence=65500)
    packets: list[bytes] = []
    with av.open(str(clip), format="h264") as container:
        for number, unit in enumerate(container.demux(video=0)):
            train = packetizer.packetize(bytes(unit), number * 3000) if unit.size else None
            packets += train.packets() if train else []
    return packets


def test_own_depacketizer(clip: Path, tmp_path: Path) -> None:
    receiver = Depacketizer(ssrc=SSRC, payload_type=96, max_packet_bytes=MAX_PACKET_BYTES)
    received = [unit for packet in packets_of(clip) if (unit := receiver.push(packet))]
    assert len(received) >= FRAMES
    out = tmp_path / "received.h264"
    out.write_bytes(b"".join(unit.annexb() for unit in received))
    assert picture_hashes(out) == picture_hashes(clip)


@pytest.mark.skipif(shutil.which("gst-launch-1.0") is None, reason="GStreamer's tools are not installed")
def test_gstreamer(clip: Path, tmp_path: Path) -> None:
    capture = write_pcap(tmp_path / "stream.pcap", packets_of(clip), 5004)
    out = tmp_path / "received.h264"
    pipeline = f"filesrc location={capture} ! pcapparse dst-port=5004 caps={CAPS} ! rtph264depay"
    pipeline += f" ! video/x-h264,stream-format=byte-stream,alignment=au ! filesink location={out}"
    done = subprocess.run(["gst-launch-1.0", "-q", *pipeline.split()], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert picture_hashes(out) == picture_hashes(clip)


def test_ffmpeg(clip: Path, tmp_path: Path) -> None:
    port = free_udp_pair()
    description = tmp_path / "stream.sdp"
    lines = ["v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", f"m=video {port} RTP/AVP 96"]
    lines += ["a=rtpmap:96 H264/90000", "a=fmtp:96 packetization-mode=1"]
    description.write_text("".join(f"{line}\r\n" for line in lines))
    command = ["ffmpeg", "-nostdin", "-v", "error", "-protocol_whitelist", "file,udp,rtp", "-i", str(description)]
    command += ["-fps_mode", "passthrough", "-f", "framehash", "-hash", "md5", "-"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as ffmpeg,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        wait_until_bound(port + 1, ffmpeg)
        for packet in packets_of(clip):
            sender.sendto(packet, ("127.0.0.1", port))
            wait_until(lambda: not udp_backlog(port), "ffmpeg to read a packet")
        sender.sendto(rtcp.goodbye(SSRC), ("127.0.0.1", port + 1))
        out, err = ffmpeg.communicate(timeout=60)
    assert err == ""
    assert hashes_of(out) == picture_hashes(clip)

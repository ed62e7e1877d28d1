"""Feedback as GStreamer and ffmpeg send it, and by the RFCs' own layouts."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.pcap import write_pcap
from vstream import feedback, rtcp
from vstream.errors import RtcpError
from vstream.feedback import FullIntraRequest, Nack, PictureLoss

SSRC = 0xDEADBEEF
RR = bytes.fromhex("80c9000111223344")
# Taken from the wire: GStreamer 1.22's rtspsrc and ffmpeg 8, which sends no report before it.
GSTREAMER_NACK = bytes.fromhex("80c90001746a286781cd0003746a28679368892154d30000")
GSTREAMER_FIR = bytes.fromhex("80c900010cae31d784ce00040cae31d700000000be9b7d7901000000")
FFMPEG_NACK = bytes.fromhex("81cd00036717b8856717b884376d0000")
# Made with GStreamer 1.22's GstRtp.RTCPBuffer.
GSTREAMER_PLI = bytes.fromhex("80c900011122334481ce000211223344deadbeef")


def read(compound: bytes, ssrc: int) -> list[feedback.Request | None]:
    packets = [packet for packet in rtcp.parse(compound) if isinstance(packet, rtcp.FeedbackPacket)]
    return [feedback.read(packet, ssrc) for packet in packets]


def fci(kind: int, fmt: int, body: str, media_ssrc: int = SSRC) -> list[feedback.Request | None]:
    """Read feedback with such a body (RFC 4585 section 6.1)."""
    content = bytes.fromhex("11223344") + media_ssrc.to_bytes(4) + bytes.fromhex(body)
    return read(RR + bytes([0x80 | fmt, kind]) + (len(content) // 4).to_bytes(2) + content, SSRC)


def test_what_players_send() -> None:
    assert read(GSTREAMER_NACK, 0x93688921) == [Nack([0x54D3])]
    assert read(FFMPEG_NACK, 0x6717B884) == [Nack([0x376D])]
    assert read(GSTREAMER_FIR, 0xBE9B7D79) == [FullIntraRequest(0x0CAE31D7, 1)]
    assert read(GSTREAMER_PLI, SSRC) == [PictureLoss()]


@pytest.mark.parametrize("compound", [GSTREAMER_NACK, FFMPEG_NACK, GSTREAMER_FIR, GSTREAMER_PLI])
def test_of_another_stream_nothing_is_read(compound: bytes) -> None:
    assert read(compound, 0x01020304) == [None]


def test_the_mask_names_the_sixteen_that_follow_and_numbers_wrap() -> None:
    # RFC 4585 section 6.2.1: bit i of BLP, the least significant being 1, is PID + i.
    assert fci(205, 1, "10000001") == [Nack([0x1000, 0x1001])]
    assert fci(205, 1, "10008000") == [Nack([0x1000, 0x1010])]
    assert fci(205, 1, "fffe0007 00100000") == [Nack([0xFFFE, 0xFFFF, 0, 1, 0x10])]
    assert fci(205, 1, "0000ffff") == [Nack(list(range(17)))]


def test_a_long_list_of_losses_is_read_in_part() -> None:
    (request,) = fci(205, 1, "1234ffff" * 400)
    assert isinstance(request, Nack)
    assert 1000 <= len(request.sequences) <= 1024


def test_the_newest_command_to_this_stream_counts() -> None:
    # RFC 5104 section 4.3.1.1: SSRC, sequence number, 24 bits reserved.
    assert fci(206, 4, "cafebabe01000000 deadbeef02000000 deadbeefff000000", 0) == [FullIntraRequest(0x11223344, 255)]


@pytest.mark.parametrize(("kind", "fmt"), [(205, 3), (205, 15), (206, 2), (206, 3), (206, 15)])
def test_other_kinds_are_left_alone(kind: int, fmt: int) -> None:
    assert fci(kind, fmt, "0102030405060708") == [None]


@pytest.mark.parametrize(("kind", "fmt", "body"), [(205, 1, ""), (206, 4, ""), (206, 4, "deadbeef")])
def test_a_body_that_is_no_row_of_entries_is_refused(kind: int, fmt: int, body: str) -> None:
    with pytest.raises(RtcpError, match="its entries have"):
        fci(kind, fmt, body)


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_reads_the_same_losses(tmp_path: Path) -> None:
    losses = ["12340005", "fff0ffff", "00018001"]
    compounds = [RR + bytes.fromhex("81cd0003 11223344 deadbeef") + bytes.fromhex(body) for body in losses]
    capture = write_pcap(tmp_path / "nack.pcap", compounds, 5005)
    command = ["tshark", "-r", str(capture), "-d", "udp.port==5005,rtcp", "-T", "fields"]
    command += ["-e", "rtcp.rtpfb.nack_pid"]
    rows = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    for row, compound in zip(rows, compounds, strict=True):
        assert read(compound, SSRC) == [Nack([int(number) & 0xFFFF for number in row.split(",")])]

"""RTCP: what we build is read by tshark; what GStreamer built, and the RFC's layouts, are read by us."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pcap import write_pcap
from vstream import rtcp
from vstream.errors import RtcpError

# Made with GStreamer 1.22's GstRtp.RTCPBuffer.
GST_RECEIVER_REPORT = bytes.fromhex(
    "82c9000d11223344"
    "deadbeef40fffffd0002fffe000001c2aaaa555500018000"
    "cafebabeff7fffff00000007000000000000000000000000"
    "81ca00071122334401097573657240686f737406094753747265616d65720000"
)
GST_SENDER_REPORT_BYE = bytes.fromhex(
    "80c8000601020304e00000018000000000015f90000003e800124f8081cb000101020304",
)
GST_FEEDBACK = bytes.fromhex("80c900011122334481ce000211223344deadbeef81cd000211223344deadbeef")

RR = bytes.fromhex("80c9000111223344")


def test_reads_gstreamer_receiver_report() -> None:
    assert rtcp.parse(GST_RECEIVER_REPORT) == [
        rtcp.ReceiverReport(
            ssrc=0x11223344,
            reports=(
                rtcp.ReportBlock(0xDEADBEEF, 64, -3, 0x0002FFFE, 450, 0xAAAA5555, 0x00018000),
                rtcp.ReportBlock(0xCAFEBABE, 255, 0x7FFFFF, 7, 0, 0, 0),
            ),
        ),
        rtcp.SourceDescription(((0x11223344, "user@host"),)),
    ]


def test_reads_gstreamer_sender_report_and_bye() -> None:
    assert rtcp.parse(GST_SENDER_REPORT_BYE) == [
        rtcp.SenderReport(0x01020304, 0xE000000180000000, 90_000, 1000, 1_200_000, ()),
        rtcp.Goodbye((0x01020304,), ""),
    ]


def test_reads_gstreamer_feedback() -> None:
    assert rtcp.parse(GST_FEEDBACK)[1:] == [
        rtcp.FeedbackPacket(rtcp.PAYLOAD_FEEDBACK, 1, 0x11223344, 0xDEADBEEF, b""),
        rtcp.FeedbackPacket(rtcp.TRANSPORT_FEEDBACK, 1, 0x11223344, 0xDEADBEEF, b""),
    ]


def test_reads_generic_nack_body() -> None:
    # RFC 4585 section 6.2.1: PID 0x1234 lost, and the bit mask of the 16 that follow it.
    nack = bytes.fromhex("81cd000311223344deadbeef12340005")
    assert rtcp.parse(RR + nack)[1] == rtcp.FeedbackPacket(205, 1, 0x11223344, 0xDEADBEEF, bytes.fromhex("12340005"))


def test_reads_bye_with_reason_and_two_sources() -> None:
    bye = bytes.fromhex("82cb00050000000100000002") + b"\x08too late" + bytes(3)
    assert rtcp.parse(RR + bye)[1] == rtcp.Goodbye((1, 2), "too late")


def test_reads_description_of_several_sources() -> None:
    # RFC 3550 section 6.5: each chunk ends with one to four zero bytes, up to a 32-bit boundary.
    chunks = b"\0\0\0\1\1\2ab\0\0\0\0" + b"\0\0\0\2\1\1c\0" + b"\0\0\0\3\0\0\0\0"
    description = struct.pack("!BBH", 0x83, 202, len(chunks) // 4) + chunks
    assert rtcp.parse(RR + description)[1] == rtcp.SourceDescription(((1, "ab"), (2, "c"), (3, "")))


def test_skips_other_types_and_profile_extensions_and_padding() -> None:
    extended_report = bytes.fromhex("80c9000311223344aabbccdd00000000")
    application = bytes.fromhex("80cc000211223344") + b"name"
    padded = bytes.fromhex("a0c900021122334400000004")
    assert rtcp.parse(extended_report + application + padded) == [rtcp.ReceiverReport(0x11223344, ())] * 2


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "0 bytes left of 0"),
        (b"\x80\xc9\x00", "3 bytes left of 3"),
        (RR + b"\x80", "1 bytes left of 9"),
        (bytes.fromhex("40c9000111223344"), "version 1"),
        (bytes.fromhex("00c9000111223344"), "version 0"),
        (bytes.fromhex("c0c9000111223344"), "version 3"),
        (bytes.fromhex("80c9000211223344"), "packet of 8 bytes where 4 are left"),
        (bytes.fromhex("80c9ffff11223344"), "packet of 262140 bytes"),
        (bytes.fromhex("80c90000"), "needs 4"),
        (bytes.fromhex("81c9000111223344"), "needs 24"),
        (bytes.fromhex("80c8000111223344"), "needs 24"),
        (bytes.fromhex("81cb000111223344"), "begins with packet type 203"),
        (bytes.fromhex("81ca000111223344"), "begins with packet type 202"),
        (RR + bytes.fromhex("82cb000111223344"), "needs 8"),
        (RR + bytes.fromhex("81cb000211223344ff000000"), "needs 260"),
        (RR + bytes.fromhex("81ca000111223344"), "needs 5"),
        (RR + bytes.fromhex("81ca00021122334401ff6162"), "needs 261"),
        (RR + bytes.fromhex("81ca00021122334401026162"), "needs 9"),
        (RR + bytes.fromhex("9fca0000"), "needs 4"),
        (RR + bytes.fromhex("81ce000111223344"), "needs 8"),
        (bytes.fromhex("a0c9000211223344000000ff"), "padding of 255"),
        (bytes.fromhex("a0c900021122334400000000"), "padding of 0"),
        (bytes.fromhex("a0c900021122334400000003"), "padding of 3"),
        (bytes.fromhex("a0c90000"), "padding of 0"),
        (bytes.fromhex("a0c900021122334400000004") + RR, "padding of 4"),
        (RR * 2000, "16000 bytes: more than 8192"),
    ],
)
def test_refuses_malformed(data: bytes, says: str) -> None:
    with pytest.raises(RtcpError, match=says):
        rtcp.parse(data)


@given(st.binary(max_size=200))
def test_any_bytes_give_packets_or_our_error(tail: bytes) -> None:
    for data in (tail, RR + tail, GST_RECEIVER_REPORT[:8] + tail):
        try:
            rtcp.parse(data)
        except RtcpError:
            continue


@given(st.text(max_size=63))
def test_text_of_any_length_is_padded_to_words(text: str) -> None:
    packets = rtcp.parse(rtcp.goodbye(7, text, cname=text or "c"))
    assert packets[1:] == [rtcp.SourceDescription(((7, text or "c"),)), rtcp.Goodbye((7,), text)]


def test_counts_wrap_at_32_bits() -> None:
    built = rtcp.sender_report(1, 2, 3, 2**32 + 4, 2**32 + 5, cname="c")
    assert rtcp.parse(built)[0] == rtcp.SenderReport(1, 2, 3, 4, 5, ())


@pytest.mark.parametrize("build", [lambda text: rtcp.goodbye(1, text), lambda text: rtcp.goodbye(1, cname=text)])
def test_text_over_255_bytes_is_refused(build: object) -> None:
    assert callable(build)
    with pytest.raises(RtcpError, match="256 bytes: at most 255"):
        build("\u00e9" * 128)


def test_round_trip() -> None:
    # RFC 3550 figure 2: the report comes at 0xb710:8000, LSR is 0xb705:2000, DLSR 0x0005:4000, so 6.125 s.
    assert rtcp.round_trip_s(0xB7052000, 0x00054000, 0xB7108000) == 6.125
    assert rtcp.round_trip_s(0, 0, 0xB7108000) is None
    assert rtcp.round_trip_s(0xFFFF0000, 0x8000, 0x00008000) == 1.0
    assert rtcp.round_trip_s(0x00020000, 0x00010001, 0x00030000) == 0.0


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_reads_what_we_build(tmp_path: Path) -> None:
    compounds = [
        rtcp.sender_report(0x01020304, 0xE000000180000000, 90_000, 1000, 1_200_000, cname="0123456789abcdef"),
        rtcp.goodbye(0x01020304, "source ended", cname="c"),
        rtcp.goodbye(0x01020304),
        rtcp.goodbye(0x01020304, "both", others=[0x05060708]),
    ]
    capture = write_pcap(tmp_path / "rtcp.pcap", compounds, 5005)
    assert _tshark(capture, ["rtcp.pt", "rtcp.senderssrc", "rtcp.sdes.text", "rtcp.length_check"]) == [
        ["200,202", "0x01020304", "0123456789abcdef", "1"],
        ["201,202,203", "0x01020304", "c,source ended", "1"],
        ["201,203", "0x01020304", "", "1"],
        ["201,203", "0x01020304", "both", "1"],
    ]
    assert _tshark(capture, ["rtcp.ssrc.identifier"])[3] == ["0x01020304,0x05060708"]
    clocks = ["rtcp.timestamp.ntp.msw", "rtcp.timestamp.ntp.lsw", "rtcp.timestamp.rtp"]
    counts = ["rtcp.sender.packetcount", "rtcp.sender.octetcount"]
    assert _tshark(capture, clocks + counts)[0] == ["3758096385", "2147483648", "90000", "1000", "1200000"]
    assert _tshark(capture, ["_ws.malformed"]) == [[""]] * 4


def _tshark(capture: Path, fields: list[str]) -> list[list[str]]:
    """Give what tshark reads in each frame, a column for each field; repeats within a frame are joined by commas."""
    command = ["tshark", "-r", str(capture), "-d", "udp.port==5005,rtcp", "-T", "fields"]
    command += [part for field in fields for part in ("-e", field)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [line.split("\t") for line in output.split("\n")[:-1]]

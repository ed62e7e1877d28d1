"""One stream: what it says of itself, where a viewer begins, and its clocks."""

import time
from base64 import b64decode, b64encode

import pytest

from tests.access_units import PPS, SPS, annexb, keyframe, picture
from tests.clock import unix_us
from tests.datagrams import sending
from tests.interleaved import Line
from tests.streams import stream
from vstream.clock import monotonic_us
from vstream.sources.base import AccessUnit

# x264's for 640x480 at 25 frames/s, with sps-id=1.
LARGER_SPS = b64decode("Z2QAHks2UCgPbARAAAADAEAAAAyDxYtlgA==")
LARGER_PPS = b64decode("aEr4/LA=")


def test_it_is_ready_with_its_parameter_sets() -> None:
    fed = stream()
    fed.publish(AccessUnit(picture(0), monotonic_us()))
    assert (fed.ready, fed.description("rtsp://h/v/", "127.0.0.1", "RTP/AVP")) == (False, None)
    fed.publish(AccessUnit(annexb(SPS, PPS), monotonic_us()))
    description = fed.description("rtsp://h/v/", "127.0.0.1", "RTP/AVP")
    assert fed.ready
    assert description is not None
    assert b"sprop-parameter-sets=Z0LADdkBQfsBEAAAAwAQAAADA8DxQqSA,aMuDyyA=" in description
    assert b"profile-level-id=42c00d" in description.lower()


def test_an_sps_that_cannot_be_read_is_said_and_survived(caplog: pytest.LogCaptureFixture) -> None:
    fed = stream()
    fed.publish(AccessUnit(annexb(SPS[:5], PPS), monotonic_us()))
    assert not fed.ready
    assert "SPS cannot be read" in caplog.text
    fed.publish(AccessUnit(keyframe(0), monotonic_us()))
    assert fed.ready


def test_an_encoder_that_numbers_its_parameter_sets_on_is_described_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    fed, larger = stream(), annexb(LARGER_SPS, LARGER_PPS, keyframe(1).rpartition(b"\0\0\0\1")[2])
    sizes = []
    for unit in (keyframe(0), larger, picture(2), larger, keyframe(3)):
        fed.publish(AccessUnit(unit, monotonic_us()))
        description = fed.description("rtsp://h/v/", "127.0.0.1", "RTP/AVP")
        assert description is not None
        sizes.append(description.partition(b"a=framesize:96 ")[2].split()[0])
    assert sizes == [b"320-240", b"640-480", b"640-480", b"640-480", b"320-240"]
    assert [record.message.split()[2] for record in caplog.records] == ["320x240", "640x480", "320x240"]


def test_parameter_sets_that_change_nothing_of_the_picture_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    fed = stream()
    for number in range(4):
        pps = PPS + bytes([number + 1])
        fed.publish(AccessUnit(keyframe(number).replace(PPS, pps), monotonic_us()))
        assert b64encode(pps) in (fed.description("rtsp://h/v/", "127.0.0.1", "RTP/AVP") or b"")
    assert len(caplog.records) == 1


def test_a_unit_with_nothing_to_send_reaches_nobody() -> None:
    fed = stream()
    fed.publish(AccessUnit(b"\0\0\0\1\x09\x10", monotonic_us()))
    fed.publish(AccessUnit(b"", monotonic_us()))
    assert fed.fanout.units == 0


def test_the_start_point_is_the_first_packet_that_comes() -> None:
    fed, line = stream(), Line()
    for number in range(5):
        fed.publish(AccessUnit(picture(number) if number % 3 else keyframe(number), monotonic_us()))
    start = fed.start_point()
    fed.join_tcp(line.writer, 0)
    line.drain()
    first = line.received.frames[0][0]
    assert (int.from_bytes(first[2:4]), int.from_bytes(first[4:8])) == (start.sequence, start.timestamp)
    line.close()


def test_without_a_keyframe_the_start_is_not_known() -> None:
    assert stream().start_point() == (None, None)


def test_a_backlog_at_joining_is_told() -> None:
    fed = stream()
    told: list[bool] = []
    fed.on_backlog = lambda: told.append(True)
    fed.publish(AccessUnit(keyframe(0, 200_000), monotonic_us()))
    with sending() as sender:
        fed.join_udp(sender.viewer().writer)
        assert told == [True]


def test_it_goes_on_with_a_recovery_point_where_there_are_no_other_keyframes() -> None:
    """As with intra refresh, or where groups of pictures are open: the only IDR picture is the first."""
    fed = stream()
    recovery_point = annexb(b"\x06\x06\x01\xc4\x80") + picture(2)
    fed.publish(AccessUnit(keyframe(0), 0))
    fed.interrupted()
    fed.publish(AccessUnit(picture(1), 0))
    assert fed.fanout.units == 1
    fed.publish(AccessUnit(recovery_point, 0))
    assert (fed.fanout.units, fed.fanout.keyframes) == (2, 2)


def test_its_clocks_tell_one_instant() -> None:
    fed, line = stream(), Line()
    captured_us = monotonic_us()
    fed.publish(AccessUnit(keyframe(0), captured_us))
    fed.join_tcp(line.writer, 0)
    line.drain()
    stamp = int.from_bytes(line.received.frames[0][0][4:8])
    before_us, clocks, after_us = time.time_ns() // 1000, fed.clocks(), time.time_ns() // 1000
    assert before_us - 1 <= unix_us(clocks.ntp_timestamp) <= after_us + 1
    elapsed_us = (clocks.rtp_timestamp - stamp) % 2**32 * 100 // 9
    assert 0 <= elapsed_us <= monotonic_us() - captured_us + 100
    line.close()

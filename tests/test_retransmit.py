"""Lost packets sent again, in the RFC's own layout, to the one who asked, and never without bound."""

import shutil
import subprocess
import time

import pytest

from tests.access_units import PAYLOAD_TYPE, SSRC
from tests.datagrams import UdpViewer, media_in, sending
from vstream._fastpath import Fanout, Srtp, Train

RTX_PAYLOAD_TYPE = 97
RTX_SSRC = 0x0A0B0C0D
RTX = (RTX_PAYLOAD_TYPE, RTX_SSRC, 65534)
"""The retransmission stream's sequence numbers wrap after the second packet."""
SHARE = 4


def sequences_of(train: Train) -> list[int]:
    return [(train.first_sequence + number) & 0xFFFF for number in range(train.packet_count)]


def original_of(packet: bytes) -> bytes:
    """Undo RFC 4588 section 4: the original sequence number begins the payload."""
    head = bytes([packet[0], packet[1] & 0x80 | PAYLOAD_TYPE]) + packet[12:14] + packet[4:8] + SSRC.to_bytes(4)
    return head + packet[14:]


def received(viewer: UdpViewer, train: Train) -> None:
    assert viewer.packets(train.packet_count) == train.packets()


def test_without_negotiation_a_lost_packet_comes_again_as_it_was() -> None:
    with sending() as sender:
        asking, other = sender.joined(), sender.joined()
        train = sender.trains.keyframe(50_000)
        sender.fanout.publish(train, 0)
        received(asking, train)
        received(other, train)
        wanted = [0, 5, train.packet_count - 1]
        assert sender.fanout.retransmit(asking.writer, [sequences_of(train)[number] for number in wanted]) == 3
        assert asking.packets(3) == [train.packets()[number] for number in wanted]
        assert other.rest() == []
        assert asking.writer.packets_sent == train.packet_count + 3
        assert (asking.writer.packets_retransmitted, sender.fanout.packets_retransmitted) == (3, 3)
        assert sender.fanout.packets_sent == 2 * train.packet_count + 3


def test_rfc_4588_packets_are_a_stream_of_their_own() -> None:
    with sending() as sender:
        viewer = sender.joined(rtx=RTX)
        train = sender.trains.keyframe(50_000)
        sender.fanout.publish(train, 0)
        received(viewer, train)
        wanted = [3, 4, train.packet_count - 1]
        assert sender.fanout.retransmit(viewer.writer, [sequences_of(train)[number] for number in wanted]) == 3
        packets = viewer.packets(3)
        assert [int.from_bytes(packet[2:4]) for packet in packets] == [65534, 65535, 0]
        for packet, number in zip(packets, wanted, strict=True):
            last = number == train.packet_count - 1
            assert packet[:2] == bytes([0x80, RTX_PAYLOAD_TYPE | (0x80 if last else 0)])
            assert packet[8:12] == RTX_SSRC.to_bytes(4)
            assert original_of(packet) == train.packets()[number]
        assert viewer.writer.packets_sent == train.packet_count
        assert viewer.writer.packets_retransmitted == 3
        assert viewer.writer.octets_retransmitted == sum(len(packet) - 12 for packet in packets)
        assert sender.fanout.packets_sent == train.packet_count + 3


@pytest.mark.parametrize("rtx", [(0, 0, 0), RTX])
def test_packets_reach_viewers_of_both_families_from_the_address_they_asked(rtx: tuple[int, int, int]) -> None:
    with sending(dual_stack=True) as sender:
        viewer = sender.joined(source="::ffff:127.0.0.2", rtx=rtx)
        train = sender.trains.keyframe(50_000)
        sender.fanout.publish(train, 0)
        received(viewer, train)
        sender.fanout.retransmit(viewer.writer, sequences_of(train)[7:8])
        packet, address = viewer.socket.recvfrom(65536)
        assert address == ("127.0.0.2", sender.socket.getsockname()[1])
        assert train.packets()[7] == (original_of(packet) if rtx[0] else packet)


def test_sequence_numbers_are_found_over_their_wrap() -> None:
    with sending() as sender:
        viewer = sender.joined()
        trains = [sender.trains.keyframe(), *[sender.trains.picture(10_000) for _ in range(100)]]
        for train in trains:
            sender.fanout.publish(train, 0)
        viewer.rest()
        assert trains[0].first_sequence > trains[-1].first_sequence
        for train in trains:
            assert sender.fanout.retransmit(viewer.writer, sequences_of(train)[:1]) == 1
            assert viewer.packets(1) == train.packets()[:1]


def test_unknown_old_and_absurd_numbers_are_left_out() -> None:
    with sending() as sender:
        viewer = sender.joined()
        train = sender.trains.keyframe(50_000)
        sender.fanout.publish(train, 0)
        received(viewer, train)
        before, after = (train.first_sequence - 1) & 0xFFFF, (train.first_sequence + train.packet_count) & 0xFFFF
        known = train.first_sequence
        assert sender.fanout.retransmit(viewer.writer, [before, after, known, (known + 0x8000) & 0xFFFF]) == 1
        assert viewer.packets(1) == train.packets()[:1]
        assert sender.fanout.retransmit(viewer.writer, []) == 0
        with pytest.raises(OverflowError):
            sender.fanout.retransmit(viewer.writer, [65536])
        assert viewer.rest() == []


def test_trains_are_kept_for_a_time_and_no_longer_than_a_keyframe() -> None:
    with sending(history_us=0) as sender:
        viewer = sender.joined()
        trains = [sender.trains.keyframe(), sender.trains.picture(), sender.trains.keyframe(), sender.trains.picture()]
        for train in trains:
            sender.fanout.publish(train, 0)
        viewer.rest()
        found = [sender.fanout.retransmit(viewer.writer, sequences_of(train)[:1]) for train in trains]
        assert found == [0, 0, 1, 1], "those since the newest keyframe are kept for newcomers anyway"


def test_what_is_kept_is_bounded_in_bytes_and_trains() -> None:
    with sending() as sender:
        viewer = sender.joined()
        trains = [sender.trains.keyframe(1_000_000), *[sender.trains.keyframe(300_000) for _ in range(20)]]
        for train in trains:
            sender.fanout.publish(train, 0)
        viewer.rest()
        found = [sender.fanout.retransmit(viewer.writer, sequences_of(train)[:1]) for train in trains]
        assert found == [0] * 8 + [1] * 13, "4 MiB"
        for _ in range(300):
            sender.fanout.publish(sender.trains.keyframe(100), 0)
        viewer.rest()
        assert sender.fanout.retransmit(viewer.writer, sequences_of(trains[-1])[:1]) == 0


def test_a_newcomer_may_lose_a_packet_of_the_pictures_it_began_with() -> None:
    with sending() as sender:
        trains = [sender.trains.keyframe(30_000), sender.trains.picture(5000)]
        for train in trains:
            sender.fanout.publish(train, 0)
        viewer = sender.viewer()
        sender.fanout.join_udp(viewer.writer, cached=True)
        viewer.rest()
        for train in trains:
            assert sender.fanout.retransmit(viewer.writer, sequences_of(train)[1:2]) == 1
            assert viewer.packets(1) == train.packets()[1:2]


def test_nothing_older_than_its_keyframe_is_sent_to_a_viewer() -> None:
    with sending() as sender:
        early = sender.joined()
        missed = [sender.trains.keyframe(30_000), sender.trains.picture(5000)]
        for train in missed:
            sender.fanout.publish(train, 0)
        late = sender.joined()
        picture, keyframe = sender.trains.picture(5000), sender.trains.keyframe(30_000)
        sender.fanout.publish(picture, 0)
        assert sender.fanout.retransmit(late.writer, sequences_of(picture)) == 0, "it waits for its first keyframe"
        sender.fanout.publish(keyframe, 0)
        assert media_in(late.rest()).numbers == [3]
        for train in [*missed, picture]:
            assert sender.fanout.retransmit(late.writer, sequences_of(train)[:1]) == 0
            assert sender.fanout.retransmit(early.writer, sequences_of(train)[:1]) == 1
        assert sender.fanout.retransmit(late.writer, sequences_of(keyframe)[:1]) == 1
        assert late.packets(1) == keyframe.packets()[:1]


def test_after_an_interruption_nothing_of_before_is_sent() -> None:
    with sending() as sender:
        viewer = sender.joined()
        train = sender.trains.keyframe(30_000)
        sender.fanout.publish(train, 0)
        received(viewer, train)
        sender.fanout.interrupt()
        assert sender.fanout.retransmit(viewer.writer, sequences_of(train)) == 0


def test_who_left_or_never_joined_gets_nothing() -> None:
    with sending() as sender:
        viewer, outsider = sender.joined(), sender.viewer()
        train = sender.trains.keyframe(30_000)
        sender.fanout.publish(train, 0)
        received(viewer, train)
        sender.fanout.leave_udp(viewer.writer)
        assert sender.fanout.retransmit(viewer.writer, sequences_of(train)) == 0
        assert sender.fanout.retransmit(outsider.writer, sequences_of(train)) == 0
        assert Fanout(gop_limit_bytes=0).retransmit(viewer.writer, sequences_of(train)) == 0
        assert viewer.rest() + outsider.rest() == []


def test_nothing_leaves_in_the_clear_to_a_viewer_of_srtp() -> None:
    with sending() as sender:
        viewer = sender.encrypted(Srtp(bytes(30), bytes(30), tag_bytes=10))
        train = sender.trains.keyframe(30_000)
        sender.fanout.publish(train, 0)
        viewer.packets(train.packet_count)
        assert sender.fanout.retransmit(viewer.writer, sequences_of(train)) == 0
        assert viewer.rest() == []


@pytest.mark.parametrize("rtx", [(0, 0, 0), RTX])
def test_a_flood_of_requests_gets_no_more_than_its_share(rtx: tuple[int, int, int]) -> None:
    with sending() as sender:
        viewer = sender.joined(rtx=rtx)
        sent_bytes = again_bytes = 0
        for number in range(60):
            train = sender.trains.picture(20_000) if number % 10 else sender.trains.keyframe(20_000)
            sender.fanout.publish(train, 0)
            sent_bytes += sum(map(len, viewer.packets(train.packet_count)))
            for _ in range(20):
                sender.fanout.retransmit(viewer.writer, sequences_of(train) * 50)
                again_bytes += sum(map(len, viewer.rest()))
        assert sent_bytes / SHARE * 0.9 < again_bytes < sent_bytes / SHARE * 1.1


def test_asking_for_what_is_not_there_costs_the_others_little_however_much_is_kept() -> None:
    """While it is looked for nothing is sent to anybody."""

    def seconds(pictures: int) -> float:
        with sending() as sender:
            trains = [sender.trains.keyframe(), *[sender.trains.picture(20) for _ in range(pictures)]]
            for train in trains:
                sender.fanout.publish(train, 0)
            viewer = sender.joined()
            absent = [(trains[0].first_sequence - 1) & 0xFFFF] * 1000
            took = []
            for _ in range(10):
                begun_s = time.thread_time()
                assert sender.fanout.retransmit(viewer.writer, absent) == 0
                took.append(time.thread_time() - begun_s)
            return min(took)

    assert seconds(20_000) < seconds(1) * 50


def test_what_may_be_asked_for_is_not_saved_up_for_ever() -> None:
    with sending() as sender:
        viewer = sender.joined()
        for _ in range(100):
            train = sender.trains.keyframe(100_000)
            sender.fanout.publish(train, 0)
            viewer.rest()
        again_bytes = 0
        for _ in range(10):
            sender.fanout.retransmit(viewer.writer, sequences_of(train) * 10)
            again_bytes += sum(map(len, viewer.rest()))
        assert 250_000 < again_bytes < 275_000, "256 KiB"


_GSTREAMER_RECEIVES = """
import sys
import gi
gi.require_version("Gst", "1.0")
from gi.repository import Gst
Gst.init(None)
pipeline = Gst.parse_launch("appsrc name=in format=time ! rtprtxreceive name=rtx ! appsink name=out sync=false")
rtx = pipeline.get_by_name("rtx")
rtx.set_property("payload-type-map", Gst.Structure.from_string("map,96=(uint)97")[0])
source, sink = pipeline.get_by_name("in"), pipeline.get_by_name("out")
source.set_property("caps", Gst.Caps.from_string("application/x-rtp,media=video,clock-rate=90000,payload=96"))
pipeline.set_state(Gst.State.PLAYING)
lines = sys.stdin.read().split()
ssrc, first = int(lines[0]), bytes.fromhex(lines[1])
def push(packet):
    assert source.emit("push-buffer", Gst.Buffer.new_wrapped(packet)) == Gst.FlowReturn.OK
    buffer = sink.emit("pull-sample").get_buffer()
    return buffer.extract_dup(0, buffer.get_size())
assert push(first) == first
for line in lines[2:]:
    packet = bytes.fromhex(line)
    lost = int.from_bytes(packet[12:14], "big")
    request = Gst.Structure.from_string(f"GstRTPRetransmissionRequest,seqnum=(uint){lost},ssrc=(uint){ssrc}")[0]
    sink.get_static_pad("sink").push_event(Gst.Event.new_custom(Gst.EventType.CUSTOM_UPSTREAM, request))
    print(push(packet).hex())
"""


def test_gstreamer_restores_the_originals() -> None:
    python = shutil.which("python3", path="/usr/bin")
    if python is None or subprocess.run([python, "-c", "import gi"], check=False, capture_output=True).returncode:
        pytest.skip("needs Debian's python3-gi")
    with sending() as sender:
        viewer = sender.joined(rtx=RTX)
        train = sender.trains.keyframe(20_000)
        sender.fanout.publish(train, 0)
        received(viewer, train)
        sender.fanout.retransmit(viewer.writer, sequences_of(train)[5:8])
        lines = [str(SSRC), train.packets()[0].hex(), *[packet.hex() for packet in viewer.packets(3)]]
    run = subprocess.run(
        [python, "-c", _GSTREAMER_RECEIVES], input="\n".join(lines), capture_output=True, text=True, check=True
    )
    assert [bytes.fromhex(line) for line in run.stdout.split()] == train.packets()[5:8]

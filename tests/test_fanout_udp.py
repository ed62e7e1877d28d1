"""One stream to UDP viewers: trains or single packets, addresses, a full socket, and that nobody hurts another."""

import errno
import select
import socket
import struct

import pytest

from tests.access_units import Trains
from tests.datagrams import Sender, UdpViewer, media_in, sending
from tests.interleaved import SMALLEST_BUFFER_BYTES
from tests.netns import own_network, run_in_own_network
from vstream._fastpath import Fanout, Train, UdpWriter

UDP_SEGMENT = 103
IP_RECVERR = 11
NARROW_LINK = "ip link set lo mtu 600 up"
SLOW_LINK = "ip link set lo up\ntc qdisc add dev lo root tbf rate 20mbit burst 20kb latency 20s"


def publish(fanout: Fanout, *trains: Train) -> bool:
    return [fanout.publish(train, 0) for train in trains][-1]


def mixed(trains: Trains) -> list[Train]:
    """Access units of one packet, of a few, and of more than one send may carry."""
    sizes = (10, 1000, 1388, 1389, 5000, 66_000, 150_000)
    return [trains.keyframe(), *[trains.picture(size) for size in sizes], trains.keyframe(200_000)]


def packets_of(trains: list[Train]) -> list[bytes]:
    return [packet for train in trains for packet in train.packets()]


def assert_counts(fanout: Fanout, *received: tuple[UdpViewer, list[bytes]]) -> None:
    """What the writers and the fanout count is what came, exactly."""
    for viewer, packets in received:
        media = media_in(packets)
        assert viewer.writer.packets_sent == media.packets
        assert viewer.writer.octets_sent == media.octets
        assert viewer.writer.units_sent == len(media.numbers)
    assert fanout.packets_sent == sum(len(packets) for _, packets in received)
    assert fanout.octets_sent == sum(viewer.writer.octets_sent for viewer, _ in received)


def test_every_viewer_gets_identical_packets_with_and_without_segmentation() -> None:
    with sending() as sender:
        viewers = [sender.joined(segmentation=segmentation) for segmentation in (True, False, True, False)]
        received: list[tuple[UdpViewer, list[bytes]]] = [(viewer, []) for viewer in viewers]
        for train in mixed(sender.trains):
            assert not publish(sender.fanout, train)
            for viewer, packets in received:
                packets.extend(viewer.packets(train.packet_count))
                assert packets[-train.packet_count :] == train.packets()
        assert_counts(sender.fanout, *received)


def test_more_viewers_than_one_batch_holds() -> None:
    with sending() as sender:
        viewers = [sender.joined(segmentation=number % 3 > 0) for number in range(130)]
        train = sender.trains.keyframe(15_000)
        assert not publish(sender.fanout, train)
        for viewer in viewers:
            assert viewer.packets(train.packet_count) == train.packets()
        assert sender.fanout.packets_sent == 130 * train.packet_count


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_socket_of_both_families_serves_each(host: str) -> None:
    with sending(dual_stack=True) as sender:
        viewer = sender.joined(host)
        published = [sender.trains.keyframe(50_000), sender.trains.picture()]
        publish(sender.fanout, *published)
        assert viewer.packets(len(packets_of(published))) == packets_of(published)


@pytest.mark.parametrize(("dual_stack", "source"), [(False, "127.0.0.2"), (True, "::ffff:127.0.0.2")])
def test_packets_come_from_the_address_that_was_asked(dual_stack: bool, source: str) -> None:
    with sending(dual_stack=dual_stack) as sender:
        viewer = sender.joined(source=source)
        publish(sender.fanout, sender.trains.keyframe(50_000))
        port = sender.socket.getsockname()[1]
        for _ in range(37):
            assert viewer.socket.recvfrom(65536)[1] == ("127.0.0.2", port)


def test_a_port_that_nobody_reads_hurts_nobody_else() -> None:
    with sending() as sender:
        sender.socket.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        viewers = [sender.joined() for _ in range(6)]
        for gone in viewers[::2]:
            gone.socket.close()
        published = [sender.trains.keyframe(4000), *[sender.trains.picture(4000) for _ in range(30)]]
        for train in published:
            publish(sender.fanout, train)
        for viewer in viewers[1::2]:
            assert viewer.packets(len(packets_of(published))) == packets_of(published)
            assert viewer.writer.units_dropped == 0


def test_an_address_without_a_way_to_it_hurts_nobody_else() -> None:
    with sending() as sender:
        viewer = sender.viewer()
        # Refused by the kernel because the socket may not broadcast.
        lost = UdpWriter(sender.socket.fileno(), b"255.255.255.255", 9, limit_bytes=1 << 20)
        for writer in (lost, viewer.writer):
            sender.fanout.join_udp(writer, cached=False)
        published = [sender.trains.keyframe(50_000), sender.trains.picture(), sender.trains.keyframe()]
        assert not publish(sender.fanout, *published)
        assert viewer.packets(len(packets_of(published))) == packets_of(published)
        assert (lost.error, lost.packets_sent, lost.units_dropped) == (errno.EACCES, 0, 3)
        assert lost.awaiting_keyframe


def test_a_newcomer_gets_the_kept_gop_in_paced_bursts() -> None:
    with sending() as sender:
        published = [sender.trains.keyframe(100_000), *[sender.trains.picture(20_000) for _ in range(20)]]
        publish(sender.fanout, *published)
        viewer = sender.viewer(limit_bytes=50_000)
        sender.fanout.join_udp(viewer.writer, cached=True)
        packets = viewer.rest()
        assert 0 < len(packets) * 1400 < 140_000, "a burst fits any player's receive buffer"
        later = sender.trains.picture()
        assert publish(sender.fanout, later), "which stands behind what is kept"
        turns = 0
        while sender.fanout.flush_udp():
            turns += 1
            packets += viewer.rest()
        packets += viewer.rest()
        assert turns > 3
        assert packets == packets_of([*published, later])
        assert_counts(sender.fanout, (viewer, packets))


def test_a_viewer_leaves_and_goes_on_from_a_keyframe() -> None:
    with sending() as sender:
        viewer = sender.joined()
        publish(sender.fanout, sender.trains.keyframe(), sender.trains.picture())
        sender.fanout.leave_udp(viewer.writer)
        publish(sender.fanout, sender.trains.picture())
        sender.fanout.join_udp(viewer.writer, cached=False)
        publish(sender.fanout, sender.trains.picture(), sender.trains.keyframe(), sender.trains.picture())
        assert media_in(viewer.rest()).numbers == [0, 1, 4, 5]
        assert viewer.writer.units_dropped == 0


def test_leaving_forgets_the_backlog() -> None:
    with sending() as sender:
        publish(sender.fanout, sender.trains.keyframe(500_000))
        viewer = sender.viewer()
        for _ in range(20):
            sender.fanout.join_udp(viewer.writer, cached=True)
            assert viewer.writer.queued_bytes > 0
            sender.fanout.leave_udp(viewer.writer)
            assert viewer.writer.queued_bytes == 0
        assert not sender.fanout.flush_udp()


def test_a_writer_joins_once() -> None:
    with sending() as sender:
        viewer = sender.joined()
        with pytest.raises(ValueError, match="has joined"):
            sender.fanout.join_udp(viewer.writer, cached=False)
        Fanout(gop_limit_bytes=0).leave_udp(viewer.writer)
        publish(sender.fanout, sender.trains.keyframe())
        assert media_in(viewer.rest()).numbers == [0], "a fanout it did not join cannot make it leave"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_writer_that_left_may_go_on_at_another_port(host: str) -> None:
    with sending(dual_stack=True) as sender:
        first, second = sender.joined(host), sender.viewer(host)
        port = second.socket.getsockname()[1]
        with pytest.raises(ValueError, match="has joined"):
            first.writer.set_port(port)
        sender.fanout.leave_udp(first.writer)
        with pytest.raises(ValueError, match="is not within"):
            first.writer.set_port(65536)
        first.writer.set_port(port)
        sender.fanout.join_udp(first.writer, cached=False)
        publish(sender.fanout, sender.trains.keyframe())
        assert media_in(second.rest()).numbers == [0]
        assert first.rest() == []


@pytest.mark.parametrize(
    ("host", "port", "source"),
    [(b"localhost", 1, b""), (b"127.0.0.1", 0, b""), (b"127.0.0.1", 65536, b""), (b"127.0.0.1", 1, b"nowhere")],
)
def test_addresses_are_checked(host: bytes, port: int, source: bytes) -> None:
    with pytest.raises(ValueError, match="is n"):
        UdpWriter(0, host, port, limit_bytes=1, source=source)


@own_network
def test_where_the_route_is_too_narrow_for_trains_packets_go_singly() -> None:
    run_in_own_network(NARROW_LINK, f"{__name__}:over_a_narrow_link")


def over_a_narrow_link() -> None:
    with sending() as sender:
        segment = (socket.SOL_UDP, UDP_SEGMENT, struct.pack("H", 1400))
        with pytest.raises(OSError, match=r".") as refused:
            sender.socket.sendmsg([bytes(5000)], [segment], 0, ("127.0.0.1", 9))
        assert refused.value.errno in (errno.EMSGSIZE, errno.EINVAL), "else this test shows nothing"
        viewers = [sender.joined(), sender.joined(segmentation=False), sender.joined()]
        published = mixed(sender.trains)
        received: list[tuple[UdpViewer, list[bytes]]] = [(viewer, []) for viewer in viewers]
        for train in published:
            backlog = publish(sender.fanout, train)
            while backlog:
                backlog = sender.fanout.flush_udp()
            for viewer, packets in received:
                packets.extend(viewer.packets(train.packet_count))
        for _, packets in received:
            assert packets == packets_of(published)
        assert_counts(sender.fanout, *received)
        assert [viewer.writer.units_dropped for viewer in viewers] == [0, 0, 0]


@own_network
def test_a_full_socket_sends_on_when_it_can() -> None:
    run_in_own_network(SLOW_LINK, f"{__name__}:through_a_full_socket")


def through_a_full_socket() -> None:
    with sending(send_buffer_bytes=SMALLEST_BUFFER_BYTES) as sender:
        viewers = [sender.joined(segmentation=number < 2) for number in range(4)]
        published = [sender.trains.keyframe(30_000), *[sender.trains.picture(3000) for _ in range(20)]]
        backlogs = [publish(sender.fanout, train) for train in published]
        assert any(backlogs)
        _send_on(sender)
        received = [(viewer, viewer.packets(len(packets_of(published)))) for viewer in viewers]
        for _, packets in received:
            assert packets == packets_of(published)
        assert_counts(sender.fanout, *received)


@own_network
def test_viewers_share_a_full_socket() -> None:
    run_in_own_network(SLOW_LINK, f"{__name__}:fairly")


def fairly() -> None:
    with sending(send_buffer_bytes=SMALLEST_BUFFER_BYTES) as sender:
        received: list[tuple[UdpViewer, list[bytes]]] = [(sender.joined(limit_bytes=60_000), []) for _ in range(8)]
        for number in range(400):
            publish(sender.fanout, sender.trains.picture(10_000) if number % 10 else sender.trains.keyframe(10_000))
            select.select([], [sender.socket], [], 0.01)
            for viewer, packets in received:
                assert viewer.writer.queued_bytes <= 60_000
                packets.extend(viewer.rest())
        _send_on(sender)
        for viewer, packets in received:
            packets.extend(viewer.packets(viewer.writer.packets_sent - len(packets)))
        assert_counts(sender.fanout, *received)
        counts = [len(packets) for _, packets in received]
        assert min(counts) * 4 > max(counts), counts
        assert sum(viewer.writer.units_dropped for viewer, _ in received) == sender.fanout.units_dropped > 0


def _send_on(sender: Sender) -> None:
    while sender.fanout.flush_udp():
        select.select([], [sender.socket], [], 0.01)

"""SRTP: the RFC's vectors, and libsrtp as the receiver of what the fast path sends and the sender of what it hears."""

from collections.abc import Iterator

import pytest
from pylibsrtp import Error, Policy, Session

from tests import access_units
from tests.datagrams import Sender, UdpViewer, media_in, sending
from vstream._fastpath import Srtp, Train, derive_key

OURS, THEIRS = bytes(range(30)), bytes(range(100, 130))
PROFILES = {10: Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 4: Policy.SRTP_PROFILE_AES128_CM_SHA1_32}
REPORT = bytes.fromhex("80c8000600001234") + bytes(20)


def receiver(tag_bytes: int = 10, key: bytes = OURS) -> Session:
    policy = Policy(key=key, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=PROFILES[tag_bytes])
    return Session(policy=policy)


def reporter(key: bytes = THEIRS) -> Session:
    return Session(policy=Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=PROFILES[10]))


def context(tag_bytes: int = 10) -> Srtp:
    return Srtp(OURS, THEIRS, tag_bytes=tag_bytes)


@pytest.fixture
def sender() -> Iterator[Sender]:
    with sending() as one:
        yield one


def publish(sender: Sender, *trains: Train) -> None:
    for train in trains:
        if sender.fanout.publish(train, 0):
            while sender.fanout.flush_udp():
                pass


def opened(viewer: UdpViewer, by: Session) -> list[bytes]:
    return [by.unprotect(packet) for packet in viewer.rest()]


def sequence(packet: bytes) -> int:
    return int.from_bytes(packet[2:4])


def assert_same_media(received: list[bytes], trains: list[Train]) -> None:
    """Everything but the sequence numbers is as it was sent."""
    sent = [packet for train in trains for packet in train.packets()]
    assert [packet[:2] + packet[4:] for packet in received] == [packet[:2] + packet[4:] for packet in sent]


def test_the_keystream_of_rfc_3711_appendix_b2() -> None:
    master = bytes.fromhex("2B7E151628AED2A6ABF7158809CF4F3CF0F1F2F3F4F5F6F7F8F9FAFBFCFD")
    stream = derive_key(master, 0, 0xFF02 * 16)
    blocks = [stream[at : at + 16].hex().upper() for at in (0, 16, 32, 0xFEFF * 16, 0xFF00 * 16, 0xFF01 * 16)]
    assert blocks == [
        "E03EAD0935C95E80E166B16DD92B4EB4",
        "D23513162B02D0F72A43A2FE4A5F97AB",
        "41E95B3BB0A2E8DD477901E4FCA894C0",
        "EC8CDF7398607CB0F2D21675EA9EA1E4",
        "362B7C3C6773516318A077D7FC5073AE",
        "6A2CC3787889374FBEB4C81B17BA6C44",
    ]


def test_the_session_keys_of_rfc_3711_appendix_b3() -> None:
    master = bytes.fromhex("E1F97A0D3E018BE0D64FA32C06DE41390EC675AD498AFEEBB6960B3AABE6")
    assert derive_key(master, 0, 16).hex().upper() == "C61E7A93744F39EE10734AFE3FF7A087"
    assert derive_key(master, 2, 14).hex().upper() == "30CBBC08863D8C85D49DB34A9AE1"
    auth = (
        "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA48F0A0ACF3C34E2359E6CDBCEE049646C43D9327AD175578EF7227098"
        "6371C10C9A369AC2F94A8C5FBCDDDC256D6E919A48B610EF17C2041E47403576"
    )
    assert derive_key(master, 1, len(auth) // 2).hex().upper() == auth


@pytest.mark.parametrize("tag_bytes", [10, 4])
@pytest.mark.parametrize("segmentation", [True, False])
def test_libsrtp_opens_what_is_sent(sender: Sender, tag_bytes: int, segmentation: bool) -> None:
    viewer = sender.encrypted(context(tag_bytes), segmentation=segmentation)
    trains = [sender.trains.keyframe(300_000), *(sender.trains.picture(n) for n in (12, 1386, 1387, 5000))]
    publish(sender, *trains)
    received = opened(viewer, receiver(tag_bytes))
    assert_same_media(received, trains)
    assert [sequence(packet) for packet in received] == list(range(1, 1 + len(received)))
    assert media_in(received).numbers == [0, 1, 2, 3, 4]
    assert (viewer.writer.packets_sent, viewer.writer.units_sent) == (len(received), 5)


def test_nothing_of_the_picture_is_readable(sender: Sender) -> None:
    viewer = sender.encrypted(context())
    publish(sender, sender.trains.keyframe(50_000))
    assert not [packet for packet in viewer.rest() if b"00000000" in packet]


def test_each_viewer_is_encrypted_for_itself_and_others_not_at_all(sender: Sender) -> None:
    plain = sender.joined()
    one, other = sender.encrypted(context()), sender.encrypted(Srtp(THEIRS, OURS, tag_bytes=10))
    trains = [sender.trains.keyframe(), sender.trains.picture()]
    publish(sender, *trains)
    assert_same_media(opened(one, receiver()), trains)
    assert_same_media(opened(other, receiver(key=THEIRS)), trains)
    assert plain.rest() == [packet for train in trains for packet in train.packets()]


def test_sequence_numbers_wrap_and_the_receiver_follows(sender: Sender) -> None:
    viewer, by = sender.encrypted(context()), receiver()
    sender.trains.packetizer = access_units.packetizer(sequence=60_000)
    received: list[int] = []
    publish(sender, sender.trains.keyframe(100))
    while len(received) < 140_000:
        publish(sender, sender.trains.picture(1_300_000))
        received += [sequence(packet) for packet in opened(viewer, by)]
    assert received == [1 + number & 0xFFFF for number in range(len(received))]


def test_a_long_pause_confuses_no_receiver(sender: Sender) -> None:
    viewer, by = sender.encrypted(context()), receiver()
    publish(sender, sender.trains.keyframe())
    first = opened(viewer, by)
    sender.fanout.leave_udp(viewer.writer)
    for _ in range(45):
        publish(sender, sender.trains.picture(1_300_000))
    sender.fanout.join_udp(viewer.writer, cached=False)
    publish(sender, sender.trains.keyframe())
    again = opened(viewer, by)
    assert [sequence(packet) for packet in first + again] == list(range(1, 1 + len(first + again)))


@pytest.mark.parametrize("dropped", [0, 1, 45])
def test_whatever_was_dropped_for_it_confuses_no_receiver(dropped: int, sender: Sender) -> None:
    """Beyond 32,768 missing numbers it could not tell how often they wrapped: it sees that one is missing, if any."""
    viewer, by = sender.encrypted(context()), receiver()
    publish(sender, sender.trains.keyframe())
    sender.fanout.interrupt()
    publish(sender, *(sender.trains.picture(1_300_000) for _ in range(dropped)))
    publish(sender, sender.trains.keyframe(), sender.trains.picture())
    numbers = [sequence(packet) for packet in opened(viewer, by)]
    missing = set(range(1, 1 + numbers[-1])) - set(numbers)
    assert len(missing) == min(1, dropped)
    assert numbers == sorted(numbers)


def test_pictures_that_are_sent_again_after_a_pause_are_new_packets(sender: Sender) -> None:
    viewer, by = sender.encrypted(context()), receiver()
    publish(sender, sender.trains.keyframe())
    first = opened(viewer, by)
    sender.fanout.leave_udp(viewer.writer)
    sender.fanout.join_udp(viewer.writer, cached=True)
    again = opened(viewer, by)
    assert [packet[4:] for packet in again] == [packet[4:] for packet in first]


def test_what_a_full_socket_put_off_is_sent_whole() -> None:
    with sending(send_buffer_bytes=4608) as sender:
        viewer = sender.encrypted(context())
        trains = [sender.trains.keyframe(200_000), sender.trains.picture(50_000)]
        publish(sender, *trains)
        assert_same_media(opened(viewer, receiver()), trains)


def test_libsrtp_opens_our_rtcp() -> None:
    srtp, by = context(), receiver()
    sealed = [srtp.seal_rtcp(REPORT) for _ in range(3)]
    assert len(set(sealed)) == 3
    assert [by.unprotect_rtcp(packet) for packet in sealed] == [REPORT] * 3


def test_rtcp_is_heard_once_in_any_order_and_only_with_the_right_key() -> None:
    srtp, by = context(), reporter()
    packets = [by.protect_rtcp(REPORT) for _ in range(200)]
    order = [3, 2, 70, 10, 71, 135, 134]
    assert [srtp.open_rtcp(packets[number]) for number in order] == [REPORT] * len(order)
    assert [srtp.open_rtcp(packets[number]) for number in order] == [None] * len(order)
    assert srtp.open_rtcp(packets[60]) is None, "older than the window tells"
    assert srtp.open_rtcp(reporter(OURS).protect_rtcp(REPORT)) is None
    assert srtp.open_rtcp(packets[199]) == REPORT


def test_rtcp_that_was_touched_is_not_heard() -> None:
    srtp = context()
    good = reporter().protect_rtcp(REPORT)
    for place in range(len(good)):
        assert srtp.open_rtcp(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]) is None
        assert srtp.open_rtcp(good[:place]) is None
    assert srtp.open_rtcp(good) == REPORT


def test_our_own_rtcp_sent_back_is_not_heard() -> None:
    srtp = context()
    assert srtp.open_rtcp(srtp.seal_rtcp(REPORT)) is None


def test_libsrtp_refuses_a_packet_that_was_touched(sender: Sender) -> None:
    viewer = sender.encrypted(context())
    publish(sender, sender.trains.keyframe(100))
    packet = viewer.rest()[0]
    with pytest.raises(Error):
        receiver().unprotect(packet[:20] + bytes([packet[20] ^ 1]) + packet[21:])


@pytest.mark.parametrize(("sending_key", "tag_bytes"), [(OURS[:29], 10), (OURS + b"x", 10), (OURS, 8)])
def test_what_is_no_key_is_refused(sending_key: bytes, tag_bytes: int) -> None:
    with pytest.raises(ValueError, match="bytes"):
        Srtp(sending_key, THEIRS, tag_bytes=tag_bytes)

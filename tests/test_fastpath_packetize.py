"""Packetizing against the plain-Python reference, and back through an independent depacketizer."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import reference
from tests.access_units import annexb
from tests.depacketizer import Depacketizer
from vstream._fastpath import Packetizer, Train

SSRC = 0x8899AABB
PAYLOAD_TYPE = 96
SPS = bytes.fromhex("6742c01e8c8d4050")
SPS_1 = bytes.fromhex("6742c01e4c8d4050")
PPS = bytes.fromhex("68ce3c80")
IDR = b"\x65\x88\x84" + b"I" * 20
SLICE = b"\x41\x9a\x02" + b"P" * 20
RECOVERY_POINT = bytes.fromhex("060601c480")


def packetizer(*, max_packet_bytes: int = 1400, sequence: int = 0) -> Packetizer:
    return Packetizer(ssrc=SSRC, payload_type=PAYLOAD_TYPE, max_packet_bytes=max_packet_bytes, sequence=sequence)


def built(train: Train | None) -> Train:
    assert train is not None
    return train


def units_of(train: Train | None, *, max_packet_bytes: int = 1400) -> list[bytes]:
    """What an independent receiver makes of one train."""
    receiver = Depacketizer(ssrc=SSRC, payload_type=PAYLOAD_TYPE, max_packet_bytes=max_packet_bytes)
    received = [unit for packet in built(train).packets() if (unit := receiver.push(packet))]
    assert len(received) == 1
    return list(received[0].units)


@st.composite
def nal_units(draw: st.DrawFn) -> bytes:
    """One well-formed NAL unit of any type, its payload escaped and ended as ITU-T H.264 7.3.1 asks."""
    kind = draw(st.one_of(st.sampled_from([1, 5, 6, 7, 8]), st.integers(0, 31)))
    header = draw(st.sampled_from([0x00, 0x20, 0x40, 0x60, 0xE0])) | kind
    size = draw(st.one_of(st.integers(0, 30), st.integers(40, 60), st.integers(90, 400)))
    payload = draw(st.binary(min_size=size, max_size=size))
    if kind == 7:
        payload = b"\x42\xc0\x1e" + draw(st.sampled_from([b"\x80", b"\x40", b"\x60", b"\x01", b""])) + payload[:9]
    elif kind == 8:
        payload = draw(st.sampled_from([b"\x80", b"\x40", b"\x60", b"\x00\x80\x80", b"\x00"])) + payload[:9]
    elif kind == 6:
        payload = draw(st.sampled_from([b"", b"\x05\x02ab", b"\xff\x01\xff\x00" + bytes(range(1, 256))])) + payload
        payload = draw(st.sampled_from([b"\x06\x01\xc4", b"\x01\x05\0\0\0\0\1\x06\x01", b""])) + payload
    return bytes([header]) + escape(payload + b"\x80")


def escape(payload: bytes) -> bytes:
    escaped = bytearray()
    for byte in payload:
        if escaped[-2:] == b"\0\0" and byte <= 3:
            escaped.append(3)
        escaped.append(byte)
    return bytes(escaped)


@st.composite
def access_units(draw: st.DrawFn) -> bytes:
    parts = draw(st.lists(st.tuples(st.sampled_from([2, 3, 4, 7]), nal_units(), st.integers(0, 2)), max_size=8))
    return b"".join(bytes(zeros) + b"\1" + unit + bytes(trailing) for zeros, unit, trailing in parts)


@given(
    st.lists(st.tuples(access_units(), st.integers(0, 2**34)), max_size=6),
    st.one_of(st.integers(64, 130), st.just(1400)),
    st.integers(0, 65535),
)
def test_agrees_with_the_reference(stream: list[tuple[bytes, int]], max_packet_bytes: int, sequence: int) -> None:
    fast = packetizer(max_packet_bytes=max_packet_bytes, sequence=sequence)
    slow = reference.ReferencePacketizer(SSRC, PAYLOAD_TYPE, max_packet_bytes, sequence)
    for data, timestamp in stream:
        sets_before, first = dict(slow.sets), slow.sequence
        train, expected = fast.packetize(data, timestamp), slow.packetize(data, timestamp)
        assert (train is None) == (expected is None)
        if train and expected:
            assert train.packets() == expected.packets
            assert train.keyframe == expected.keyframe
            assert (train.timestamp, train.first_sequence) == (timestamp % 2**32, first)
            assert train.packet_count == len(expected.packets)
            framed = [b"$\x04" + struct.pack("!H", len(packet)) + packet for packet in expected.packets]
            assert train.interleaved(4) == b"".join(framed)
        assert fast.next_sequence == slow.sequence
        assert fast.sps == tuple(unit for key, unit in sorted(slow.sets.items()) if key[0] == 7)
        assert fast.pps == tuple(unit for key, unit in sorted(slow.sets.items()) if key[0] == 8)
        assert (sets_before != slow.sets) <= (fast.generation > 0)


@given(st.lists(nal_units().filter(lambda unit: unit[0] & 0x1F in {1, 5, 6}), min_size=1, max_size=8))
def test_a_receiver_gets_the_units_back(units: list[bytes]) -> None:
    train = packetizer(max_packet_bytes=100).packetize(annexb(*units), 3000)
    assert units_of(train, max_packet_bytes=100) == units


@pytest.mark.parametrize("max_packet_bytes", [64, 65, 1200, 1400, 1472, 65000])
@pytest.mark.parametrize("beyond", [-2, -1, 0, 1, 2])
@pytest.mark.parametrize("fragments", [1, 2, 3])
def test_sizes_at_the_edge_of_a_packet(max_packet_bytes: int, beyond: int, fragments: int) -> None:
    room = max_packet_bytes - 12
    size = room + beyond if fragments == 1 else 1 + fragments * (room - 2) + beyond
    unit = b"\x41" + b"x" * (size - 1)
    train = packetizer(max_packet_bytes=max_packet_bytes).packetize(annexb(unit), 0)
    assert units_of(train, max_packet_bytes=max_packet_bytes) == [unit]
    fewest = 1 if size <= room else -(-(size - 1) // (room - 2))
    assert built(train).packet_count == fewest


def test_marker_is_on_the_last_packet_only() -> None:
    packets = built(packetizer(max_packet_bytes=64).packetize(annexb(SPS, PPS, IDR * 9, IDR * 9), 0)).packets()
    assert [packet[1] >> 7 for packet in packets] == [0] * (len(packets) - 1) + [1]


def test_sequence_numbers_wrap() -> None:
    fast = packetizer(max_packet_bytes=64, sequence=65534)
    packets = built(fast.packetize(annexb(b"\x41" + b"x" * 190), 0)).packets()
    assert [struct.unpack_from("!H", packet, 2)[0] for packet in packets] == [65534, 65535, 0, 1]
    assert fast.next_sequence == 2


def test_timestamp_is_taken_modulo_32_bits() -> None:
    assert built(packetizer().packetize(annexb(SLICE), 2**32 + 7)).timestamp == 7


@pytest.mark.parametrize("kind", [0, 9, 10, 11, 12, *range(24, 32)])
def test_drops_what_no_receiver_needs(kind: int) -> None:
    unwanted = bytes([0x60 | kind]) + b"body\x80"
    assert packetizer().packetize(annexb(unwanted), 0) is None
    assert units_of(packetizer().packetize(annexb(unwanted, SLICE, unwanted), 0)) == [SLICE]


@pytest.mark.parametrize("data", [b"", b"\0\0\0\1", b"no start code", b"\0\0\1\0\0\1\0\0\1"])
def test_nothing_to_send_uses_no_sequence_number(data: bytes) -> None:
    fast = packetizer(sequence=5)
    assert fast.packetize(data, 0) is None
    assert fast.next_sequence == 5


def test_keyframe_without_parameter_sets_gets_those_seen_before() -> None:
    fast = packetizer()
    assert units_of(fast.packetize(annexb(SPS, PPS, IDR), 0)) == [SPS, PPS, IDR]
    assert units_of(fast.packetize(annexb(SLICE), 3000)) == [SLICE]
    assert units_of(fast.packetize(annexb(RECOVERY_POINT, IDR), 6000)) == [SPS, PPS, RECOVERY_POINT, IDR]
    assert units_of(fast.packetize(annexb(SPS, IDR), 9000)) == [SPS, PPS, IDR]
    assert units_of(fast.packetize(annexb(PPS, IDR), 9000)) == [SPS, PPS, IDR]


def test_all_parameter_sets_in_force_are_put_before_a_keyframe() -> None:
    fast = packetizer()
    assert fast.packetize(annexb(SPS_1, SPS, PPS), 0) is not None
    assert units_of(fast.packetize(annexb(IDR), 0)) == [SPS, SPS_1, PPS, IDR]
    assert (fast.sps, fast.pps) == ((SPS, SPS_1), (PPS,))


def test_a_changed_parameter_set_takes_the_place_of_the_old() -> None:
    fast = packetizer()
    changed = SPS + b"\x77"
    assert fast.packetize(annexb(SPS, PPS, IDR), 0) is not None
    assert fast.generation == 2
    assert fast.packetize(annexb(SPS, PPS, IDR), 0) is not None
    assert fast.generation == 2
    assert units_of(fast.packetize(annexb(changed, PPS, IDR), 0)) == [changed, PPS, IDR]
    assert fast.generation == 3
    assert fast.sps == (changed,)
    assert units_of(fast.packetize(annexb(IDR), 0)) == [changed, PPS, IDR]


def test_parameter_sets_are_not_repeated_before_each_slice() -> None:
    train = packetizer().packetize(annexb(SPS, PPS, IDR, SPS, PPS, IDR), 0)
    assert units_of(train) == [SPS, PPS, IDR, IDR]


def test_decoding_starts_at_idr_and_recovery_point_alone() -> None:
    fast = packetizer()
    assert not built(fast.packetize(annexb(IDR), 0)).keyframe, "no parameter sets yet: nothing can be decoded"
    assert not built(fast.packetize(annexb(SPS, PPS), 0)).keyframe, "no picture"
    assert built(fast.packetize(annexb(IDR), 0)).keyframe
    assert built(fast.packetize(annexb(RECOVERY_POINT, SLICE), 0)).keyframe
    assert not built(fast.packetize(annexb(SLICE), 0)).keyframe


def test_recovery_point_is_found_behind_escaped_messages() -> None:
    # User data of five bytes that take six with their escape, which its size does not count (ITU-T H.264 7.3.2.3.1).
    escaped = bytes.fromhex("0605050000030000410601c480")
    fast = packetizer()
    assert fast.packetize(annexb(SPS, PPS), 0) is not None
    assert built(fast.packetize(annexb(escaped, SLICE), 0)).keyframe


@pytest.mark.parametrize("size", [63, 65001, -1])
def test_refuses_impossible_packet_sizes(size: int) -> None:
    with pytest.raises(ValueError, match=str(size)):
        packetizer(max_packet_bytes=size)


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_takes_any_contiguous_buffer(kind: type[bytearray] | type[memoryview]) -> None:
    assert units_of(packetizer().packetize(kind(annexb(SLICE)), 0)) == [SLICE]

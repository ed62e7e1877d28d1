"""Packets written down by hand from the bit layouts of RFC 3550 section 5.1 and RFC 6184 sections 5.6 to 5.8."""

from vstream._fastpath import Packetizer

SPS, PPS = "6742c01eda02d0", "68ce3c80"
IDR = "65" + "888440" + "5a" * 120


def packets(data: str, *, sequence: int, timestamp: int) -> list[str]:
    packetizer = Packetizer(ssrc=0x11223344, payload_type=96, max_packet_bytes=64, sequence=sequence)
    train = packetizer.packetize(bytes.fromhex(data), timestamp)
    assert train is not None
    return [packet.hex() for packet in train.packets()]


def test_single_nal_unit_packet() -> None:
    # V=2, M=1 with PT=96, sequence 65535, one second of 90 kHz, SSRC; then the NAL unit as it is.
    assert packets("00000001419a0102", sequence=65535, timestamp=90_000) == ["80e0ffff00015f9011223344419a0102"]


def test_parameter_sets_in_stap_a_then_fragments_of_the_picture() -> None:
    # STAP-A: NRI 3 and type 24 make 78, sizes 7 and 4. FU-A: NRI 3 and type 28 make 7c; S, neither, E with type 5.
    body = IDR[2:]
    assert packets("00000001" + SPS + "000001" + PPS + "000001" + IDR, sequence=16, timestamp=2**32 - 1) == [
        "80600010ffffffff11223344780007" + SPS + "0004" + PPS,
        "80600011ffffffff112233447c85" + body[:100],
        "80600012ffffffff112233447c05" + body[100:200],
        "80e00013ffffffff112233447c45" + body[200:],
    ]


def test_stap_a_takes_the_highest_importance_of_its_units() -> None:
    # NRI 1 of the SPS and 2 of the PPS make 2 (RFC 6184 section 5.7); SEI has 0.
    sei, sps, pps = "0605010180", "27" + SPS[2:], "48" + PPS[2:]
    data = "".join("000001" + unit for unit in (sps, pps, sei))
    assert packets(data, sequence=0, timestamp=0) == [
        "80e000000000000011223344580007" + sps + "0004" + pps + "0005" + sei,
    ]


def test_fragments_keep_the_forbidden_bit_and_importance() -> None:
    # F=1 says that a part of the path damaged the unit (RFC 6184 section 5.3); it goes into each FU indicator.
    damaged = "a1" + "5a" * 60
    first, last = packets("000001" + damaged, sequence=0, timestamp=0)
    assert first[24:28] == "bc81"
    assert last[24:28] == "bc41"

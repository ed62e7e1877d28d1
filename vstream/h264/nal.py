"""NAL units: their types and their payload (ITU-T H.264 section 7.3.1, table 7-1)."""

from enum import IntEnum


class NalType(IntEnum):
    """`nal_unit_type` (table 7-1)."""

    SLICE = 1
    PARTITION_A = 2
    PARTITION_B = 3
    PARTITION_C = 4
    IDR = 5
    SEI = 6
    SPS = 7
    PPS = 8
    ACCESS_UNIT_DELIMITER = 9
    END_OF_SEQUENCE = 10
    END_OF_STREAM = 11
    FILLER = 12
    SPS_EXTENSION = 13
    PREFIX = 14
    SUBSET_SPS = 15
    DEPTH_PARAMETER_SET = 16
    RESERVED_17 = 17
    RESERVED_18 = 18
    AUXILIARY_SLICE = 19
    SLICE_EXTENSION = 20


def nal_types_of(*types: NalType) -> int:
    """Give a set of NAL unit types as a bit set: bit n stands for type n."""
    return sum(1 << nal_type for nal_type in types)


def rbsp(nal: bytes, max_bytes: int) -> bytes:
    """Give the raw payload of a NAL unit: header dropped, emulation prevention bytes removed (section 7.4.1.1).

    Looks no further than `max_bytes` into the NAL unit, so that a giant one costs no more than a real one.
    """
    return nal[1:max_bytes].replace(b"\x00\x00\x03", b"\x00\x00")

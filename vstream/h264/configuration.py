"""The parameter sets that a container keeps beside its track (ISO/IEC 14496-15 section 5.3.3.1)."""

_VERSION = b"\1"
_HEAD_BYTES = 5
_COUNT_MASKS = (0x1F, 0xFF)  # of the SPS, then of the PPS
_START_CODE = b"\0\0\0\1"


def parameter_sets(configuration: bytes) -> bytes:
    """Give the SPS and PPS of an AVC decoder configuration record as Annex-B, as far as it goes.

    What is no such record is Annex-B already, as FFmpeg finds it in TS, and is given as it is.
    """
    if not configuration.startswith(_VERSION):
        return configuration
    sets, at = b"", _HEAD_BYTES
    for mask in _COUNT_MASKS:
        count = configuration[at] & mask if at < len(configuration) else 0
        at += 1
        for _ in range(count):
            begin = at + 2
            at = begin + int.from_bytes(configuration[at:begin])
            sets += _START_CODE + configuration[begin:at]
    return sets

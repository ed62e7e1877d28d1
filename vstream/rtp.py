"""RTP's clocks: 90 kHz media time, and NTP time for sender reports (RFC 3550 section 4, RFC 6184 section 8.2.1)."""

CLOCK_RATE_HZ = 90_000

_NTP_ERA_S = 1 << 32
_UNIX_EPOCH_IN_NTP_S = 2_208_988_800


def rtp_timestamp(pts_us: int, offset: int) -> int:
    """Convert microseconds to 32 bits of 90 kHz, rounded down, `offset` (90 kHz, random at start) added."""
    return (pts_us * 9 // 100 + offset) & 0xFFFFFFFF


def ntp_from_unix_us(unix_us: int) -> int:
    """Convert microseconds since 1970 to a 64-bit NTP timestamp: 32 bits of seconds since 1900, 32 of fraction."""
    seconds, fraction_us = divmod(unix_us, 1_000_000)
    fraction = -(-(fraction_us << 32) // 1_000_000)
    return ((seconds + _UNIX_EPOCH_IN_NTP_S) % _NTP_ERA_S) << 32 | fraction


def ntp_middle32(ntp_timestamp: int) -> int:
    """Cut a 64-bit NTP timestamp to the 32 bits that a report block's LSR carries: 16.16 seconds."""
    return (ntp_timestamp >> 16) & 0xFFFFFFFF

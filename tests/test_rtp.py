"""RTP's clocks against exact fractions and the published NTP epochs."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from tests.clock import unix_us
from vstream import rtp


@given(st.integers(0, 2**62), st.integers(0, 2**32 - 1))
def test_rtp_timestamp_is_the_exact_90_khz_floor(pts_us: int, offset: int) -> None:
    exact = Fraction(pts_us, 1_000_000) * 90_000
    assert rtp.rtp_timestamp(pts_us, offset) == (exact.numerator // exact.denominator + offset) % 2**32


def test_rtp_timestamp_does_not_drift_over_a_day_of_frames() -> None:
    frames = 24 * 3600 * 30
    assert rtp.rtp_timestamp(frames * 1_000_000 // 30, 0) == (frames * 3000) % 2**32


def test_ntp_epochs() -> None:
    # RFC 5905 figure 4: the Unix epoch is 2,208,988,800 s of era 0; era 1 begins on 7 February 2036, 06:28:16.
    assert rtp.ntp_from_unix_us(0) == 2_208_988_800 << 32
    assert rtp.ntp_from_unix_us(500_000) == 2_208_988_800 << 32 | 0x80000000
    assert rtp.ntp_from_unix_us(2_085_978_496 * 1_000_000) == 0


@given(st.integers(0, 4_000_000_000_000_000))
def test_ntp_and_back_keeps_every_microsecond(time_us: int) -> None:
    ntp = rtp.ntp_from_unix_us(time_us)
    assert 0 <= ntp < 2**64
    assert unix_us(ntp) == time_us


def test_middle_32_bits() -> None:
    assert rtp.ntp_middle32(0x1111_2222_3333_4444) == 0x2222_3333

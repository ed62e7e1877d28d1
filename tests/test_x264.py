"""The x264 encoder, seen by ffprobe and FFmpeg's decoder."""

import av
import numpy as np
import numpy.typing as npt
import pytest

from tests.encoding import decode, nal_types, stream_facts, video_format
from vstream.errors import SourceError
from vstream.sources.base import AccessUnit
from vstream.sources.x264 import X264Encoder, thread_count

SPS, PPS, SEI, IDR, NON_IDR = 7, 8, 6, 5, 1
INTERVAL_US = 33_333


class Noise:
    """Pictures that cannot be foreseen, so that the encoder spends what bitrate it is given."""

    def __init__(self, width: int, height: int) -> None:
        self._size, self._random = (height * 3 // 2, width), np.random.default_rng(1)
        self._count = 0

    def picture(self) -> av.VideoFrame:
        samples: npt.NDArray[np.uint8] = self._random.integers(90, 140, self._size, dtype=np.uint8)
        picture = av.VideoFrame.from_ndarray(samples, format="yuv420p")
        picture.pts = self._count * INTERVAL_US
        self._count += 1
        return picture


def encode(encoder: X264Encoder, noise: Noise, count: int) -> list[AccessUnit]:
    return [unit for _ in range(count) for unit in encoder.encode(noise.picture())]


@pytest.mark.parametrize(
    ("profile", "level", "expected"),
    [
        ("baseline", "3.1", ("Constrained Baseline", 31)),
        ("main", "4.1", ("Main", 41)),
        ("main", "4", ("Main", 40)),
        ("high", "4.2", ("High", 42)),
    ],
)
def test_sps_says_what_was_asked(profile: str, level: str, expected: tuple[str, int]) -> None:
    encoder = X264Encoder(video_format(642, 362, fps=25, profile=profile, level=level))
    facts = stream_facts(encode(encoder, Noise(642, 362), 5))
    assert (facts["profile"], facts["level"]) == expected
    assert (facts["width"], facts["height"], facts["r_frame_rate"]) == (642, 362, "25/1")
    assert (facts["color_space"], facts["color_range"], facts["has_b_frames"]) == ("bt709", "tv", 0)


def test_rate_of_film_is_told_exactly() -> None:
    encoder = X264Encoder(video_format(fps=29.97))
    assert stream_facts(encode(encoder, Noise(320, 240), 5))["r_frame_rate"] == "2997/100"


def test_each_picture_comes_out_at_once_and_decodes() -> None:
    encoder, noise = X264Encoder(video_format()), Noise(320, 240)
    per_picture = [encoder.encode(noise.picture()) for _ in range(40)]
    assert {len(units) for units in per_picture} == {1}
    units = [units[0] for units in per_picture]
    assert [unit.pts_us for unit in units] == [index * INTERVAL_US for index in range(40)]
    assert [picture.pts for picture in decode(units)] == [unit.pts_us for unit in units]


def test_keyframes_come_in_their_interval_and_no_others() -> None:
    units = encode(X264Encoder(video_format(keyframe_interval=10)), Noise(320, 240), 31)
    keyframes = [index for index, unit in enumerate(units) if IDR in nal_types(unit)]
    assert keyframes == [0, 10, 20, 30]
    assert all(nal_types(units[index])[:2] == [SPS, PPS] for index in keyframes)


def test_keyframe_on_demand_is_the_next_picture() -> None:
    encoder, noise = X264Encoder(video_format(keyframe_interval=1000)), Noise(320, 240)
    before = encode(encoder, noise, 5)
    encoder.request_keyframe()
    after = encode(encoder, noise, 5)
    assert [nal_types(unit) for unit in before[1:]] == [[NON_IDR]] * 4
    assert [nal_types(unit) for unit in after] == [[SPS, PPS, IDR]] + [[NON_IDR]] * 4
    assert [picture.key_frame for picture in decode(after)] == [True] + [False] * 4


def test_without_inline_headers_they_come_once() -> None:
    encoder, noise = X264Encoder(video_format(keyframe_interval=5, inline_headers=False)), Noise(320, 240)
    units = encode(encoder, noise, 11)
    assert [index for index, unit in enumerate(units) if SPS in nal_types(unit)] == [0]
    assert [index for index, unit in enumerate(units) if IDR in nal_types(unit)] == [0, 5, 10]
    assert len(decode(units)) == 11


def test_without_low_latency_it_looks_ahead_and_reorders() -> None:
    encoder, noise = X264Encoder(video_format(low_latency=False)), Noise(320, 240)
    units = encode(encoder, noise, 60)
    times_us = [unit.pts_us for unit in units]
    assert len(units) < 60
    assert times_us != sorted(times_us)
    assert stream_facts(units)["has_b_frames"] != 0


@pytest.mark.parametrize("share", [0.25, 0.6, 1.7, 4])
def test_bitrate_follows_while_running(share: float) -> None:
    encoder, noise = X264Encoder(video_format(640, 360, bitrate_bps=2_000_000)), Noise(640, 360)
    before = encode(encoder, noise, 90)
    encoder.set_bitrate(round(2_000_000 * share))
    after = encode(encoder, noise, 90)
    assert _bitrate_bps(before[30:]) == pytest.approx(2_000_000, rel=0.15)
    assert _bitrate_bps(after[30:]) == pytest.approx(2_000_000 * share, rel=0.15)
    assert len(decode(before + after)) == 180


def test_keyframe_fits_into_the_rate_buffer() -> None:
    units = encode(X264Encoder(video_format(640, 360, bitrate_bps=2_000_000)), Noise(640, 360), 120)
    assert max(len(unit.data) for unit in units[30:]) * 8 <= 2_000_000 * 0.25


def test_what_libx264_refuses_is_told_in_one_line() -> None:
    with pytest.raises(SourceError, match="libx264 cannot encode 321x240 at 30 frames/s: "):
        X264Encoder(video_format(321, 240))


def test_one_thread_is_enough_for_a_small_picture() -> None:
    assert thread_count(video_format(640, 480)) == 1
    assert 1 <= thread_count(video_format(3840, 2160, fps=60)) <= 4


def _bitrate_bps(units: list[AccessUnit]) -> float:
    return sum(len(unit.data) for unit in units) * 8 * 30 / len(units)

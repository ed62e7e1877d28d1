"""Opens the source that the settings name. What a source needs is imported only when it is chosen."""

import logging
from collections.abc import Callable

from vstream.config import Settings
from vstream.config.settings import FILE_PREFIX, STDIN_SOURCE
from vstream.controls import parse_controls
from vstream.sources.base import Source
from vstream.sources.camerasetup import CameraSetup
from vstream.sources.videoformat import VideoFormat

NO_CAMERA_CAPTION = "NO CAMERA - TEST PATTERN"

log = logging.getLogger(__name__)

WhyNoCamera = Callable[[], str | None]


def open_source(settings: Settings, why_no_camera: WhyNoCamera | None = None) -> Source:
    """Open what `stream_source` names: auto, camera, rpicam, test, file:PATH or `-`.

    `why_no_camera` says for `auto` why there is no camera to use; without it libcamera is asked.

    Raises:
        SourceError: it cannot be read.
        NoVideoError: it holds no H.264.
    """
    name = settings.stream_source
    if name == "auto":
        return _automatic(settings, why_no_camera)
    if name == "camera":
        return _camera(settings)
    if name == "rpicam":
        return _rpicam(settings)
    if name == "test":
        return _test_pattern(settings)
    fps, fps_given = settings.stream_fps, settings.given("stream_fps")
    if name == STDIN_SOURCE:
        from vstream.sources.stdin import StdinSource

        return StdinSource(fps, fps_given)
    from vstream.sources.file import open_file

    return open_file(name.removeprefix(FILE_PREFIX), fps, fps_given)


def _automatic(settings: Settings, why_no_camera: WhyNoCamera | None) -> Source:
    """The camera through picamera2, else through rpicam-vid, else none.

    libcamera is asked in another process: it would keep threads and devices in this one.
    """
    from vstream.sources.camera import NONE_LISTED, why_no_camera_elsewhere
    from vstream.sources.rpicam import find_binary, lists_none

    reason = (why_no_camera or why_no_camera_elsewhere)()
    if reason is None:
        return _camera(settings)
    binary = find_binary()
    if binary is not None and reason != NONE_LISTED and not lists_none(binary):
        log.info("picamera2 is not used: %s", reason)
        return _rpicam(settings)
    log.warning("No camera: %s; streaming the test pattern instead", reason)
    return _test_pattern(settings, NO_CAMERA_CAPTION)


def _camera(settings: Settings) -> Source:
    from vstream.sources.camera_process import CameraProcess

    return CameraProcess(camera_setup(settings))


def _rpicam(settings: Settings) -> Source:
    from vstream.sources.rpicam import RpicamSource

    return RpicamSource(camera_setup(settings))


def camera_setup(settings: Settings) -> CameraSetup:
    """What the settings ask of a camera."""
    return CameraSetup(
        video=video_format(settings),
        hflip=settings.camera_hflip,
        vflip=settings.camera_vflip,
        rotation=settings.camera_rotation,
        denoise=settings.h264_denoise,
        buffer_count=settings.h264_buffer_count,
        index=settings.camera_index,
        flush=settings.h264_flush,
        encoder=settings.h264_encoder,
        controls=parse_controls(settings.camera_controls),
        lens_position=settings.lens_position,
    )


def _test_pattern(settings: Settings, caption: str = "") -> Source:
    from vstream.sources.testpattern import TestPatternSource

    return TestPatternSource(video_format(settings), caption)


def video_format(settings: Settings) -> VideoFormat:
    """What the settings ask of an encoder."""
    return VideoFormat(
        width=settings.stream_width,
        height=settings.stream_height,
        fps=settings.stream_fps,
        profile=settings.h264_profile,
        level=settings.h264_level,
        bitrate_bps=settings.bitrate_bps,
        keyframe_interval=settings.keyframe_interval,
        inline_headers=settings.h264_inline_headers,
        low_latency=settings.h264_low_latency,
    )

"""Plays the H.264 track of a container file (MP4, MKV, TS, ..) as it is, over and over."""

import itertools
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from vstream.clock import monotonic_us
from vstream.errors import NoVideoError, SourceError
from vstream.h264.configuration import parameter_sets
from vstream.h264.nal import NalType, nal_types_of
from vstream.h264.order import PictureOrder
from vstream.sources.annexb import CodedPicture, describe
from vstream.sources.base import AccessUnit, DueUnit, Sink
from vstream.sources.gate import KeyframeGate
from vstream.sources.pace import MAX_LAG_US, PacedSource
from vstream.sources.track_time import TrackClock

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

log = logging.getLogger(__name__)

# A playlist must not make us open anything else, least of all over a network.
_OPTIONS = {"protocol_whitelist": "file"}
# AVI stores no presentation times and counts fields; what FFmpeg makes of that is wrong with B-pictures.
_WITHOUT_SHOWN_TIMES = frozenset({"avi"})
_PARAMETER_SETS = nal_types_of(NalType.SPS, NalType.PPS)
# Slower than any time-lapse, and faster than any camera: such rates come from damaged files.
_MIN_FPS, _MAX_FPS = 0.01, 300.0


def holds_h264(path: str) -> bool:
    """Tell whether FFmpeg finds an H.264 track in this container.

    Raises:
        NoVideoError: it is a container, but without H.264.
    """
    import av

    try:
        with av.open(f"file:{path}", options=_OPTIONS) as container:
            # FFmpeg's name for a bare byte stream, which is no container.
            if "h264" in container.format.name:
                return False
            if _track(container) is not None:
                return True
            found = ", ".join(sorted(map(_codec, container.streams.video))) or "no video"
    except (av.FFmpegError, OSError, ValueError):
        return False
    raise NoVideoError(f"{path} holds {found}, not H.264; give a file with an H.264 track")


def _track(container: "InputContainer") -> "VideoStream | None":
    return next((stream for stream in container.streams.video if _codec(stream) == "h264"), None)


def _codec(stream: "VideoStream") -> str:
    """FFmpeg's name of the codec; there is no context where it knows none."""
    return stream.codec_context.name if stream.codec_context is not None else "an unknown codec"


class TimedPicture(NamedTuple):
    """A picture, and when in its loop it is decoded and shown."""

    data: bytes
    decoded_us: int
    shown_us: int


class ContainerSource(PacedSource):
    """A container's first H.264 track, paced by its own timestamps and looped without a jump in time.

    `fps` counts only where the track has no timestamps.
    """

    def __init__(self, path: str, fps: float) -> None:
        super().__init__()
        self.name = f"file:{path}"
        self._path = path
        self._fps = fps
        self._gate = KeyframeGate()
        self._order = PictureOrder()
        self._loop_began_us: int | None = None

    def run(self, sink: Sink) -> None:
        """Hand pictures to `sink`, each when its decoding is due, until `stop`.

        Raises:
            SourceError: the file cannot be read.
            NoVideoError: it holds no picture that a decoder could begin with.
        """
        import av

        while not self._stopped:
            self._gate.close()
            try:
                container = av.open(f"file:{self._path}", options=_OPTIONS)
            except (av.FFmpegError, OSError) as error:
                raise self._unreadable(error) from error
            has_played = False
            with container:
                pictures = self._pictures(container)
                for picture in pictures:
                    self._move_loop(self._hand_over(self._near(picture, pictures), sink))
                    has_played = True
                    if self._stopped:
                        return
            if not has_played and not self._stopped:
                raise NoVideoError(f"{self._path} has no keyframe with SPS and PPS; give a file that has one")

    def _near(self, first: TimedPicture, others: Iterator[TimedPicture]) -> Iterator[DueUnit]:
        """Give the first picture, and those of the others that are due soon, with their times."""
        began_us = self._beginning(first.decoded_us)
        return self._soon(
            DueUnit(began_us + decoded_us, AccessUnit(data, began_us + shown_us))
            for data, decoded_us, shown_us in itertools.chain([first], others)
        )

    def _unreadable(self, error: Exception) -> SourceError:
        return SourceError(f"{self._path} cannot be read: {error}; give a readable file with H.264")

    def _pictures(self, container: "InputContainer") -> Iterator[TimedPicture]:
        """Read the file once, and move the beginning of the next loop to its end."""
        track = _track(container)
        if track is None:
            raise NoVideoError(f"{self._path} holds no H.264 any more; give a file with an H.264 track")
        self._order.restart()
        tells_shown = container.format.name not in _WITHOUT_SHOWN_TIMES
        rate = float(track.guessed_rate or 0)
        clock = TrackClock(float(track.time_base or 0), rate if _MIN_FPS <= rate <= _MAX_FPS else self._fps)
        headers = parameter_sets(track.codec_context.extradata or b"")
        for packet in self._packets(container, track):
            picture = self._described(bytes(packet), headers)
            if picture is None or not self._gate.admit([picture]):
                continue
            shown_later_fields = self._order.follow(*picture).shown_later_fields
            pts, duration = (packet.pts, packet.duration) if tells_shown else (None, None)
            yield TimedPicture(picture.data, *clock.place(packet.dts, pts, duration, shown_later_fields))
        self._move_loop(clock.length_us)

    def _described(self, data: bytes, headers: bytes) -> CodedPicture | None:
        """Describe a picture, behind the track's own parameter sets where the first has none.

        FFmpeg puts them before IDR pictures alone, and a recording that was cut may begin with a recovery point.
        """
        picture = describe(data)
        if picture is None or self._gate.is_open or picture.nal_types & _PARAMETER_SETS == _PARAMETER_SETS:
            return picture
        return describe(headers + data)

    def _move_loop(self, by_us: int) -> None:
        if self._loop_began_us is not None:
            self._loop_began_us += by_us

    def _beginning(self, decoded_us: int) -> int:
        """Give when this loop began, moved where the next picture would be late by more than 100 ms."""
        now = monotonic_us()
        if self._loop_began_us is None or now - self._loop_began_us - decoded_us > MAX_LAG_US:
            self._loop_began_us = now - decoded_us
        return self._loop_began_us

    def _packets(self, container: "InputContainer", track: "VideoStream") -> Iterator["Packet[VideoStream]"]:
        """Read the track to its end as Annex-B, parameter sets put before keyframes."""
        import av
        from av.bitstream import BitStreamFilterContext

        try:
            to_annexb = BitStreamFilterContext("h264_mp4toannexb", track)
        except av.FFmpegError as error:
            raise self._unreadable(error) from error
        try:
            for packet in container.demux(track):
                # The last packet is empty and flushes decoders; a bitstream filter takes None for that.
                if packet.size:
                    yield from to_annexb.filter(packet)
        except (av.FFmpegError, IndexError) as error:  # the latter where PyAV finds a track that was not there at first
            # A file that is cut off plays as far as it goes.
            log.warning("%s is damaged and played up to there: %s", self._path, error)

"""A picture of the stream, decoded and saved as JPEG."""

from pathlib import Path

from vstream._fastpath import split
from vstream.h264 import NalType
from vstream.probe.finding import Finding, failure, ok
from vstream.probe.subject import Subject
from vstream.probe.trial import Trial
from vstream.probe.unfinished import written_whole

_ADVICE = "see the checks above"


def check(subject: Subject) -> Finding:
    """Save the last picture of the trial in the file that was named."""
    file, trial = subject.snapshot, subject.trial
    if file is None or trial is None or not trial.units:
        return failure("there is no picture to save", _ADVICE)
    try:
        width, height = _save(trial, file)
    except OSError as error:
        return failure(f"{file} cannot be written: {error.strerror}", "name a file in a folder that can be written to")
    except ValueError as error:
        return failure(str(error), _ADVICE)
    is_test = trial.source == "test pattern"
    facts: dict[str, object] = {"file": str(file), "width": width, "height": height, "is_test_pattern": is_test}
    what = "the TEST PATTERN, not a camera's picture" if is_test else f"from {trial.source}"
    return ok(f"{file}: {width}x{height}, {what}", facts)


def _save(trial: Trial, file: Path) -> tuple[int, int]:
    """Decode the stream and encode its last picture; gives width and height.

    Raises:
        OSError: the file cannot be written.
        ValueError: the stream cannot be decoded.
    """
    jpeg, size = _last_picture(trial)
    with written_whole(file) as unfinished:
        unfinished.write_bytes(jpeg)
    return size


def _newest_pictures(trial: Trial) -> list[bytes]:
    """The access units since the last keyframe, led by the parameter sets that the stream began with.

    A stream without IDR pictures is taken whole.
    """
    first = trial.units[0].data
    parameter_sets = b"".join(
        b"\0\0\0\1" + first[start : start + size]
        for start, size in split(first)
        if first[start] & 0x1F in {NalType.SPS, NalType.PPS}
    )
    units = [unit.data for unit in trial.units]
    keyframes = [number for number, data in enumerate(units) if _has_idr(data)]
    newest, *others = units[keyframes[-1] :] if keyframes else units
    return [parameter_sets + newest, *others]


def _has_idr(data: bytes) -> bool:
    return any(data[start] & 0x1F == NalType.IDR for start, _ in split(data))


def _last_picture(trial: Trial) -> tuple[bytes, tuple[int, int]]:
    from fractions import Fraction

    import av
    from av.video.codeccontext import VideoCodecContext

    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, VideoCodecContext)
    picture = None
    try:
        for data in [*(av.Packet(unit) for unit in _newest_pictures(trial)), None]:
            for picture in decoder.decode(data):  # noqa: B007
                pass
    except av.FFmpegError as error:
        raise ValueError(f"the stream cannot be decoded: {error.strerror}") from error
    if picture is None:
        raise ValueError("the stream holds no whole picture")
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = picture.width, picture.height, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    still = picture.reformat(format="yuvj420p")
    still.pts = 0
    packets = [*encoder.encode(still), *encoder.encode(None)]
    return b"".join(bytes(packet) for packet in packets), (picture.width, picture.height)

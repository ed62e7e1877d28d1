"""What every source gives and can be asked: access units in, requests out."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

from vstream._fastpath import Pacer


class AccessUnit(NamedTuple):
    """One coded picture as Annex-B (ITU-T H.264 annex B): every NAL unit after a start code, in decoding order.

    `pts_us` is the capture (or presentation) time in microseconds on CLOCK_MONOTONIC. It rises by the frame
    interval, except where B-frames make decoding and presentation order differ.
    """

    data: bytes | bytearray | memoryview
    pts_us: int


class Remedy(NamedTuple):
    """Something that may bring a source's frames back. `apply` returns at once, whatever state the source is in."""

    name: str
    apply: Callable[[], object]
    patience_us: int
    """How long to wait for a frame before the next remedy."""
    interrupts: bool = True
    """Whether frames before and after do not belong together, so that viewers go on with a keyframe."""


Sink = Callable[[AccessUnit], None]


class DueUnit(NamedTuple):
    """An access unit that is there before its time, and when it is to be handed over (CLOCK_MONOTONIC)."""

    due_us: int
    unit: AccessUnit


class Player(ABC):
    """A sink that also takes access units before their time and keeps the time itself."""

    @abstractmethod
    def __call__(self, unit: AccessUnit) -> None:
        """Take an access unit that is due now."""

    @abstractmethod
    def play(self, units: Iterable[DueUnit], pacer: Pacer) -> int:
        """Take access units, all at once, and return when the last was due or `pacer` was stopped.

        Where one cannot be taken up in time it moves, with all later ones. Gives by how many microseconds they did.
        """


class Source(Protocol):
    """Where access units come from. One thread calls `run`; any thread may call the others."""

    name: str
    remedies: Sequence[Remedy]
    """What to try when frames stay away, the mildest first; the last one makes `run` end, if there is any."""

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for something outside to appear, such as a camera: then no frames are to be expected."""

    def run(self, sink: Sink) -> None:
        """Hand access units to `sink` at their time, until `stop` or the end of the source.

        Raises:
            SourceError: the source cannot be read, holds no H.264, or broke.
        """

    def stop(self) -> None:
        """Make `run` return soon, at most 200 ms later; safe to call more than once and before `run`."""

    def request_keyframe(self) -> bool:
        """Ask for an IDR picture as the next one; False where this source cannot be asked."""

    def set_bitrate(self, bitrate_bps: int) -> bool:
        """Change the target bitrate of the running encoder; False where this source cannot."""

    def set_keyframe_interval(self, frames: int) -> bool:
        """Change how many frames there are from one IDR picture to the next; False where this source cannot."""

"""Turns the timestamps of a container's track into times within one loop."""

# A step beyond this, or backwards, is a break in the recording and not a long picture.
_MAX_STEP_US = 10_000_000
# So many steps in a row that are shorter than those of the highest frame rate are no times at all.
_MIN_STEP_US = 1e6 / 300
_SHORT_STEPS_LIMIT = 8


class TrackClock:
    """Places the pictures of one loop, with missing and broken timestamps too.

    The first picture is decoded and shown at 0, so that presentation needs no reorder delay to be known.
    """

    def __init__(self, time_base_s: float, fps: float) -> None:
        self._tick_us = time_base_s * 1e6
        self._frame_us = 1e6 / fps
        self._dts_shift_us: float | None = None
        self._pts_shift_us: float | None = None
        self._last_us = -self._frame_us
        self._short_steps = 0
        self._first_shown_us: float | None = None
        self._end_us = 0.0

    @property
    def length_us(self) -> int:
        """How long the loop lasts: from the first picture shown to the end of the last."""
        return round(self._end_us - (self._first_shown_us or 0.0))

    def place(self, dts: int | None, pts: int | None, duration: int | None, shown_later_fields: int) -> tuple[int, int]:
        """Give when the next picture is decoded and when it is shown, in microseconds.

        Args:
            dts: decoding timestamp in ticks of the time base, or None.
            pts: presentation timestamp in ticks, or None.
            duration: in ticks; None or 0 where not known.
            shown_later_fields: what the picture order count says, used where `pts` is None.
        """
        if self._short_steps >= _SHORT_STEPS_LIMIT:
            dts = pts = duration = None
        decoded_us = self._decoded_us(dts)
        shown_us = self._shown_us(pts, decoded_us, decoded_us + shown_later_fields * self._frame_us / 2)
        lasts_us = (duration or 0) * self._tick_us
        if not 0 < lasts_us <= _MAX_STEP_US:
            lasts_us = self._frame_us
        self._end_us = max(self._end_us, shown_us + lasts_us)
        if self._first_shown_us is None or shown_us < self._first_shown_us:
            self._first_shown_us = shown_us
        return round(decoded_us), round(shown_us)

    def _decoded_us(self, dts: int | None) -> float:
        """By the timestamp, unless that leads nowhere near the picture before."""
        decoded_us = expected_us = self._last_us + self._frame_us
        if dts is not None:
            if self._dts_shift_us is None:
                self._dts_shift_us = expected_us - dts * self._tick_us
            decoded_us = dts * self._tick_us + self._dts_shift_us
            if not 0 <= decoded_us - self._last_us <= _MAX_STEP_US:
                self._mend(expected_us - decoded_us)
                decoded_us = expected_us
            self._short_steps = self._short_steps + 1 if decoded_us - self._last_us < _MIN_STEP_US else 0
        self._last_us = decoded_us
        return decoded_us

    def _shown_us(self, pts: int | None, decoded_us: float, by_order_us: float) -> float:
        """By the timestamp, unless that leads nowhere near where the picture is decoded."""
        if pts is None:
            return by_order_us
        if self._pts_shift_us is None:
            self._pts_shift_us = by_order_us - pts * self._tick_us
        shown_us = pts * self._tick_us + self._pts_shift_us
        return shown_us if abs(shown_us - decoded_us) <= _MAX_STEP_US else by_order_us

    def _mend(self, step_us: float) -> None:
        """Move both lines of timestamps by `step_us` from here on."""
        if self._dts_shift_us is not None:
            self._dts_shift_us += step_us
        if self._pts_shift_us is not None:
            self._pts_shift_us += step_us

"""The test picture: colour bars, a grey ramp, a square that moves, a running clock and the frame number."""

from datetime import datetime

import numpy as np

from vstream.sources.drawing import BLACK, WHITE, Canvas, Lettering, bt709

_BARS = [bt709(0.75 * r, 0.75 * g, 0.75 * b) for g in (1, 0) for r in (1, 0) for b in (1, 0)]
_CLOCK_EXAMPLE = "00:00:00.000"
_SWEEP_US = 4_000_000


class Pattern:
    """Draws onto one canvas again and again: the background once, then only what changed."""

    def __init__(self, canvas: Canvas, caption: str = "") -> None:
        """Draw the background; `caption` (capitals, digits, space, `-`, `.`, `:`) stands above the clock."""
        self._canvas = canvas
        width, height = canvas.width, canvas.height
        self._clock = Lettering(_fitting_scale(_CLOCK_EXAMPLE, width * 0.6, height / 7))
        self._square = even(max(4, height / 12))
        self._track_top, self._square_left = even(height * 0.68), 0
        self._bars()
        self._ramp(self._track_top + self._square)
        canvas.fill(0, self._track_top, width, self._square, BLACK)
        self._clock_left, self._clock_top = self._box(self._clock, _CLOCK_EXAMPLE, even(height * 0.3), lines=2)
        if caption:
            lettering = Lettering(_fitting_scale(caption, width * 0.8, height / 12))
            left, top = self._box(lettering, caption, even(height * 0.08), lines=1)
            lettering.write(canvas, left, top, caption)

    def draw(self, wall_clock: datetime, pts_us: int, frame_number: int) -> None:
        """Bring the moving part, the clock and the frame number up to date."""
        canvas, square = self._canvas, self._square
        canvas.brighten(self._square_left, self._track_top, square, square, BLACK.y)
        sweep = pts_us % (2 * _SWEEP_US) / _SWEEP_US
        self._square_left = int((canvas.width - square) * (sweep if sweep < 1 else 2 - sweep))
        canvas.brighten(self._square_left, self._track_top, square, square, WHITE.y)
        time = wall_clock.strftime("%H:%M:%S.") + f"{wall_clock.microsecond // 1000:03}"
        self._clock.write(canvas, self._clock_left, self._clock_top, time)
        number = f"{frame_number:<{len(_CLOCK_EXAMPLE)}}"
        self._clock.write(canvas, self._clock_left, self._clock_top + self._line(self._clock), number)

    def _bars(self) -> None:
        edges = [even(self._canvas.width * bar / len(_BARS)) for bar in range(len(_BARS) + 1)]
        for colour, left, right in zip(_BARS, edges, edges[1:], strict=False):
            self._canvas.fill(left, 0, right - left, self._canvas.height, colour)

    def _ramp(self, top: int) -> None:
        self._canvas.fill(0, top, self._canvas.width, self._canvas.height, BLACK)
        self._canvas.y[top:, :] = np.linspace(BLACK.y, WHITE.y, self._canvas.width).astype(np.uint8)

    def _box(self, lettering: Lettering, text: str, top: int, *, lines: int) -> tuple[int, int]:
        """Put a black box in the middle for lines of text as long as this one; gives where the first begins."""
        margin = lettering.height // 3
        left = max(0, (self._canvas.width - lettering.width(text)) // 2)
        box = even(left - margin), even(top - margin)
        width, height = lettering.width(text) + 2 * margin, lines * self._line(lettering) + margin
        self._canvas.fill(*box, even(width), even(height), BLACK)
        return left, top

    @staticmethod
    def _line(lettering: Lettering) -> int:
        return lettering.height * 4 // 3


def even(pixels: float) -> int:
    """Round down to an even number, where colour samples lie."""
    return int(pixels // 2) * 2


def _fitting_scale(text: str, width: float, height: float) -> int:
    smallest = Lettering(1)
    return max(1, int(min(width / smallest.width(text), height / smallest.height)))

"""Drawing into a planar YUV 4:2:0 picture: filled rectangles and text."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vstream.sources.font import ADVANCE, CHARACTERS, GLYPH_HEIGHT, glyph

Plane = npt.NDArray[np.uint8]


class Colour(NamedTuple):
    """8-bit Y'CbCr of limited range (ITU-R BT.709)."""

    y: int
    cb: int
    cr: int


BLACK = Colour(16, 128, 128)
WHITE = Colour(235, 128, 128)


def bt709(red: float, green: float, blue: float) -> Colour:
    """Convert R'G'B' from 0 to 1 to limited-range Y'CbCr (ITU-R BT.709-6 section 3)."""
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    cb, cr = (blue - luma) / 1.8556, (red - luma) / 1.5748
    return Colour(round(16 + 219 * luma), round(128 + 224 * cb), round(128 + 224 * cr))


class Canvas:
    """Three planes that are drawn into: Y of the full size, Cb and Cr of half of it each way.

    What lies outside of the picture is cut off. Coordinates are pixels from the top left corner.
    """

    def __init__(self, y: Plane, cb: Plane, cr: Plane) -> None:
        self.y, self.cb, self.cr = y, cb, cr
        self.height, self.width = y.shape

    def fill(self, left: int, top: int, width: int, height: int, colour: Colour) -> None:
        """Fill a rectangle; colour comes at half resolution, so edges at even pixels are sharp."""
        right, bottom = max(0, left + width), max(0, top + height)
        left, top = max(0, left), max(0, top)
        self.y[top:bottom, left:right] = colour.y
        for plane, value in ((self.cb, colour.cb), (self.cr, colour.cr)):
            plane[top // 2 : (bottom + 1) // 2, left // 2 : (right + 1) // 2] = value

    def brighten(self, left: int, top: int, width: int, height: int, luma: int) -> None:
        """Set only the luma of a rectangle: all it takes where the colour is grey already."""
        self.y[max(0, top) : max(0, top + height), max(0, left) : max(0, left + width)] = luma


class Lettering:
    """The font at one size, each character drawn once beforehand: white on black."""

    def __init__(self, scale: int) -> None:
        self.advance, self.height = ADVANCE * scale, GLYPH_HEIGHT * scale
        self._tiles = {character: self._tile(character, scale) for character in CHARACTERS}

    @staticmethod
    def _tile(character: str, scale: int) -> Plane:
        ink = np.kron(glyph(character), np.ones((scale, scale), dtype=np.bool_))
        return np.where(ink, WHITE.y, BLACK.y).astype(np.uint8)

    def width(self, text: str) -> int:
        return self.advance * len(text)

    def write(self, canvas: Canvas, left: int, top: int, text: str) -> None:
        """Write text into the luma, from its top left corner on; only its tail and foot may be outside."""
        for character in text:
            place = canvas.y[top : top + self.height, left : left + self.advance]
            place[:] = self._tiles[character][: place.shape[0], : place.shape[1]]
            left += self.advance

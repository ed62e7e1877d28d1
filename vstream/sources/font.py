"""A bitmap font, 5 x 7 pixels a character, for text drawn into the picture."""

import numpy as np
import numpy.typing as npt

GLYPH_WIDTH, GLYPH_HEIGHT = 5, 7
ADVANCE = GLYPH_WIDTH + 1

# Each glyph is seven rows from the top; a row is five bits, the leftmost pixel the highest.
_ROWS = {
    " ": "00 00 00 00 00 00 00",
    "-": "00 00 00 1F 00 00 00",
    ".": "00 00 00 00 00 0C 0C",
    ":": "00 0C 0C 00 0C 0C 00",
    "0": "0E 11 11 15 11 11 0E",
    "1": "04 0C 04 04 04 04 0E",
    "2": "0E 11 01 06 08 10 1F",
    "3": "0E 11 01 06 01 11 0E",
    "4": "03 05 09 11 1F 01 01",
    "5": "1F 10 1E 01 01 11 0E",
    "6": "0E 10 10 1E 11 11 0E",
    "7": "1F 01 02 02 04 04 04",
    "8": "0E 11 11 0E 11 11 0E",
    "9": "0E 11 11 0F 01 01 0E",
    "A": "04 0A 11 11 1F 11 11",
    "B": "1E 11 11 1E 11 11 1E",
    "C": "0E 11 10 10 10 11 0E",
    "D": "1E 11 11 11 11 11 1E",
    "E": "1F 10 10 1E 10 10 1F",
    "F": "1F 10 10 1E 10 10 10",
    "G": "0E 11 10 13 11 11 0E",
    "H": "11 11 11 1F 11 11 11",
    "I": "0E 04 04 04 04 04 0E",
    "J": "03 01 01 01 01 11 0E",
    "K": "11 12 14 18 14 12 11",
    "L": "10 10 10 10 10 10 1F",
    "M": "11 1B 15 15 11 11 11",
    "N": "11 19 19 15 13 13 11",
    "O": "0E 11 11 11 11 11 0E",
    "P": "1E 11 11 1E 10 10 10",
    "Q": "0E 11 11 11 15 12 0D",
    "R": "1E 11 11 1E 14 12 11",
    "S": "0F 10 10 0E 01 01 1E",
    "T": "1F 04 04 04 04 04 04",
    "U": "11 11 11 11 11 11 0E",
    "V": "11 11 11 11 0A 0A 04",
    "W": "11 11 11 15 15 1B 11",
    "X": "11 11 0A 04 0A 11 11",
    "Y": "11 11 0A 04 04 04 04",
    "Z": "1F 01 02 04 08 10 1F",
}

CHARACTERS = frozenset(_ROWS)


def glyph(character: str) -> npt.NDArray[np.bool_]:
    """Give a character's cell, 7 rows x 6 columns, true where there is ink; the last column is the gap to the next.

    Raises:
        KeyError: the font lacks the character (it has capitals, digits, space, `-`, `.` and `:`).
    """
    rows = np.array([int(row, 16) for row in _ROWS[character].split()], dtype=np.uint8)
    return np.unpackbits(np.left_shift(rows, 8 - GLYPH_WIDTH, dtype=np.uint8)[:, None], axis=1)[:, :ADVANCE].astype(
        np.bool_
    )

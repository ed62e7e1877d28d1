"""Reads the bit fields of a raw payload (ITU-T H.264 sections 7.2 and 9.1)."""

from vstream.errors import H264Error


class BitReader:
    """A cursor over bits, most significant first; reading past the end raises H264Error."""

    def __init__(self, payload: bytes) -> None:
        self._value = int.from_bytes(payload)
        self._left = len(payload) * 8

    def u(self, bits: int) -> int:
        """Read an unsigned number of `bits` bits, the descriptor u of section 7.2."""
        left = self._left - bits
        if left < 0:
            raise H264Error("the payload ends inside a field")
        self._left = left
        return (self._value >> left) & ((1 << bits) - 1)

    def flag(self) -> bool:
        """Read one bit."""
        return self.u(1) == 1

    def ue(self, largest: int = 0xFFFFFFFE) -> int:
        """Read an unsigned Exp-Golomb number, at most `largest`; the descriptor ue of section 9.1."""
        rest = self._value & ((1 << self._left) - 1)
        zeros = self._left - rest.bit_length()
        if zeros > 32:
            raise H264Error("an Exp-Golomb number has more than 32 leading zero bits")
        number = self.u(2 * zeros + 1) - 1
        if number > largest:
            raise H264Error(f"a field holds {number}, at most {largest} is allowed")
        return number

    def se(self) -> int:
        """Read a signed Exp-Golomb number; the descriptor se of section 9.1.1."""
        number = self.ue()
        return (number + 1) // 2 if number % 2 else -(number // 2)

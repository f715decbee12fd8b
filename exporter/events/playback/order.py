"""Which beacons of a play came and which are missing, by their sequence numbers."""

from __future__ import annotations

from typing import Final

import msgspec

WINDOW: Final = 512
"""Numbers below the highest within which a beacon that comes twice is recognised."""

MOST_GAP: Final = 1000
"""A number further away than this from all others is absurd: a whole hour would be missing."""


class Sequence(msgspec.Struct, gc=False, array_like=True):
    """The numbers seen of one play."""

    lowest: int
    highest: int
    seen: int = 0
    base: int = 0
    """The number of the lowest bit of ``bits``; what is below it and new can no longer be told."""
    bits: bytes = b""

    @property
    def expected(self) -> int:
        """How many beacons there must have been."""
        return self.highest - self.lowest + 1

    @property
    def missing(self) -> int:
        """How many of them never came."""
        return self.expected - self.seen

    def saw(self, number: int) -> bool:
        """Take note of a number; False where it is absurd and was not used."""
        if not self.lowest - MOST_GAP <= number <= self.highest + MOST_GAP:
            return False
        if number < self.base:
            if number < self.lowest:
                self.lowest = number
                self.seen += 1
            return True
        bits = int.from_bytes(self.bits, "little")
        if number >= self.base + WINDOW:
            shift = number - self.base - WINDOW + 1
            bits >>= shift
            self.base += shift
        bit = 1 << (number - self.base)
        if not bits & bit:
            self.seen += 1
            bits |= bit
            self.bits = bits.to_bytes((bits.bit_length() + 7) // 8, "little")
        self.lowest = min(self.lowest, number)
        self.highest = max(self.highest, number)
        return True


def sequence(first: int) -> Sequence:
    """The sequence of which ``first`` is the first number that came."""
    begun = Sequence(first, first, base=max(0, first - WINDOW // 2))
    begun.saw(first)
    return begun

"""States that nothing is told of for a while, in little room.

Sessions of one kind look much alike: what a new one has in common with the first few is said by
reference to them (preset dictionary of RFC 1950, section 2.2).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Final

LARGE: Final = 400
"""Bytes from which on a body is packed: beyond 512, Python's memory is no longer in one piece."""

EXAMPLES: Final = 8
"""Large bodies that are kept as they are; all others are told by what differs from them."""

_WINDOW: Final = 12
_MOST: Final = 1 << _WINDOW
_EFFORT: Final = 1
_MEMORY: Final = 5
# A body is a map or an array of MessagePack, which begins above this; zlib's own begins below.
_PLAIN: Final = 0x80


class Asleep:
    """The encoded states of one lifecycle by their subject."""

    def __init__(self) -> None:
        self.stored: dict[str, bytes] = {}
        """What is kept, in its own form."""
        self._examples: list[bytes] = []
        self._common = b""

    def put(self, subject: str, body: bytes) -> None:
        """Keep a body, instead of any that there was."""
        self.stored[subject] = body if len(body) < LARGE else self._packed(body)

    def get(self, subject: str) -> bytes | None:
        """The body of a subject, as it was given."""
        kept = self.stored.get(subject)
        return None if kept is None else self._unpacked(kept)

    def remove(self, subject: str) -> None:
        """Forget a subject, if it is there."""
        self.stored.pop(subject, None)

    def __len__(self) -> int:
        return len(self.stored)

    def items(self) -> Iterator[tuple[str, bytes]]:
        """Every subject and its body."""
        for subject, kept in self.stored.items():
            yield subject, self._unpacked(kept)

    def _packed(self, body: bytes) -> bytes:
        if not self._common:
            self._examples.append(body)
            if len(self._examples) == EXAMPLES:
                self._common = b"".join(self._examples)[-_MOST:]
            return body
        packer = zlib.compressobj(
            _EFFORT, zlib.DEFLATED, _WINDOW, _MEMORY, zlib.Z_DEFAULT_STRATEGY, self._common
        )
        return packer.compress(body) + packer.flush()

    def _unpacked(self, kept: bytes) -> bytes:
        if kept[0] >= _PLAIN:
            return kept
        return zlib.decompressobj(_WINDOW, self._common).decompress(kept)

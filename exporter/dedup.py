"""What was seen before: fingerprints of ids, in two generations, forgotten whole.

A generation lasts half the window; an id is remembered for at least that long and at most for the
window. A time in which nothing ran, however long, forgets no more than one generation: whoever got
no answer at its beginning sends again at its end.

Shards keep the largest single resize of a table short (a million ids in one set stall 40 ms in a
full collection and up to 90 ms on a resize; a dict of bytes to None in 256 shards does neither).
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

SHARDS: Final = 256
SIZE: Final = 16
Generation = tuple[dict[bytes, None], ...]


def fingerprint(kind: str, name: str) -> bytes:
    """Sixteen bytes for a name of a kind (an event type, or ``once`` for a fact)."""
    return blake2b(f"{kind}\0{name}".encode(), digest_size=SIZE).digest()


class Dedup:
    """Ids seen lately. ``window`` is in seconds of server time."""

    def __init__(self, window: float) -> None:
        self._half = window / 2
        self._young: Generation = _empty()
        self._old: Generation = _empty()
        self._fresh: dict[int, list[bytes]] = {}
        self.generation = 0
        """The number of the younger generation; the older one has the number before."""
        self.turned = 0.0
        """When the younger generation began."""

    def turn(self, now: float) -> None:
        """Forget the older generation when its time has come."""
        if not self.turned:
            self.turned = now
        elif now - self.turned >= self._half:
            self._old, self._young = self._young, _empty()
            self.generation += 1
            self.turned = now

    def first(self, seen: bytes) -> bool:
        """Whether this is the first time; from now on it is not."""
        shard = seen[0]
        young = self._young[shard]
        if seen in young or seen in self._old[shard]:
            return False
        young[seen] = None
        self._fresh.setdefault(self.generation, []).append(seen)
        return True

    def __len__(self) -> int:
        return sum(map(len, self._young)) + sum(map(len, self._old))

    def fresh(self) -> dict[int, bytes]:
        """By generation, the ids first seen since the last call, end to end."""
        fresh = {number: b"".join(ids) for number, ids in self._fresh.items()}
        self._fresh = {}
        return fresh

    def restore(self, generation: int, turned: float, saved: Iterable[tuple[int, bytes]]) -> None:
        """Take over what a checkpoint holds."""
        self.generation, self.turned = generation, turned
        kept = {generation: self._young, generation - 1: self._old}
        for number, ids in saved:
            if number in kept:
                for start in range(0, len(ids), SIZE):
                    seen = ids[start : start + SIZE]
                    kept[number][seen[0]][seen] = None


def _empty() -> Generation:
    return tuple({} for _ in range(SHARDS))

"""A JSON array of things of one shape, of which a bad one costs only itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import msgspec

from exporter.formats.format import RefusedError, Rejected, decode
from exporter.telemetry import Rejection

T = TypeVar("T")


class Items(Generic[T]):
    """Reads arrays of one shape: all at once where all are good, which is faster."""

    def __init__(self, shape: type[T]) -> None:
        every: Any = list[shape]  # type: ignore[valid-type]
        self._decode_all = msgspec.json.Decoder(every).decode
        self._decode = msgspec.json.Decoder(shape).decode

    def read(self, body: bytes, place: int = 0) -> Iterator[tuple[int, T] | Rejected]:
        """Each with its place, counted from ``place``; what is no array is one bad thing."""
        try:
            yield from enumerate(self._decode_all(body), place)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            yield from self._apart(body, place)

    def one(self, body: bytes, place: int = 0) -> tuple[int, T] | Rejected:
        """A thing by itself."""
        try:
            return place, decode(self._decode, body)
        except RefusedError as refusal:
            return Rejected(place, refusal.reason, body)

    def _apart(self, body: bytes, place: int) -> Iterator[tuple[int, T] | Rejected]:
        try:
            raws = _split(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            is_other = isinstance(error, msgspec.ValidationError)
            yield Rejected(place, Rejection.INVALID if is_other else Rejection.MALFORMED, body)
            return
        for number, raw in enumerate(raws, place):
            yield self.one(bytes(raw), number)


_split = msgspec.json.Decoder(list[msgspec.Raw]).decode

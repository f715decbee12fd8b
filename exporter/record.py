"""What the journal holds: entries, one for each beacon, each with the server time of its arrival.

An entry with nothing in it is a tick: time is a record too. The encoding carries a version, so a
journal that an older release wrote is read by :attr:`Codec.readers`, never guessed at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

import msgspec

from exporter.event import Event
from exporter.telemetry import Rejection

VERSION: Final = 1

Hash = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}$(?!\n)")]


class Refusal(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Something that was refused for good, with what is kept of it; ``count`` of the same kind.

    ``whole`` is whether all of it is in the sample; ``part`` whether it was one of several parts
    of a beacon, the others of which may have been taken.
    """

    reason: Rejection
    path: str = ""
    sample: str = ""
    count: int = 1
    whole: bool = False
    part: bool = False


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One beacon: its events, what was refused of it, and turned-away beacons since the last.

    ``at`` is server time in seconds since 1970, never before that of the entry before.
    ``limited`` and ``refused`` count whole beacons that got 429 and 503; ``forgotten`` are the
    hashes of people, and ``plays`` the ids of plays, of whom nothing may be kept from here on.
    """

    at: float
    events: tuple[Event, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    limited: int = 0
    refused: int = 0
    forgotten: tuple[str, ...] = ()
    plays: tuple[str, ...] = ()


class People(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Who is to be forgotten: the hashes of their names, and the names as they were sent."""

    hashes: Annotated[tuple[Hash, ...], msgspec.Meta(min_length=1)]
    names: tuple[str, ...] = ()


class UnreadableJournalError(Exception):
    """The journal was written by a newer release, or is damaged; the message says which."""


class DamagedRecordError(UnreadableJournalError):
    """A record is not what any release wrote."""


class Codec:
    """Entries to bytes and back, for the event types of the domains."""

    def __init__(self, types: Sequence[type[Event]]) -> None:
        union: Any = types[0]
        for event in types[1:]:
            union |= event
        self._encoder = msgspec.msgpack.Encoder()
        entry = msgspec.defstruct(
            "StoredEntry",
            [
                ("at", float),
                ("events", tuple[union, ...], ()),
                ("refusals", tuple[Refusal, ...], ()),
                ("limited", int, 0),
                ("refused", int, 0),
                ("forgotten", tuple[str, ...], ()),
                ("plays", tuple[str, ...], ()),
            ],
            array_like=True,
        )
        self._decoder = msgspec.msgpack.Decoder(list[entry])  # type: ignore[valid-type]
        self.readers: dict[int, Callable[[bytes], list[Any]]] = {1: self._decoder.decode}

    def encode(self, entries: Sequence[Entry]) -> bytes:
        """The body of one row of the journal, in today's version."""
        return self._encoder.encode(entries)

    def decode(self, version: int, body: bytes) -> list[Entry]:
        """The entries of a row that was written in ``version``."""
        reader = self.readers.get(version)
        if reader is None:
            raise UnreadableJournalError(
                f"the journal holds records of version {version}; this release reads "
                f"{sorted(self.readers)}: start the newer release"
            )
        try:
            return reader(body)
        except msgspec.DecodeError as error:
            raise DamagedRecordError(f"a journal row cannot be decoded: {error}") from error

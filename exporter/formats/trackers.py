"""The bodies of our own browser trackers, each as the domain that understands it declares it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from exporter.event import Beacon, Cleaner, Domain, Event, Received, Unfit
from exporter.formats.format import (
    Format,
    Parsed,
    RefusedError,
    Rejected,
    Sender,
    decode,
    reason_of,
)
from exporter.telemetry import Rejection


class _Reader(NamedTuple):
    beacon: Beacon
    decode: Callable[[bytes], Any]


class Trackers(Format):
    """Reads every beacon that a domain declares, found by path and kind."""

    def __init__(self, domains: Sequence[Domain], cleaner: Cleaner) -> None:
        self._cleaner = cleaner
        self._readers = {
            (beacon.path, beacon.kind): _Reader(beacon, msgspec.json.Decoder(beacon.shape).decode)
            for domain in domains
            for beacon in domain.beacons
        }
        self._paths = tuple({path: None for path, _ in self._readers})

    @property
    def paths(self) -> tuple[str, ...]:
        """Those of all beacons."""
        return self._paths

    def alone(self, path: str, part: bytes) -> bytes:
        """As the beacon without a kind at that path has its parts."""
        reader = self._readers.get((path, None))
        before, behind = reader.beacon.around if reader else (b"", b"")
        return before + part + behind

    def parse(self, body: bytes, sender: Sender) -> Parsed:
        """The events of one body; the fingerprint of its bytes makes a repetition recognisable."""
        kind = sender.query.get("type")
        reader = self._readers.get((sender.path, kind)) or self._readers.get((sender.path, None))
        if reader is None:
            raise RefusedError(Rejection.UNKNOWN_TYPE)
        read = decode(reader.decode, body)
        client = self._cleaner.client(sender.user_agent, sender.country)
        beacon_id = blake2b(body, digest_size=16)
        if kind:
            # Two kinds may have the same bytes, and are two beacons all the same.
            beacon_id.update(b"\0" + kind.encode(errors="replace"))
        received = Received(beacon_id.hexdigest(), kind, client, sender.user_agent)
        events: list[Event] = []
        rejected: list[Rejected] = []
        for found in reader.beacon.translate(read, received, self._cleaner):
            if isinstance(found, Unfit):
                rejected.append(Rejected(found.place, _reason(found.error), found.body))
            else:
                events.append(found)
        if len(events) + len(rejected) > sender.most_events:
            raise RefusedError(Rejection.TOO_MANY_EVENTS)
        return Parsed(tuple(events), tuple(rejected))


def _reason(error: Exception) -> Rejection:
    if isinstance(error, msgspec.ValidationError):
        return reason_of(error)
    return Rejection.MALFORMED

"""Our own form, for servers and everything new: ``{"events": [{"type": "upload.completed", …}]}``.

The classes of the events are the shape on the wire, so the schema is generated from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from exporter.event import LARGEST, Cleaner, Domain, Event
from exporter.formats.format import Format, Parsed, RefusedError, Rejected, Sender, decode
from exporter.telemetry import Rejection


class _Envelope(msgspec.Struct, gc=False):
    events: list[msgspec.Raw]


class Native(Format):
    """Reads ``/v1/events``."""

    batch = True
    paths = ("/v1/events",)

    def __init__(self, domains: Sequence[Domain], cleaner: Cleaner) -> None:
        self._cleaner = cleaner
        self._types = tuple(event for domain in domains for event in domain.events)
        union: Any = self._types[0]
        for event in self._types[1:]:
            union |= event
        self._union = union
        self._decode_event = msgspec.json.Decoder(union).decode
        self._decode_envelope = msgspec.json.Decoder(_Envelope).decode

    def parse(self, body: bytes, sender: Sender) -> Parsed:
        """Each event by itself, so that a bad one costs exactly one."""
        raws = decode(self._decode_envelope, body).events
        if len(raws) > sender.most_events:
            raise RefusedError(Rejection.TOO_MANY_EVENTS)
        events: list[Event] = []
        rejected: list[Rejected] = []
        for index, raw in enumerate(raws):
            try:
                events.append(self._event(bytes(raw)).cleaned(self._cleaner))
            except RefusedError as refusal:
                rejected.append(Rejected(index, refusal.reason, bytes(raw)))
        return Parsed(tuple(events), tuple(rejected))

    def _event(self, raw: bytes) -> Event:
        try:
            event: Event = decode(self._decode_event, raw)
        except RefusedError as refusal:
            if refusal.reason is not Rejection.INVALID:
                raise
            event = decode(self._decode_counts, raw)
        return event

    def _decode_counts(self, raw: bytes) -> Event:
        """Python and others write 3.0 for a count that they computed; to JSON Schema it is one."""
        found = msgspec.json.decode(raw)
        if not isinstance(found, dict):
            raise msgspec.ValidationError
        numbers = {
            name: int(value)
            for name, value in found.items()
            if isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST
        }
        event: Event = msgspec.convert(found | numbers, self._union)
        return event

    def alone(self, path: str, part: bytes) -> bytes:
        """An envelope around one event."""
        return b'{"events":[' + part + b"]}"

    def schema(self) -> bytes:
        """JSON Schema (2020-12) of the body, with every event type of every domain."""
        references, components = msgspec.json.schema_components(
            self._types, ref_template="#/$defs/{name}"
        )
        return msgspec.json.encode(
            {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "title": "Body of POST /v1/events",
                "type": "object",
                "properties": {"events": {"type": "array", "items": {"oneOf": list(references)}}},
                "required": ["events"],
                "$defs": components,
            }
        )

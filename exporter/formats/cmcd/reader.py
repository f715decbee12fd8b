"""``/cmcd``: reports of players, alone or in batches, in the body, the query or the headers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import blake2b
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import msgspec

from exporter.event import Cleaner, Event
from exporter.formats.cmcd.keys import LATEST, Typed, from_json, read, reports, typed
from exporter.formats.cmcd.record import EVENTS, Mode, Record
from exporter.formats.cmcd.structured import MalformedError, Member, dictionary
from exporter.formats.cmcd.translate import translate
from exporter.formats.format import Answers, Format, Parsed, RefusedError, Rejected, Sender, decode
from exporter.telemetry import Rejection

PATH: Final = "/cmcd"
HEADERS: Final = ("CMCD-Object", "CMCD-Request", "CMCD-Session", "CMCD-Status")

Translate = Callable[[Record, Sender, Cleaner], Iterable[Event]]

_objects = msgspec.json.Decoder(list[msgspec.Raw]).decode
_object = msgspec.json.Decoder(dict[str, Any]).decode
_Found = tuple[bytes, Typed | Rejection]
"""The bytes of a report, and what they say, or why they cannot be read."""


class Knobs(NamedTuple):
    """What a team may set."""

    targets: tuple[str, ...] = ("hls.js", "dash.js", "shaka", "native")
    """Names that may follow ``/cmcd/``; that of a player says who reports."""
    unwanted_targets: tuple[str, ...] = ()
    """Those whose players are told to stop."""
    unwanted_origins: tuple[str, ...] = ()
    """Origins whose players are told to stop; ``*`` is every player."""
    most_records: int = 500
    """Most reports in one body."""


class Cmcd(Format):
    """Reads reports of version 1 and 2, in event mode and in request mode."""

    media_types = frozenset({"", "application/cmcd", "text/cmcd", "text/plain", "application/json"})
    headers = HEADERS
    in_query = True
    answers = Answers(HTTPStatus.NO_CONTENT, b"", patient=False)

    def __init__(self, cleaner: Cleaner, knobs: Knobs, translate: Translate = translate) -> None:
        self._cleaner = cleaner
        self._translate = translate
        self._most = knobs.most_records
        self._unwanted_origins = frozenset(knobs.unwanted_origins)
        self._unwanted_paths = frozenset(f"{PATH}/{name}" for name in knobs.unwanted_targets)
        named = dict.fromkeys(f"{PATH}/{name}" for name in knobs.targets)
        self._paths = (PATH, *named, *(self._unwanted_paths - named.keys()))

    @property
    def paths(self) -> tuple[str, ...]:
        """``/cmcd``, and one for each target."""
        return self._paths

    def parse(self, body: bytes, sender: Sender) -> Parsed:
        """Each report by itself; nobody is told of those that are only too new for us."""
        if self._is_unwanted(sender):
            raise RefusedError(Rejection.UNWANTED)
        found = _in_body(body, self._most) if body.strip() else _in_request(sender)
        events: list[Event] = []
        rejected: list[Rejected] = []
        taken = False
        for place, (line, said) in enumerate(found):
            record = said if isinstance(said, Rejection) else _record(line, said, body, sender)
            if isinstance(record, Rejection):
                rejected.append(Rejected(place, record, line))
                taken = taken or record is Rejection.UNSUPPORTED_VERSION
            else:
                events.extend(self._translate(record, sender, self._cleaner))
                taken = True
        return Parsed(tuple(events), tuple(rejected), reply=b"" if taken else None)

    def _is_unwanted(self, sender: Sender) -> bool:
        origins = self._unwanted_origins
        return sender.path in self._unwanted_paths or (
            bool(origins) and (sender.origin in origins or "*" in origins)
        )


def _in_body(body: bytes, most: int) -> Iterator[_Found]:
    """Dictionaries by line, or JSON: an object, or an array of them. No dictionary begins so."""
    body = body.strip()
    if body.startswith(b"{"):
        return _in_objects((msgspec.Raw(body),), most)
    if body.startswith(b"["):
        objects = decode(_objects, body)
        _check(len(objects), most)
        return _in_objects(objects, most)
    _check(body.count(b"\n") + 1, most)
    return _in_lines(body)


def _check(count: int, most: int) -> None:
    if count > most:
        raise RefusedError(Rejection.TOO_MANY_EVENTS)


def _in_objects(objects: Iterable[msgspec.Raw], most: int) -> Iterator[_Found]:
    count = 0
    for raw in objects:
        line = bytes(raw)
        try:
            wrapped = reports(decode(_object, line))
        except RefusedError as refusal:
            yield line, refusal.reason
            continue
        count += len(wrapped)
        _check(count, most)
        for said in wrapped:
            # What is known again, or looked at, is a report by itself.
            report = line if len(wrapped) == 1 else msgspec.json.encode(said)
            is_object = isinstance(said, dict)
            yield report, typed(from_json(said)) if is_object else Rejection.INVALID


def _in_lines(body: bytes) -> Iterator[_Found]:
    for line in body.split(b"\n"):
        if text := line.strip():
            try:
                yield text, read(text.decode())
            except (MalformedError, UnicodeDecodeError):
                yield text, Rejection.MALFORMED


def _in_request(sender: Sender) -> Iterator[_Found]:
    """One report: in the headers, or where there are none of them, in the query."""
    texts = tuple(sender.headers.values()) or (sender.query.get("CMCD", ""),)
    line = ",".join(texts).encode(errors="replace")
    members: dict[str, Member] = {}
    try:
        for text in texts:
            # What is no Unicode can be in a header or a query, and could not be written down.
            members |= dictionary(text.encode().decode().strip(" \t"))
    except (MalformedError, UnicodeEncodeError):
        yield line, Rejection.MALFORMED
    else:
        yield line, typed(members) if members else Rejection.INCOMPLETE


def _record(line: bytes, said: Typed, body: bytes, sender: Sender) -> Record | Rejection:
    if said.version > LATEST:
        return Rejection.UNSUPPORTED_VERSION
    fields = said.fields
    mode = Mode.EVENT if body or "e" in fields else Mode.REQUEST
    if mode is Mode.EVENT:
        if "e" not in fields or "ts" not in fields:
            return Rejection.INCOMPLETE
        if fields["e"] not in EVENTS:
            return Rejection.UNKNOWN_TYPE
    target = sender.path[len(PATH) + 1 :]
    record: Record = Record(
        id=_identity(mode, target, fields, line, sender),
        mode=mode,
        version=said.version,
        target=target,
        ignored=said.ignored,
        **fields,
    )
    return record


def _identity(
    mode: Mode, target: str, fields: Mapping[str, Any], line: bytes, sender: Sender
) -> str | None:
    """What a repetition has in common with the first, and nothing else has.

    The time is part of it, because there are players whose ``sid`` is the same for everybody. Two
    people whose players say no ``sid`` may well say the same thing in the same millisecond; what
    is known of them besides tells some of them apart.
    """
    sid, sn, ts = fields.get("sid"), fields.get("sn"), fields.get("ts")
    if sid is not None and sn is not None:
        told = f"{mode}\0{target}\0{sid}\0{sn}\0{ts}".encode()
    elif ts is None:
        return None
    else:
        sent = f"\0{target}\0{sender.origin}\0{sender.user_agent}\0{sender.country}"
        told = line + sent.encode(errors="replace")
    return blake2b(told, digest_size=16).hexdigest()

"""Grafana Faro's web SDK: measurements, events, exceptions, logs and traces of one page.

A batch has one ``meta`` (session, page, user, browser) and up to five lists. Its
``Idempotency-Key`` is the same at every attempt, so an item is known by the key and its place in
the batch, whatever it says; without one (SDK before 2.12), by the bytes of the body.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import msgspec

from exporter.event import UNKNOWN_COUNTRY, Cleaner, Event
from exporter.events.web import told
from exporter.events.web.classes import Action, ErrorType, LogLevel, RequestResult, Vital
from exporter.events.web.told import Told
from exporter.events.web.trackers import MS, rating, when
from exporter.formats.format import Format, Parsed, RefusedError, Rejected, Sender, decode
from exporter.formats.items import Items
from exporter.telemetry import Rejection

KEY: Final = "Idempotency-Key"
SESSION: Final = "X-Faro-Session-Id"

LONGEST_NAME: Final = 256
LONGEST_TEXT: Final = 4096
SHORTEST_NAME: Final = 3
"""Characters of a name from which it is looked for in messages."""

Json = Mapping[str, Any]
NULL: Final = b"null"
NONE: Final = msgspec.Raw(NULL)


class Clock(NamedTuple):
    """How a value says in which unit it is, and how many seconds that is."""

    suffix: str
    seconds: float


CLOCKS: Final = (Clock("_ms", 0.001), Clock("_seconds", 1.0))


class Batch(msgspec.Struct, gc=False):
    """``POST /collect``; everything may be missing, and what is not known is not looked at."""

    meta: msgspec.Raw = NONE
    measurements: msgspec.Raw = NONE
    exceptions: msgspec.Raw = NONE
    events: msgspec.Raw = NONE
    logs: msgspec.Raw = NONE
    traces: msgspec.Raw = NONE


class Context(msgspec.Struct, gc=False):
    """What the SDK says besides the values of a web vital."""

    id: str | None = None
    rating: str | None = None
    navigation_type: str | None = None


class Measured(msgspec.Struct, gc=False):
    """A web vital with its attribution, or what the page's own code measured."""

    type: str
    values: dict[str, float | None]
    timestamp: float | str | None = None
    context: msgspec.Raw = NONE


class Happened(msgspec.Struct, gc=False):
    """An event of the SDK, or of the page's own code; numbers in its attributes are strings."""

    name: str
    attributes: msgspec.Raw = NONE
    timestamp: float | str | None = None


class Thrown(msgspec.Struct, gc=False):
    """An exception; its stack is not looked at."""

    type: str | None = None
    value: str | None = None
    fatal: bool | None = None
    fingerprint: str | None = None
    timestamp: float | str | None = None


class Logged(msgspec.Struct, gc=False):
    """A line of a log; what it says is not looked at."""

    level: str | None = None
    timestamp: float | str | None = None


class _Scope(msgspec.Struct, gc=False):
    spans: list[msgspec.Raw] | None = None


class _Resource(msgspec.Struct, gc=False):
    scopes: list[_Scope] | None = msgspec.field(default=None, name="scopeSpans")


class Traces(msgspec.Struct, gc=False):
    """Spans as OpenTelemetry has them."""

    resources: list[_Resource] | None = msgspec.field(default=None, name="resourceSpans")


class Page(NamedTuple):
    """What every item of a batch has in common; ``names`` are those of the user."""

    about: dict[str, Any]
    names: tuple[str, ...]


Reading = Callable[[Any, Page, dict[str, Any]], Iterable[Told]]


class Faro(Format):
    """Reads ``/collect``."""

    batch = True
    headers = (KEY, SESSION)
    paths = ("/collect",)

    def __init__(self, cleaner: Cleaner) -> None:
        self._cleaner = cleaner
        self._decode = msgspec.json.Decoder(Batch).decode
        self._traces = Items(Traces)
        self._sections: tuple[tuple[str, Items[Any], Reading], ...] = (
            ("measurements", Items(Measured), _measured),
            ("exceptions", Items(Thrown), _thrown),
            ("events", Items(Happened), _happened),
            ("logs", Items(Logged), _logged),
        )

    def parse(self, body: bytes, sender: Sender) -> Parsed:
        """Each item by itself, in the order of the sections."""
        batch = decode(self._decode, body)
        page = _page(_meta(batch.meta), sender)
        batch_id = _batch_id(body, page, sender)
        events: list[Event] = []
        rejected: list[Rejected] = []
        cleaner = self._cleaner
        who: dict[tuple[bool, str | None], dict[str, Any]] = {}
        for each in self._told(batch, page, batch_id):
            if isinstance(each, Rejected):
                rejected.append(each)
            else:
                alike = each.begins, each.page_view_id
                if alike not in who:
                    who[alike] = each.who(cleaner)
                events.append(each.cleaned(cleaner, who[alike]))
            if len(events) + len(rejected) > sender.most_events:
                raise RefusedError(Rejection.TOO_MANY_EVENTS)
        return Parsed(tuple(events), tuple(rejected))

    def _told(self, batch: Batch, page: Page, batch_id: str) -> Iterator[Told | Rejected]:
        place = 0
        for name, items, read in self._sections:
            raw = bytes(getattr(batch, name))
            if raw == NULL:
                continue
            for each in items.read(raw, place):
                place += 1
                if isinstance(each, Rejected):
                    yield each
                    continue
                number, item = each
                about = page.about | {"id": f"{batch_id}.{number}", "at": when(item.timestamp)}
                yield from read(item, page, about)
        if bytes(batch.traces) != NULL:
            yield from self._spans(bytes(batch.traces), place, page, f"{batch_id}.traces")

    def _spans(
        self, raw: bytes, place: int, page: Page, event_id: str
    ) -> Iterator[Told | Rejected]:
        found = self._traces.one(raw, place)
        if isinstance(found, Rejected):
            yield found
            return
        _, traces = found
        scopes = (scope for each in traces.resources or () for scope in each.scopes or ())
        spans = sum(len(scope.spans or ()) for scope in scopes)
        if spans:
            yield told.SpansDropped(spans=spans, **page.about, id=event_id)


# -- what all items have in common -----------------------------------------------------------

_decode_meta = msgspec.json.Decoder(dict[str, Any]).decode


def _meta(raw: msgspec.Raw) -> Json:
    """What is said of the page; what cannot be read costs nobody an item."""
    try:
        return decode(_decode_meta, bytes(raw))
    except RefusedError:
        return {}


def _part(meta: Json, name: str) -> Json:
    part = meta.get(name)
    return part if isinstance(part, dict) else {}


def _text(part: Json, name: str, longest: int = LONGEST_NAME) -> str | None:
    said = part.get(name)
    return said[:longest] or None if isinstance(said, str) else None


IDS: Final = ("id", "hash", "username", "email")
NAMES: Final = (*IDS, "fullName")
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def _page(meta: Json, sender: Sender) -> Page:
    """A page view where the page's id is a UUID: other ids are names of pages, and come again."""
    page, user = _part(meta, "page"), _part(meta, "user")
    page_id = _text(page, "id")
    names = tuple(name for name in (_text(user, key) for key in NAMES) if name is not None)
    about: dict[str, Any] = {
        "page_view_id": page_id if page_id and _UUID.fullmatch(page_id) else None,
        "session_id": _text(_part(meta, "session"), "id")
        or sender.headers.get(SESSION, "")[:LONGEST_NAME]
        or None,
        "user_id": next((said for said in (_text(user, key) for key in IDS) if said), None),
        "url": _text(page, "url", LONGEST_TEXT),
        "user_agent": _text(_part(meta, "browser"), "userAgent", LONGEST_TEXT) or sender.user_agent,
        "country": None if sender.country == UNKNOWN_COUNTRY else sender.country,
    }
    return Page(about, tuple(sorted(names, key=len, reverse=True)))


def _batch_id(body: bytes, page: Page, sender: Sender) -> str:
    key = sender.headers.get(KEY, "")
    said = f"{key}\0{page.about['session_id']}".encode(errors="replace") if key else body
    return blake2b(said, digest_size=16).hexdigest()


# -- measurements ----------------------------------------------------------------------------

VITALS: Final = {vital.value: vital for vital in Vital}
RESTORED: Final = "back-forward-cache"

_decode_context = msgspec.json.Decoder(Context).decode


def _measured(item: Measured, page: Page, about: dict[str, Any]) -> Iterator[Told]:
    values, event_id = item.values, about["id"]
    if not values:
        yield told.NothingMeasured(**about)
    vitals = [name for name in values if name in VITALS] if item.type == "web-vitals" else []
    for name in vitals:
        yield _vital(VITALS[name], values[name], item, about | {"id": f"{event_id}.{name}"})
    for name in values if not vitals else ():
        value_id = f"{event_id}.{_digest(name)}"
        yield _own(f"{item.type}.{name}"[:LONGEST_NAME], values[name], about | {"id": value_id})


def _vital(vital: Vital, value: float | None, item: Measured, about: dict[str, Any]) -> Told:
    if value is None:
        return told.NothingMeasured(**about)
    try:
        context = decode(_decode_context, bytes(item.context))
    except RefusedError:
        context = Context()
    view = about["page_view_id"]
    if view is not None and context.navigation_type == RESTORED:
        # Shown again out of the cache of the browser, it is another page view to its vitals.
        about = about | {"page_view_id": f"{view}.restored"}
    return told.VitalMeasured(
        vital=vital,
        value=value * (1.0 if vital is Vital.CLS else MS),
        rating=rating(context.rating),
        metric_id=(context.id or "")[:LONGEST_NAME] or None,
        **about,
    )


def _own(name: str, value: float | None, about: dict[str, Any]) -> Told:
    """What the page measures for itself: a time where its name ends in a unit of time."""
    if value is None:
        return told.NothingMeasured(**about)
    for clock in CLOCKS:
        if name.endswith(clock.suffix):
            return told.DurationMeasured(name=name, duration_seconds=value * clock.seconds, **about)
    return told.MetricReported(name=name, value=value, **about)


def _digest(name: str) -> str:
    return blake2b(name.encode(errors="replace"), digest_size=8).hexdigest()


# -- exceptions and logs ---------------------------------------------------------------------

KINDS: Final = {"UnhandledRejection": ErrorType.PROMISE_REJECTION}
"""What the SDK calls a rejection with something that is no Error; others have the Error's name."""


def _thrown(item: Thrown, page: Page, about: dict[str, Any]) -> Iterator[Told]:
    kind = item.type or "Error"
    error_type = KINDS.get(kind) or ErrorType(kind)
    value = (item.value or "")[:LONGEST_TEXT]
    message = f"{kind[:LONGEST_NAME]}: {value}" if value else kind[:LONGEST_NAME]
    for name in page.names:
        if len(name) >= SHORTEST_NAME:
            message = message.replace(name, "[id]")
    yield told.ErrorMet(
        error_type=ErrorType.JAVASCRIPT if error_type is ErrorType.OTHER else error_type,
        message=message,
        group=(item.fingerprint or "")[:LONGEST_TEXT] or None,
        fatal=item.fatal is True,
        **about,
    )


def _logged(item: Logged, page: Page, about: dict[str, Any]) -> Iterator[Told]:
    yield told.LogWritten(level=LogLevel((item.level or "log").lower()), **about)


# -- events ----------------------------------------------------------------------------------

_decode_attributes = msgspec.json.Decoder(dict[str, Any]).decode


def _happened(item: Happened, page: Page, about: dict[str, Any]) -> Iterator[Told]:
    read = EVENTS.get(item.name)
    if read is not None:
        yield from read(_attributes(item), about)
    elif (action := Action(item.name)) is not Action.OTHER:
        yield told.ActionTaken(action=action, **about)
    else:
        yield told.CustomHappened(name=item.name[:LONGEST_NAME], **about)


def _attributes(item: Happened) -> Json:
    try:
        return decode(_decode_attributes, bytes(item.attributes))
    except RefusedError:
        return {}


def _number(attributes: Json, name: str) -> float | None:
    """A number that comes as a string; ``unknown`` is none."""
    said = attributes.get(name)
    if isinstance(said, bool) or not isinstance(said, str | int | float):
        return None
    try:
        number = float(said)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _seconds(attributes: Json, *names: str) -> float | None:
    """The sum of times in ms; None where one is missing."""
    found = [_number(attributes, name) for name in names]
    known = [each for each in found if each is not None]
    return sum(known) * MS if len(known) == len(found) else None


def _navigated(attributes: Json, about: dict[str, Any]) -> Iterator[Told]:
    """A document was loaded; its time is that of its beginning."""
    connecting = _seconds(attributes, "tcpHandshakeTime")
    securing = _seconds(attributes, "tlsNegotiationTime")
    if securing and (connecting is None or securing > connecting):
        # Without TLS the SDK says how long everything before took.
        securing = None
    yield told.PageViewed(**about)
    yield told.NavigationTimed(
        dns_lookup_seconds=_seconds(attributes, "dnsLookupTime"),
        tcp_connect_seconds=connecting,
        ssl_handshake_seconds=securing,
        request_response_seconds=_seconds(attributes, "requestTime", "responseTime"),
        dom_processing_seconds=_seconds(attributes, "domProcessingTime"),
        # The whole is 0 where it was read before the load event had ended.
        load_seconds=_seconds(attributes, "duration") or _seconds(attributes, "pageLoadTime"),
        **about,
    )


def _resource(attributes: Json, about: dict[str, Any]) -> Iterator[Told]:
    seconds = _seconds(attributes, "duration")
    if (_number(attributes, "responseStatus") or 0) >= 400:
        yield told.RequestMade(result=RequestResult.FAILED, duration_seconds=seconds, **about)
    elif seconds is None:
        yield told.NothingMeasured(**about)
    else:
        yield told.ResourceLoaded(duration_seconds=seconds, **about)


def _route_changed(attributes: Json, about: dict[str, Any]) -> Iterator[Told]:
    yield told.PageViewed(**about)
    yield told.ActionTaken(action=Action.ROUTE_CHANGE, **about)


def _seen(attributes: Json, about: dict[str, Any]) -> Iterator[Told]:
    yield told.SessionSeen(**about)


def _acted(attributes: Json, about: dict[str, Any]) -> Iterator[Told]:
    clicked = attributes.get("userActionTrigger") == "pointerdown"
    yield told.ActionTaken(action=Action.CLICK if clicked else Action.OTHER, **about)


EVENTS: Final[Mapping[str, Callable[[Json, dict[str, Any]], Iterator[Told]]]] = {
    "faro.performance.navigation": _navigated,
    "faro.performance.resource": _resource,
    "faro.navigation": _route_changed,
    "route_change": _route_changed,
    "faro.user.action": _acted,
    "session_start": _seen,
    "session_resume": _seen,
    "session_extend": _seen,
    "view_changed": _seen,
    "service_name_override": _seen,
}
"""What the SDK itself says; any other event is one of the page's own code."""

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
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import msgspec

from exporter.event import UNKNOWN_COUNTRY, Cleaner, Event
from exporter.events.web import told
from exporter.events.web.classes import Action, ErrorType, LogLevel, RequestResult, Vital
from exporter.events.web.told import Told
from exporter.events.web.trackers import MS, RESTORED, rating, when
from exporter.formats.format import Format, Parsed, RefusedError, Rejected, Sender, decode
from exporter.formats.items import Items
from exporter.formats.teller import Teller
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


class Attributes(msgspec.Struct, gc=False):
    """What counts of the attributes of the SDK's own events; times are ms, as strings."""

    duration: Any = None
    page_load: Any = msgspec.field(default=None, name="pageLoadTime")
    dns_lookup: Any = msgspec.field(default=None, name="dnsLookupTime")
    tcp_handshake: Any = msgspec.field(default=None, name="tcpHandshakeTime")
    tls_negotiation: Any = msgspec.field(default=None, name="tlsNegotiationTime")
    request: Any = msgspec.field(default=None, name="requestTime")
    response: Any = msgspec.field(default=None, name="responseTime")
    dom_processing: Any = msgspec.field(default=None, name="domProcessingTime")
    status: Any = msgspec.field(default=None, name="responseStatus")
    trigger: Any = msgspec.field(default=None, name="userActionTrigger")


class Page(NamedTuple):
    """What every item of a batch has in common; ``names`` are those of the user and the session."""

    teller: Teller
    restored: Teller
    """The page once it was shown again out of the browser's cache."""
    session_id: str | None
    names: tuple[str, ...]


Known = dict[str, Any]
"""The id and the time of an item."""

Reading = Callable[[Any, Page, Known], Iterable[Told]]


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
        page = self._page(_meta(batch.meta), sender)
        batch_id = _batch_id(body, page, sender)
        events: list[Event] = []
        rejected: list[Rejected] = []
        for each in self._told(batch, page, batch_id):
            if isinstance(each, Rejected):
                rejected.append(each)
            else:
                events.append(each)
            if len(events) + len(rejected) > sender.most_events:
                raise RefusedError(Rejection.TOO_MANY_EVENTS)
        return Parsed(tuple(events), tuple(rejected))

    def _page(self, meta: Json, sender: Sender) -> Page:
        about, names = _about(meta, sender)
        view, session_id = about["page_view_id"], about["session_id"]
        restored = about if view is None else about | {"page_view_id": f"{view}.restored"}
        cleaner = self._cleaner
        return Page(Teller(cleaner, about), Teller(cleaner, restored), session_id, names)

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
                yield from read(
                    item, page, {"id": f"{batch_id}.{number}", "at": when(item.timestamp)}
                )
        if (raw := bytes(batch.traces)) != NULL:
            found = self._traces.one(raw, place)
            if isinstance(found, Rejected):
                yield found
            elif spans := _spans(found[1]):
                yield page.teller.tells(told.SpansDropped, id=f"{batch_id}.traces", spans=spans)


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


def _about(meta: Json, sender: Sender) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What is said of the page, and the names in it.

    It is a page view where the page's id is a UUID: other ids are names of pages, and come again.
    """
    page, user = _part(meta, "page"), _part(meta, "user")
    page_id = _text(page, "id") or ""
    view = page_id if _UUID.fullmatch(page_id) else None
    session_id = _text(_part(meta, "session"), "id")
    session_id = session_id or sender.headers.get(SESSION, "")[:LONGEST_NAME] or None
    names = {name for name in (*(_text(user, key) for key in NAMES), session_id, view) if name}
    about: dict[str, Any] = {
        "page_view_id": view,
        "session_id": session_id,
        "user_id": next((said for said in (_text(user, key) for key in IDS) if said), None),
        "url": _text(page, "url", LONGEST_TEXT),
        "user_agent": _text(_part(meta, "browser"), "userAgent", LONGEST_TEXT) or sender.user_agent,
        "country": None if sender.country == UNKNOWN_COUNTRY else sender.country,
    }
    return about, tuple(sorted(names, key=lambda name: (-len(name), name)))


def _batch_id(body: bytes, page: Page, sender: Sender) -> str:
    key = sender.headers.get(KEY, "")
    said = f"{key}\0{page.session_id}".encode(errors="replace") if key else body
    return blake2b(said, digest_size=16).hexdigest()


# -- measurements ----------------------------------------------------------------------------

VITALS: Final = {vital.value: vital for vital in Vital}
_decode_context = msgspec.json.Decoder(Context).decode


def _measured(item: Measured, page: Page, known: Known) -> Iterator[Told]:
    values, event_id = item.values, known["id"]
    if not values:
        yield page.teller.tells(told.NothingMeasured, **known)
    vitals = [name for name in values if name in VITALS] if item.type == "web-vitals" else []
    for name in vitals:
        known["id"] = f"{event_id}.{name}"
        yield _vital(VITALS[name], values[name], item, page, known)
    for name in values if not vitals else ():
        known["id"] = f"{event_id}.{_digest(name)}"
        yield _own(f"{item.type}.{name}"[:LONGEST_NAME], values[name], page.teller, known)


def _vital(vital: Vital, value: float | None, item: Measured, page: Page, known: Known) -> Told:
    if value is None:
        return page.teller.tells(told.NothingMeasured, **known)
    try:
        context = decode(_decode_context, bytes(item.context))
    except RefusedError:
        context = Context()
    restored = context.navigation_type == RESTORED
    return (page.restored if restored else page.teller).tells(
        told.VitalMeasured,
        restored=restored,
        vital=vital,
        value=value * (1.0 if vital is Vital.CLS else MS),
        rating=rating(context.rating),
        metric_id=(context.id or "")[:LONGEST_NAME] or None,
        **known,
    )


def _own(name: str, value: float | None, teller: Teller, known: Known) -> Told:
    """What the page measures for itself: a time where its name ends in a unit of time."""
    if value is None:
        return teller.tells(told.NothingMeasured, **known)
    for clock in CLOCKS:
        if name.endswith(clock.suffix):
            seconds = value * clock.seconds
            return teller.tells(told.DurationMeasured, name=name, duration_seconds=seconds, **known)
    return teller.tells(told.MetricReported, name=name, value=value, **known)


def _digest(name: str) -> str:
    return blake2b(name.encode(errors="replace"), digest_size=8).hexdigest()


# -- exceptions, logs and traces -------------------------------------------------------------

KINDS: Final = {"UnhandledRejection": ErrorType.PROMISE_REJECTION}
"""What the SDK calls a rejection with something that is no Error; others have the Error's name."""


def _thrown(item: Thrown, page: Page, known: Known) -> Iterator[Told]:
    kind = item.type or "Error"
    error_type = KINDS.get(kind) or ErrorType(kind)
    value = (item.value or "")[:LONGEST_TEXT]
    message = f"{kind[:LONGEST_NAME]}: {value}" if value else kind[:LONGEST_NAME]
    for name in page.names:
        if len(name) >= SHORTEST_NAME:
            message = message.replace(name, "[id]")
    yield page.teller.tells(
        told.ErrorMet,
        error_type=ErrorType.JAVASCRIPT if error_type is ErrorType.OTHER else error_type,
        message=message,
        group=(item.fingerprint or "")[:LONGEST_TEXT] or None,
        fatal=item.fatal is True,
        **known,
    )


def _logged(item: Logged, page: Page, known: Known) -> Iterator[Told]:
    level = LogLevel((item.level or "log").lower())
    yield page.teller.tells(told.LogWritten, level=level, **known)


def _spans(traces: Traces) -> int:
    scopes = (scope for each in traces.resources or () for scope in each.scopes or ())
    return sum(len(scope.spans or ()) for scope in scopes)


# -- events ----------------------------------------------------------------------------------

_decode_attributes = msgspec.json.Decoder(Attributes).decode


def _happened(item: Happened, page: Page, known: Known) -> Iterator[Told]:
    read = EVENTS.get(item.name)
    teller = page.teller
    if read is not None:
        yield from read(item, teller, known)
    elif (action := Action(item.name)) is not Action.OTHER:
        yield teller.tells(told.ActionTaken, action=action, **known)
    else:
        yield teller.tells(told.CustomHappened, name=item.name[:LONGEST_NAME], **known)


def _attributes(item: Happened) -> Attributes:
    try:
        return decode(_decode_attributes, bytes(item.attributes))
    except RefusedError:
        return Attributes()


def _number(said: object) -> float | None:
    """A number that comes as a string; ``unknown`` is none."""
    if isinstance(said, bool) or not isinstance(said, str | int | float):
        return None
    try:
        number = float(said)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _seconds(said: object) -> float | None:
    number = _number(said)
    return None if number is None else number * MS


def _navigated(item: Happened, teller: Teller, known: Known) -> Iterator[Told]:
    """A document was loaded; its time is that of its beginning."""
    said = _attributes(item)
    connecting, securing = _seconds(said.tcp_handshake), _seconds(said.tls_negotiation)
    if securing and (connecting is None or securing > connecting):
        # Without TLS the SDK says how long everything before took.
        securing = None
    request, response = _seconds(said.request), _seconds(said.response)
    yield teller.tells(told.PageViewed, **known)
    yield teller.tells(
        told.NavigationTimed,
        dns_lookup_seconds=_seconds(said.dns_lookup),
        tcp_connect_seconds=connecting,
        ssl_handshake_seconds=securing,
        request_response_seconds=None
        if request is None or response is None
        else request + response,
        dom_processing_seconds=_seconds(said.dom_processing),
        # The whole is 0 where it was read before the load event had ended.
        load_seconds=_seconds(said.duration) or _seconds(said.page_load),
        **known,
    )


def _resource(item: Happened, teller: Teller, known: Known) -> Iterator[Told]:
    said = _attributes(item)
    seconds = _seconds(said.duration)
    if (_number(said.status) or 0) >= HTTPStatus.BAD_REQUEST:
        failed = RequestResult.FAILED
        yield teller.tells(told.RequestMade, result=failed, duration_seconds=seconds, **known)
    elif seconds is None:
        yield teller.tells(told.NothingMeasured, **known)
    else:
        yield teller.tells(told.ResourceLoaded, duration_seconds=seconds, **known)


def _route_changed(item: Happened, teller: Teller, known: Known) -> Iterator[Told]:
    yield teller.tells(told.PageViewed, **known)
    yield teller.tells(told.ActionTaken, action=Action.ROUTE_CHANGE, **known)


def _seen(item: Happened, teller: Teller, known: Known) -> Iterator[Told]:
    yield teller.tells(told.SessionSeen, **known)


def _acted(item: Happened, teller: Teller, known: Known) -> Iterator[Told]:
    action = Action.CLICK if _attributes(item).trigger == "pointerdown" else Action.OTHER
    yield teller.tells(told.ActionTaken, action=action, **known)


EVENTS: Final[Mapping[str, Callable[[Happened, Teller, Known], Iterator[Told]]]] = {
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

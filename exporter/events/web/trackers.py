"""The bodies that the browser trackers of pages send, and what they mean.

``/api/metrics`` one measurement · ``/api/errors`` a batch of errors · ``/api/analytics/events`` one
page view or action. Times are milliseconds, and a score for CLS; anything may be null or absent, a
key may be in camel case or not, and unknown keys are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

import msgspec

from exporter.event import (
    LATEST,
    UNKNOWN_COUNTRY,
    Beacon,
    Cleaner,
    Event,
    Network,
    Received,
    Text,
    Unfit,
    trial_of,
)
from exporter.events.web import told
from exporter.events.web.classes import Action, ErrorType, Phase, Rating, Vital
from exporter.events.web.told import Told

MS: Final = 0.001
RESTORED: Final = "back-forward-cache"
"""What the web-vitals library calls the navigation to a page that the browser had kept."""

LONGEST_NAME: Final = 256
LARGEST: Final = 2**64
LONGEST_TEXT: Final = 4096

Json = Mapping[str, Any]
Known = Mapping[str, str]


class Metric(msgspec.Struct, gc=False):
    """``POST /api/metrics``; a value that was NaN in the page comes as null."""

    name: Text
    value: float | None = None
    timestamp: float | str | None = None
    tags: dict[str, Any] | None = None


class Error(msgspec.Struct, gc=False):
    """One error of a batch; what is in ``message`` and ``stack`` may be anything."""

    type: Text
    id: str | int | None = None
    message: Any = None
    stack: Any = None
    status: float | None = None
    duration: float | None = None
    timestamp: float | str | None = None


class Errors(msgspec.Struct, gc=False):
    """``POST /api/errors``; an entry that cannot be read costs the others nothing."""

    errors: list[msgspec.Raw]


class Happening(msgspec.Struct, gc=False):
    """``POST /api/analytics/events``."""

    type: Text
    data: dict[str, Any] | None = None
    timestamp: float | str | None = None


# -- what several bodies say -----------------------------------------------------------------

_SPELLINGS: Final = {
    "page_view_id": ("page_view_id", "pageViewId", "view_id", "viewId", "pageview_id"),
    "session_id": ("session_id", "sessionId"),
    "user_id": ("user_id", "userId"),
    "page_url": ("page_url", "pageUrl"),
    "url": ("url", "href", "path"),
    "user_agent": ("user_agent", "userAgent"),
    "network": ("effective_type", "effectiveType", "connection", "network"),
    "request_id": ("request_id", "requestId"),
    "metric_id": ("metric_id", "metricId"),
    "experiment": ("experiment",),
    "variant": ("variant",),
}
FIELD_OF: Final = {key: name for name, keys in _SPELLINGS.items() for key in keys}
"""By the keys of tags, of errors and of data: what each says."""

LONG: Final = frozenset({"page_url", "url", "user_agent"})


def _known(said: Json) -> dict[str, str]:
    """What has a meaning: texts, and whole numbers, which ids are as well."""
    known: dict[str, str] = {}
    for key, value in said.items():
        name = FIELD_OF.get(key)
        if name is not None and name not in known:
            text = _identity(value, LONGEST_TEXT if name in LONG else LONGEST_NAME)
            if text is not None:
                known[name] = text
    return known


def _identity(said: object, longest: int = LONGEST_NAME) -> str | None:
    if isinstance(said, str):
        return said[:longest] or None
    if isinstance(said, int) and not isinstance(said, bool) and abs(said) < LARGEST:
        return str(said)
    return None


def _about(known: Known, received: Received) -> dict[str, Any]:
    """What every event of a body has: the page view, as far as it is told, and the client."""
    get = known.get
    country = received.client.country
    about: dict[str, Any] = {
        "page_view_id": get("page_view_id"),
        "session_id": get("session_id"),
        "user_id": get("user_id"),
        "url": get("page_url") or get("url"),
        "user_agent": get("user_agent") or received.user_agent,
        "network": Network(get("network", "other")),
        "country": None if country == UNKNOWN_COUNTRY else country,
    }
    return about | trial_of(get("experiment"), get("variant"))


def when(timestamp: float | str | None) -> float | None:
    """Seconds since 1970 of milliseconds, or of a date as JavaScript writes it."""
    if isinstance(timestamp, str):
        try:
            seconds = datetime.fromisoformat(timestamp).timestamp()
        except (ValueError, OverflowError):
            return None
    elif timestamp is None:
        return None
    else:
        seconds = timestamp * MS
    return seconds if 0 <= seconds <= LATEST else None


# -- one measurement -------------------------------------------------------------------------

Reading = Callable[[float, dict[str, Any], Json, Known], Told]


def _vital(vital: Vital) -> Reading:
    scale = 1.0 if vital is Vital.CLS else MS

    def read(value: float, about: dict[str, Any], tags: Json, known: Known) -> Told:
        return told.VitalMeasured(
            vital=vital,
            value=value * scale,
            rating=rating(tags.get("rating")),
            metric_id=known.get("metric_id") or _identity(tags.get("id")),
            **about,
        )

    return read


def rating(said: object) -> Rating | None:
    """A rating, however it is spelt; None where it is none."""
    words = said.lower().replace("_", "-").replace(" ", "-") if isinstance(said, str) else ""
    return Rating(words) if words in _RATINGS else None


_RATINGS: Final = frozenset(each.value for each in Rating)


def _navigation(part: str) -> Reading:
    def read(value: float, about: dict[str, Any], tags: Json, known: Known) -> Told:
        return told.NavigationTimed(**(about | {part: value * MS}))

    return read


def _resource(value: float, about: dict[str, Any], tags: Json, known: Known) -> Told:
    return told.ResourceLoaded(
        duration_seconds=value * MS, request_id=known.get("request_id"), **about
    )


def _long_task(value: float, about: dict[str, Any], tags: Json, known: Known) -> Told:
    return told.LongTaskRan(duration_seconds=value * MS, **about)


READINGS: Final[Mapping[str, Reading]] = {
    **{f"web_vitals_{vital.value}": _vital(vital) for vital in Vital},
    **{f"navigation_{phase.value}": _navigation(f"{phase.value}_seconds") for phase in Phase},
    "navigation_total_load_time": _navigation("load_seconds"),
    "resource_load_time": _resource,
    "long_task_duration": _long_task,
}


def metric(body: Metric, received: Received, cleaner: Cleaner) -> Iterable[Event]:
    """One measurement of a page."""
    tags = body.tags or {}
    known = _known(tags)
    about = _about(known, received) | {"id": received.id, "at": when(body.timestamp)}
    event: Told
    if body.value is None:
        event = told.NothingMeasured(**about)
    elif (read := READINGS.get(body.name.lower())) is not None:
        event = read(body.value, about, tags, known)
    else:
        event = told.MetricReported(name=body.name, value=body.value, **about)
    yield event.cleaned(cleaner)


# -- a batch of errors -----------------------------------------------------------------------

_decode = msgspec.json.Decoder(Error, strict=False).decode
_decode_all = msgspec.json.Decoder(dict[str, Any]).decode


def errors(body: Errors, received: Received, cleaner: Cleaner) -> Iterable[Event | Unfit]:
    """Each error by itself; the same one may come again in another batch."""
    for place, raw in enumerate(body.errors):
        entry = bytes(raw)
        try:
            error = _error(_decode(entry), entry, received, cleaner)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as unfit:
            yield Unfit(place, unfit, entry)
        else:
            yield error.cleaned(cleaner)


def _error(error: Error, entry: bytes, received: Received, cleaner: Cleaner) -> Told:
    known = _known(_decode_all(entry))
    error_type = ErrorType(error.type)
    if error_type in told.REQUESTING and cleaner.page(known.get("url", "")) == "other":
        # A failed request tells its own URL as often as that of the page.
        known.pop("url", None)
    has_id = error.id is not None and error.id != ""
    seconds = error.duration
    return told.ErrorMet(
        # The same content at the same time is the same error, in whatever batch it comes.
        id=None if has_id else blake2b(entry, digest_size=16).hexdigest(),
        at=when(error.timestamp),
        error_id=str(error.id)[:LONGEST_NAME] if has_id else None,
        error_type=error_type,
        message=error.message if isinstance(error.message, str) else "",
        stack=error.stack if isinstance(error.stack, str) else "",
        status=int(error.status) if error.status and 0 < error.status < 1000 else None,
        duration_seconds=None if seconds is None else seconds * MS,
        request_id=known.get("request_id"),
        **_about(known, received),
    )


# -- page views and actions ------------------------------------------------------------------

PAGE_VIEW: Final = "page_view"
KINDS: Final = ("action", "type", "name", "event", "kind", "action_type", "actionType")
ACTIONS: Final = {
    "submit": Action.FORM_SUBMIT,
    "hidden": Action.PAGE_HIDDEN,
    "page_hide": Action.PAGE_HIDDEN,
    "visible": Action.PAGE_VISIBLE,
    "page_show": Action.PAGE_VISIBLE,
    "navigation": Action.ROUTE_CHANGE,
}
_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


def happening(body: Happening, received: Received, cleaner: Cleaner) -> Iterable[Event]:
    """One page view, or one action."""
    data = body.data or {}
    about = _about(_known(data), received) | {"id": received.id, "at": when(body.timestamp)}
    event: Told
    if _snake(body.type) in {PAGE_VIEW, "pageview"}:
        event = told.PageViewed(**about)
    else:
        action = _action(body.type, data)
        scrolled = _scrolled(body.type, data) if action is Action.SCROLL else None
        event = told.ActionTaken(action=action, scrolled=scrolled, **about)
    yield event.cleaned(cleaner)


def _action(kind: str, data: Json) -> Action:
    """What was done: the first of the keys that says something known, or the type itself."""
    for said in (*(data.get(key) for key in KINDS), kind):
        if isinstance(said, str):
            word = _snake(said)
            if word.startswith("scroll"):
                return Action.SCROLL
            if word.startswith("visibility"):
                return _visibility(data)
            action = ACTIONS.get(word) or Action(word)
            if action is not Action.OTHER:
                return action
    return Action.OTHER


DEPTHS: Final = (
    "depth",
    "percent",
    "percentage",
    "milestone",
    "scroll",
    "scroll_depth",
    "scroll_percent",
    "scroll_percentage",
    "value",
)
_PERCENT: Final = re.compile(r"(?:^|\D)(\d{1,3}(?:\.\d{1,9})?) ?%?$")


def _scrolled(kind: str, data: Json) -> float | None:
    """How far, in percent: as a number of its own, or at the end of what names the scroll."""
    said = {_snake(key): value for key, value in data.items()}
    for each in (*(said.get(key) for key in DEPTHS), *(data.get(key) for key in KINDS), kind):
        if isinstance(each, str) and (found := _PERCENT.search(each[:LONGEST_NAME])):
            return float(found[1])
        if isinstance(each, int | float) and not isinstance(each, bool) and 0 <= each <= 100:
            return float(each)
    return None


def _visibility(data: Json) -> Action:
    hidden = data.get("hidden") is True or "hidden" in data.values()
    return Action.PAGE_HIDDEN if hidden else Action.PAGE_VISIBLE


def _snake(text: str) -> str:
    return _HUMP.sub("_", text[:LONGEST_NAME]).replace("-", "_").replace(" ", "_").lower()


BEACONS: Final = (
    Beacon("/api/metrics", Metric, metric),
    Beacon("/api/errors", Errors, errors, around=(b'{"errors":[', b"]}")),
    Beacon("/api/analytics/events", Happening, happening),
)

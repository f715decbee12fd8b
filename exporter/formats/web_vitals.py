"""The web-vitals library: what its callbacks are given, one metric or an array of them.

Either whole ``Metric`` objects, of which the entries are not looked at, or what the library's own
example sends: ``{name, value, id, page_location}``. A page may add which page view it is.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from exporter.event import UNKNOWN_COUNTRY, Cleaner, Event
from exporter.events.web import told
from exporter.events.web.classes import Vital
from exporter.events.web.trackers import MS, rating, when
from exporter.formats.format import Format, Parsed, RefusedError, Rejected, Sender
from exporter.formats.items import Items
from exporter.telemetry import Rejection

LONGEST_ID: Final = 256
SOFT: Final = "soft-navigation"
"""A navigation within a document, which is a page view of its own."""

Identity = Annotated[str, Meta(max_length=LONGEST_ID)]
Url = Annotated[str, Meta(max_length=65_536)]
VITALS: Final = {vital.name: vital for vital in Vital}


class Metric(msgspec.Struct, gc=False):
    """One metric, as it was at a moment; a value that was NaN in the page comes as null."""

    name: Identity
    value: float | None
    id: Identity | None = None
    rating: str | None = None
    navigation_type: str | None = msgspec.field(default=None, name="navigationType")
    navigation_id: int | str | None = msgspec.field(default=None, name="navigationId")
    navigation_url: Url | None = msgspec.field(default=None, name="navigationURL")
    page_location: Url | None = None
    page_view_id: Identity | None = None
    session_id: Identity | None = None
    user_id: Identity | None = None
    timestamp: float | str | None = None


class WebVitals(Format):
    """Reads ``/web-vitals``."""

    paths = ("/web-vitals",)

    def __init__(self, cleaner: Cleaner) -> None:
        self._cleaner = cleaner
        self._items = Items(Metric)

    def parse(self, body: bytes, sender: Sender) -> Parsed:
        """Each metric by itself; one that was told before with the same value is no news."""
        rejected: list[Rejected] = []
        events: list[Event] = []
        if body.lstrip()[:1] == b"[":
            found = self._items.read(body)
        else:
            alone = self._items.one(body)
            if isinstance(alone, Rejected):
                raise RefusedError(alone.reason)
            found = iter((alone,))
        unnamed = blake2b(body, digest_size=16)
        for each in found:
            if isinstance(each, Rejected):
                rejected.append(each)
            else:
                place, metric = each
                event_id = _event_id(metric) if metric.id else f"{unnamed.hexdigest()}.{place}"
                events.append(self._event(metric, event_id, sender))
            if len(events) + len(rejected) > sender.most_events:
                raise RefusedError(Rejection.TOO_MANY_EVENTS)
        return Parsed(tuple(events), tuple(rejected))

    def _event(self, metric: Metric, event_id: str, sender: Sender) -> Event:
        country = sender.country
        about: dict[str, Any] = {
            "id": event_id,
            "at": when(metric.timestamp),
            "page_view_id": _page_view(metric),
            "session_id": metric.session_id or None,
            "user_id": metric.user_id or None,
            "url": (metric.navigation_url or metric.page_location or "")[:4096] or None,
            "user_agent": sender.user_agent,
            "country": None if country == UNKNOWN_COUNTRY else country,
        }
        event: told.Told
        vital = VITALS.get(metric.name.upper())
        if metric.value is None:
            event = told.NothingMeasured(**about)
        elif vital is None:
            event = told.MetricReported(name=metric.name, value=metric.value, **about)
        else:
            event = told.VitalMeasured(
                vital=vital,
                value=metric.value * (1.0 if vital is Vital.CLS else MS),
                rating=rating(metric.rating),
                metric_id=metric.id or None,
                **about,
            )
        return event.cleaned(self._cleaner)


def _page_view(metric: Metric) -> str | None:
    """What the page calls its page view, and which of the navigations within it."""
    if not metric.page_view_id:
        return None
    if metric.navigation_type == SOFT:
        return f"{metric.page_view_id}.{metric.navigation_id}"[:LONGEST_ID]
    return metric.page_view_id


def _event_id(metric: Metric) -> str:
    """The same metric with the same value is told again whenever the page is hidden."""
    said = f"{metric.name}\0{metric.id}\0{metric.value}\0{metric.page_view_id}"
    return blake2b(said.encode(errors="replace"), digest_size=16).hexdigest()

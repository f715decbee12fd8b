"""The web-vitals library: what its callbacks are given, one metric or an array of them.

Either whole ``Metric`` objects, of which the entries are not looked at, or what the library's own
example sends: ``{name, value, id, page_location}``. A page may add which page view it is.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec import Meta

from exporter.event import UNKNOWN_COUNTRY, Cleaner, Event
from exporter.events.web import told
from exporter.events.web.classes import FALLING, Vital
from exporter.events.web.trackers import MS, RESTORED, rating, when
from exporter.formats.format import Format, Parsed, RefusedError, Rejected, Sender
from exporter.formats.items import Items
from exporter.formats.teller import Teller
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


class _Page(NamedTuple):
    """What a metric says of its page."""

    page_view_id: str | None
    session_id: str | None
    user_id: str | None
    url: str | None


class WebVitals(Format):
    """Reads ``/web-vitals``."""

    paths = ("/web-vitals",)

    def __init__(self, cleaner: Cleaner) -> None:
        self._cleaner = cleaner
        self._items = Items(Metric)

    def parse(self, body: bytes, sender: Sender) -> Parsed:
        """Each metric by itself; one that was told before with the same value is no news.

        But for one that may fall: it may be again as it was, in the same words. Of those the one
        that arrives last counts, unless the page adds a time.
        """
        rejected: list[Rejected] = []
        events: list[Event] = []
        if body.lstrip()[:1] == b"[":
            found = self._items.read(body)
        else:
            alone = self._items.one(body)
            if isinstance(alone, Rejected):
                raise RefusedError(alone.reason)
            found = iter((alone,))
        pages: dict[_Page, Teller] = {}
        for each in found:
            if isinstance(each, Rejected):
                rejected.append(each)
            else:
                place, metric = each
                page = _page(metric)
                if page not in pages:
                    pages[page] = self._teller(page, sender)
                event_id = _event_id(metric, body, place, sender)
                events.append(_event(metric, pages[page], event_id))
            if len(events) + len(rejected) > sender.most_events:
                raise RefusedError(Rejection.TOO_MANY_EVENTS)
        return Parsed(tuple(events), tuple(rejected))

    def _teller(self, page: _Page, sender: Sender) -> Teller:
        country = None if sender.country == UNKNOWN_COUNTRY else sender.country
        about = page._asdict() | {"user_agent": sender.user_agent, "country": country}
        return Teller(self._cleaner, about)


def _event(metric: Metric, teller: Teller, event_id: str) -> Event:
    at = when(metric.timestamp)
    if metric.value is None:
        return teller.tells(told.NothingMeasured, id=event_id, at=at)
    vital = VITALS.get(metric.name.upper())
    if vital is None:
        name, value = metric.name, metric.value
        return teller.tells(told.MetricReported, id=event_id, at=at, name=name, value=value)
    value = metric.value * (1.0 if vital is Vital.CLS else MS)
    # Only the value that it is of can tell whether it is the same again.
    returns = vital in FALLING and metric.id and at is None and not told.absurd(value)
    return teller.tells(
        told.VitalMeasured,
        id=None if returns else event_id,
        at=at,
        vital=vital,
        value=value,
        rating=rating(metric.rating),
        metric_id=metric.id or None,
        restored=metric.navigation_type == RESTORED,
    )


def _page(metric: Metric) -> _Page:
    url = metric.navigation_url or metric.page_location or ""
    return _Page(
        _page_view(metric), metric.session_id or None, metric.user_id or None, url[:4096] or None
    )


def _page_view(metric: Metric) -> str | None:
    """What the page calls its page view, and which of the navigations within it."""
    if not metric.page_view_id:
        return None
    if metric.navigation_type == SOFT:
        return f"{metric.page_view_id}.{metric.navigation_id}"[:LONGEST_ID]
    return metric.page_view_id


def _event_id(metric: Metric, body: bytes, place: int, sender: Sender) -> str:
    """What makes it the same again, when it is told again whenever the page is hidden."""
    if not metric.id:
        # The words of many visitors are the same, so it is also who says them.
        said_by = f"\0{sender.origin}\0{sender.user_agent}\0{sender.country}"
        said = body + said_by.encode(errors="replace")
        return f"{blake2b(said, digest_size=16).hexdigest()}.{place}"
    what = f"{metric.name}\0{metric.id}\0{metric.value}\0{metric.page_view_id}"
    if metric.timestamp is not None:
        what += f"\0{metric.timestamp}"
    return blake2b(what.encode(errors="replace"), digest_size=16).hexdigest()

"""What the pipeline itself concludes about pages; no client can send these."""

from __future__ import annotations

from typing import Final, NamedTuple

from exporter.event import Client, Event, Field, Network, Point
from exporter.events.web import metrics
from exporter.events.web.classes import (
    Bounced,
    Erred,
    ErrorType,
    Rating,
    RequestResult,
    Vital,
)
from exporter.events.web.told import Told
from exporter.metric import Observation, Page


class Conclusion(Event, frozen=True, kw_only=True, gc=False):
    """Something that no single event says."""


class ViewBegan(Conclusion, frozen=True, kw_only=True, gc=False, tag="web.view_began"):
    """A session has one more page view; ``when`` by its page's clock where it says so."""

    session_id: str
    view: str
    when: float


class Left(Conclusion, frozen=True, kw_only=True, gc=False, tag="web.page_left"):
    """The session is at another page view now."""

    view: str


class Placed(Conclusion, frozen=True, kw_only=True, gc=False, tag="web.placed"):
    """The session tells which page view an event is about."""

    view: str
    told: Told


class Present(Conclusion, frozen=True, kw_only=True, gc=False, tag="web.present"):
    """Somebody, by a keyed hash, is there."""

    person: str


class Affected(Conclusion, frozen=True, kw_only=True, gc=False, tag="web.affected"):
    """Somebody, by a keyed hash, met an error of a kind."""

    person: str
    error_type: ErrorType


class Measured(NamedTuple):
    """The value of a vital that counts."""

    vital: Vital
    value: float
    rating: Rating
    again: bool = False
    """Whether its page view had one of the vital before, and was restored since."""


class ViewSegments(NamedTuple):
    """What a page view is told apart by; ``stamp`` is that of its point."""

    client: Client
    network: Network
    page: str
    erred: Erred
    stamp: int

    @property
    def tags(self) -> tuple[tuple[str, str], ...]:
        """Every segment, as tags of the page view's point."""
        client = self.client
        return (
            ("browser", client.browser),
            ("country", client.country),
            ("device", client.device),
            ("erred", self.erred),
            ("network", self.network),
            ("os", client.system),
            ("page", self.page),
            ("region", client.region),
        )


HISTOGRAMS: Final = {
    Vital.LCP: metrics.LCP,
    Vital.INP: metrics.INP,
    Vital.CLS: metrics.CLS,
    Vital.FCP: metrics.FCP,
    Vital.TTFB: metrics.TTFB,
    Vital.FID: metrics.FID,
}

FIELDS: Final = {
    vital: "cls" if vital is Vital.CLS else f"{vital.value}_seconds" for vital in Vital
}


class ViewEnded(Conclusion, frozen=True, kw_only=True, gc=False, tag="web.view_ended"):
    """A page view is over, or what came late about one that is over has settled.

    ``late``: the page view itself is counted already; ``error_types``, ``measured`` and ``load``
    are what is not.
    """

    about: ViewSegments
    late: bool
    error_types: tuple[ErrorType, ...]
    measured: tuple[Measured, ...]
    load: float | None
    errors: int
    actions: int

    def observe(self) -> list[Observation]:
        """One page view, and the last value of everything that it measured."""
        about = self.about
        device, page = about.client.device, Page(about.page)
        observed = [
            metrics.PAGE_VIEWS_WITH_ERROR(metrics.OfType(each)) for each in self.error_types
        ]
        if not self.late:
            observed.append(metrics.PAGE_VIEWS(metrics.ViewLabels(page, about.erred)))
            by_device = metrics.ViewByDeviceLabels(device, about.erred)
            observed.append(metrics.PAGE_VIEWS_BY_DEVICE(by_device))
        for vital, value, rating, _ in self.measured:
            observed.append(metrics.VITALS(metrics.VitalLabels(vital, rating, device)))
            by_page = metrics.VitalByPageLabels(vital, rating, page)
            observed.append(metrics.VITALS_BY_PAGE(by_page))
            observed.append(HISTOGRAMS[vital]((), value))
        if self.load is not None:
            observed.append(metrics.LOAD(metrics.OnDevice(device), self.load))
            observed.append(metrics.LOAD_BY_PAGE(metrics.OnPage(page), self.load))
        return observed

    def points(self) -> list[Point]:
        """The page view's one point, or more fields for it."""
        fields: dict[str, Field] = {
            FIELDS[each.vital]: each.value for each in self.measured if not each.again
        }
        if self.load is not None:
            fields["load_seconds"] = self.load
        if not self.late:
            fields |= {"errors": self.errors, "actions": self.actions}
        if not fields:
            return []
        return [Point("page_view", self.about.tags, tuple(fields.items()), self.about.stamp)]


class SessionEnded(Conclusion, frozen=True, kw_only=True, gc=False, tag="web.session_ended"):
    """Nobody heard of a session for half an hour."""

    client: Client
    views: int
    actions: int
    seconds: float

    @property
    def bounced(self) -> Bounced:
        """Whether there was one page view and no action."""
        return Bounced.YES if self.views <= 1 and not self.actions else Bounced.NO

    @property
    def engagement(self) -> float:
        """Minutes, of which 10 count, and twice the actions, of which 10 count."""
        return min(self.seconds / 60, 10.0) + min(2.0 * self.actions, 20.0)

    def observe(self) -> list[Observation]:
        """One session."""
        device = self.client.device
        on_device = metrics.OnDevice(device)
        return [
            metrics.SESSIONS(metrics.SessionLabels(device, self.bounced)),
            metrics.SESSION(on_device, self.seconds),
            metrics.ENGAGEMENT(on_device, self.engagement),
        ]

    def points(self) -> list[Point]:
        """One point; nothing in it says whose session it was."""
        client = self.client
        tags = (
            ("bounced", self.bounced),
            ("browser", client.browser),
            ("country", client.country),
            ("device", client.device),
            ("os", client.system),
            ("region", client.region),
        )
        fields = (
            ("page_views", self.views),
            ("seconds", self.seconds),
            ("engagement", self.engagement),
            ("actions", self.actions),
        )
        return [Point("web_session", tags, fields)]


class RequestEnded(Conclusion, frozen=True, kw_only=True, gc=False, tag="web.request_ended"):
    """A request, once it is known how it came out and on which page."""

    page: str
    result: RequestResult

    def observe(self) -> list[Observation]:
        """One request."""
        return [metrics.REQUESTS(metrics.RequestLabels(Page(self.page), self.result))]

"""What pages and servers tell; each event says as well as it can which page view it is about."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Final, Self

import msgspec
from msgspec import Meta

from exporter.event import (
    UNKNOWN_COUNTRY,
    Browser,
    Cleaner,
    Client,
    Count,
    Device,
    Event,
    Network,
    Point,
    Region,
    System,
    Text,
)
from exporter.events.web import metrics
from exporter.events.web.classes import (
    FALLING,
    LIMITS,
    Action,
    ErrorType,
    LogLevel,
    Milestone,
    Phase,
    Rating,
    RequestResult,
    Vital,
)
from exporter.metric import Measurement, Observation, Page

Country = Annotated[str, Meta(pattern=r"^[A-Za-z]{2}$(?!\n)")]
Identity = Annotated[str, Meta(min_length=1, max_length=256)]
"""Whatever a sender tells page views, sessions and people apart by; it becomes a keyed hash."""

LONGEST: Final = 3600.0
"""Seconds; a measurement of a page beyond that is no measurement."""

MOST_SCORE: Final = 1000.0
"""Layout shift beyond which a score is no score."""

SLOW: Final = 5.0
"""Seconds beyond which a request is slow."""

LONGEST_MESSAGE: Final = 4096
LONGEST_SAMPLE: Final = 200

SHORTEST_NAME: Final = 3
"""Characters of an id from which it is looked for in messages: a shorter one is in any word."""

_NUMBERED: Final = re.compile(r"[\w\-]*\d{4}[\w\-]*")
"""A word with a long number in it names something, and may name somebody."""


class Told(Event, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Something that happened on a page.

    ``url`` is that of the page. Cleaned, ``page_view_id`` is the key of its page view, where the
    event alone tells it; ``session_id`` and ``user_id`` are keyed hashes, ``place_id`` one of the
    session and the path; and the rest of what came is gone, but for its classes.
    """

    page_view_id: Identity | None = None
    session_id: Identity | None = None
    user_id: Identity | None = None
    url: Text | None = None
    user_agent: Text | None = None
    country: Country | None = None
    page: Text = "other"
    network: Network = Network.OTHER
    device: Device = Device.OTHER
    browser: Browser = Browser.OTHER
    system: System = System.OTHER
    region: Region = Region.OTHER
    place_id: Identity | None = None

    begins: ClassVar[bool] = False
    """Whether it means a page view even where it names neither a page nor a page view."""

    @property
    def client(self) -> Client:
        """The classes of the client."""
        country = self.country or UNKNOWN_COUNTRY
        return Client(self.device, self.browser, self.system, self.region, country)

    def cleaned(self, cleaner: Cleaner) -> Self:
        """Keyed hashes and classes for what names a page, a person or a browser of one."""
        return msgspec.structs.replace(self, **self.who(cleaner), **self.what(cleaner))

    def what(self, cleaner: Cleaner) -> dict[str, Any]:
        """Changes of what only this kind of event says."""
        return {}

    def who(self, cleaner: Cleaner) -> dict[str, Any]:
        """Changes of what every event says of its page; alike where the page and ``begins`` are."""
        client = cleaner.client(self.user_agent, self.country)
        if self.user_agent is None:
            client = client._replace(device=self.device, browser=self.browser, system=self.system)
        if self.country is None:
            client = client._replace(region=self.region)
        page = cleaner.page(self.page if self.url is None else self.url)
        session = cleaner.who(self.session_id)
        path = _path(self.url) if self.url else None
        place = None
        if session is not None and path is not None:
            place = IN_SESSION + cleaner.person(f"view\0{session}\0{path}")
        return {
            "page_view_id": self._view(cleaner, session, path),
            "session_id": session,
            "user_id": cleaner.who(self.user_id),
            "url": None,
            "user_agent": None,
            "page": str(page),
            "device": client.device,
            "browser": client.browser,
            "system": client.system,
            "region": client.region,
            # A code that no list of countries has tells nothing and could be anything.
            "country": None if client.country == UNKNOWN_COUNTRY else client.country,
            "place_id": place,
        }

    def _view(self, cleaner: Cleaner, session: str | None, path: str | None) -> str | None:
        """The key of its page view; None where its session has to tell, or where it has none.

        Without an id and without a session, it is the user agent, the country and the path: all
        people who share them share a page view.
        """
        if self.page_view_id is not None:
            return NAMED + cleaner.person(f"view\0{self.page_view_id}")
        if session is not None or (path is None and not self.begins):
            return None
        agent = self.user_agent or f"{self.device}\0{self.browser}\0{self.system}"
        return ANONYMOUS + cleaner.person(f"view\0{agent}\0{self.country}\0{path}")


NAMED: Final = "v"
IN_SESSION: Final = "s"
ANONYMOUS: Final = "a"
"""How the key of a page view begins: by what it is told apart."""


def _path(url: str) -> str:
    """The path of a URL, so that an address with a host and one without are the same page."""
    _, scheme, rest = url.partition("://")
    path = f"/{rest.partition('/')[2]}" if scheme else url
    return path.partition("?")[0].partition("#")[0].rstrip("/")


def absurd(value: float, most: float = LONGEST) -> bool:
    """Whether a measurement is none."""
    return not 0 <= value <= most


class PageViewed(Told, frozen=True, kw_only=True, gc=False, tag="web.page_viewed"):
    """A page was opened."""

    begins = True


class VitalMeasured(
    Told, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="web.vital_measured"
):
    """A vital of a page view so far: seconds, and a score for CLS; the last one counts.

    ``metric_id`` is that of the web-vitals library. Where many people may share a page view, it
    tells their values apart: each id of a vital is one value. So it is where the page was
    ``restored``: shown again out of the browser's cache, which measures everything anew.
    """

    begins = True

    vital: Vital
    value: float
    rating: Rating | None = None
    metric_id: Identity | None = None
    restored: bool = False

    def follows(self, known_when: float, known_value: float, when: float) -> bool:
        """Whether it is what became of a known value.

        Of two at once it is the greater, because they only grow; one that may fall is the one that
        arrives later, which of the metrics of one beacon is the later one.
        """
        if self.vital in FALLING:
            return known_when <= when
        return (known_when, known_value) < (when, self.value)

    def what(self, cleaner: Cleaner) -> dict[str, Any]:
        """Its metric becomes a keyed hash."""
        changes = super().what(cleaner)
        if self.metric_id is not None:
            changes["metric_id"] = cleaner.person(self.metric_id)
        return changes

    @property
    def apart(self) -> bool:
        """Whether it is a value of its own, because its page view may be that of many people."""
        view = self.page_view_id
        return self.metric_id is not None and view is not None and view.startswith(ANONYMOUS)

    @property
    def absurd(self) -> bool:
        """Whether the value is no value."""
        return absurd(self.value, MOST_SCORE if self.vital is Vital.CLS else LONGEST)

    @property
    def rated(self) -> Rating:
        """The rating, by the limits of the vital where nobody said one."""
        if self.rating is not None:
            return self.rating
        good, poor = LIMITS[self.vital]
        if self.value <= good:
            return Rating.GOOD
        return Rating.POOR if self.value > poor else Rating.NEEDS_IMPROVEMENT

    def observe(self) -> list[Observation]:
        """Only what is absurd is counted at once."""
        return [metrics.CLAMPED()] if self.absurd else []


class NavigationTimed(
    Told, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="web.navigation_timed"
):
    """The parts of a navigation, and how long all of it took until the load event."""

    begins = True

    dns_lookup_seconds: float | None = None
    tcp_connect_seconds: float | None = None
    ssl_handshake_seconds: float | None = None
    request_response_seconds: float | None = None
    dom_processing_seconds: float | None = None
    load_seconds: float | None = None

    def observe(self) -> Iterable[Observation]:
        """The parts; the whole is counted with its page view."""
        for phase, name in PARTS:
            seconds = getattr(self, name)
            if seconds is not None:
                yield (
                    metrics.CLAMPED()
                    if absurd(seconds)
                    else metrics.NAVIGATION(metrics.InPhase(phase), seconds)
                )
        if self.load_seconds is not None and absurd(self.load_seconds):
            yield metrics.CLAMPED()


PARTS: Final = tuple((phase, f"{phase.value}_seconds") for phase in Phase)


class LongTaskRan(Told, frozen=True, kw_only=True, gc=False, tag="web.long_task_ran"):
    """A task kept the main thread busy."""

    duration_seconds: float

    def observe(self) -> list[Observation]:
        """How long it took."""
        if absurd(self.duration_seconds):
            return [metrics.CLAMPED()]
        return [metrics.LONG_TASK((), self.duration_seconds)]


class NothingMeasured(Told, frozen=True, kw_only=True, gc=False, tag="web.nothing_measured"):
    """A measurement whose value was null: NaN in the page."""

    def observe(self) -> list[Observation]:
        """One value that was none."""
        return [metrics.NULL_VALUES()]


class Requesting(Told, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A request of a page; ``request_id`` makes what several events tell of it one request."""

    request_id: Identity | None = None

    def what(self, cleaner: Cleaner) -> dict[str, Any]:
        """Its request becomes a keyed hash."""
        changes = super().what(cleaner)
        if self.request_id is not None:
            changes["request_id"] = cleaner.person(f"request\0{self.request_id}")
        return changes

    @property
    def came_out(self) -> RequestResult | None:
        """How the request came out, as far as this tells; None where it was no request."""
        return None

    def alone(self) -> list[Observation]:
        """The request, where no other event can tell of it."""
        result = self.came_out
        if self.request_id is not None or result is None:
            return []
        return [metrics.REQUESTS(metrics.RequestLabels(Page(self.page), result))]


class ResourceLoaded(Requesting, frozen=True, kw_only=True, gc=False, tag="web.resource_loaded"):
    """A page loaded a resource."""

    duration_seconds: float

    @property
    def came_out(self) -> RequestResult | None:
        """It came, if slowly."""
        if absurd(self.duration_seconds):
            return None
        return RequestResult.SLOW if self.duration_seconds > SLOW else RequestResult.OK

    def observe(self) -> list[Observation]:
        """How long it took, and a request."""
        if absurd(self.duration_seconds):
            return [metrics.CLAMPED()]
        return [metrics.RESOURCE((), self.duration_seconds), *self.alone()]


class RequestMade(
    Requesting, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="web.request_made"
):
    """A page asked a server for something; ``ok`` for more than 5 s is slow."""

    result: RequestResult
    duration_seconds: float | None = None

    @property
    def came_out(self) -> RequestResult:
        """What the sender says, and slow where the duration says so."""
        seconds = self.duration_seconds
        slow = seconds is not None and SLOW < seconds <= LONGEST
        return RequestResult.SLOW if slow and self.result is RequestResult.OK else self.result

    def observe(self) -> list[Observation]:
        """One request."""
        if self.duration_seconds is not None and absurd(self.duration_seconds):
            return [metrics.CLAMPED(), *self.alone()]
        return self.alone()


REQUESTING: Final = frozenset(
    {
        ErrorType.HTTP,
        ErrorType.NETWORK,
        ErrorType.SLOW_REQUEST,
        ErrorType.XHR,
        ErrorType.XHR_HTTP,
    }
)


class ErrorMet(
    Requesting, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="web.error_met"
):
    """A page met an error.

    ``error_id`` makes it one error in whatever batch it comes. ``message`` becomes a fingerprint
    and a sample without what names anybody; ``stack`` and ``build_version`` are not kept.
    Errors of one ``group`` have one fingerprint, whatever their messages; a ``fatal`` one is one
    that its page did not survive.
    """

    begins = True

    error_type: ErrorType
    error_id: Identity | None = None
    group: Text | None = None
    fatal: bool = False
    message: str = ""
    stack: str = ""
    build_version: Text | None = None
    status: int | None = None
    duration_seconds: float | None = None
    fingerprint: str = ""
    sample: str = ""

    @property
    def came_out(self) -> RequestResult | None:
        """Slow or failed; None for an error of the page itself."""
        if self.error_type is ErrorType.SLOW_REQUEST:
            seconds = self.duration_seconds
            return RequestResult.OK if seconds and 0 < seconds <= SLOW else RequestResult.SLOW
        return RequestResult.FAILED if self.error_type in REQUESTING else None

    @property
    def lacks_page(self) -> bool:
        """Whether only its page view can tell on which page the request was."""
        return self.request_id is None and self.page == "other" and self.came_out is not None

    def alone(self) -> list[Observation]:
        """The request, where neither another event nor its page view has to tell of it."""
        return [] if self.lacks_page else super().alone()

    def what(self, cleaner: Cleaner) -> dict[str, Any]:
        """Its message becomes a fingerprint and a sample; its stack is gone."""
        changes = super().what(cleaner)
        if self.error_id is not None:
            changes["id"] = cleaner.person(f"error\0{self.error_id}")
        text = self._nameless((self.message or self.stack.partition("\n")[0])[:LONGEST_MESSAGE])
        text = text or f"{self.error_type.value} {self.status or ''}".strip()
        return changes | {
            "error_id": None,
            "group": None,
            "message": "",
            "stack": "",
            "build_version": None,
            "status": None,
            "fingerprint": cleaner.fingerprint(self.group or text),
            "sample": cleaner.sample(_NUMBERED.sub("[id]", text), LONGEST_SAMPLE),
        }

    def _nameless(self, text: str) -> str:
        """The text without the ids that came with it."""
        for name in (self.user_id, self.session_id, self.page_view_id):
            if name is not None and len(name) >= SHORTEST_NAME:
                text = text.replace(name, "[id]")
        return text

    def observe(self) -> list[Observation]:
        """One error, and its request."""
        observed = [metrics.ERRORS(metrics.OfType(self.error_type)), *self.alone()]
        if self.fatal:
            observed.append(metrics.FATAL_ERRORS())
        if self.duration_seconds is not None and absurd(self.duration_seconds):
            observed.append(metrics.CLAMPED())
        return observed


class ActionTaken(
    Told, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="web.action_taken"
):
    """Somebody did something on a page, or the page noticed that it was hidden or shown.

    ``scrolled``: how far down the page a scroll came, in percent.
    """

    action: Action
    scrolled: float | None = None

    @property
    def interacts(self) -> bool:
        """Whether a person did it."""
        return self.action not in NOT_INTERACTING

    def observe(self) -> list[Observation]:
        """One action, and the milestone of a scroll."""
        observed = [metrics.ACTIONS(metrics.OfAction(self.action))]
        if self.action is Action.SCROLL and (passed := _passed(self.scrolled)) is not None:
            observed.append(metrics.SCROLLED(metrics.AtMilestone(passed)))
        return observed


def _passed(percent: float | None) -> Milestone | None:
    """The last milestone at or before it; None where it is before them all, or no percentage."""
    if percent is None or absurd(percent, 100.0):
        return None
    return next((each for each in reversed(Milestone) if float(each.value) <= percent), None)


NOT_INTERACTING: Final = frozenset({Action.PAGE_HIDDEN, Action.PAGE_VISIBLE, Action.UX_ERROR})


class SessionSeen(Told, frozen=True, kw_only=True, gc=False, tag="web.session_seen"):
    """A page says that its session begins, or that it goes on."""


class LogWritten(Told, frozen=True, kw_only=True, gc=False, tag="web.log_written"):
    """A page wrote a line into its log; what it says is not kept."""

    level: LogLevel = LogLevel.LOG

    def observe(self) -> list[Observation]:
        """One line."""
        return [metrics.LOGS(metrics.OfLevel(self.level))]


class SpansDropped(Told, frozen=True, kw_only=True, gc=False, tag="web.spans_dropped"):
    """A page sent spans of traces, which nothing here is made of."""

    spans: Count

    def observe(self) -> list[Observation]:
        """So many."""
        return [metrics.SPANS_DROPPED((), self.spans)]


class _Named(Told, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Something that the code of a page has a name for; a name of anything else is ``other``."""

    name: Text

    def what(self, cleaner: Cleaner) -> dict[str, Any]:
        """A name that may be that of somebody is none."""
        name = self.name if _WORDS.fullmatch(self.name) else "other"
        return super().what(cleaner) | {"name": name}


_WORDS: Final = re.compile(r"(?!.{129})[a-z][a-z_]*(?:\.[a-z][a-z_]*){0,3}", re.IGNORECASE)
"""Words of a program: whoever is named in it would have digits, spaces or an at sign."""


class CustomHappened(_Named, frozen=True, kw_only=True, gc=False, tag="web.custom_happened"):
    """Something that only the page knows the meaning of."""

    def observe(self) -> list[Observation]:
        """One, whatever its name."""
        return [metrics.CUSTOM_EVENTS()]

    def points(self) -> list[Point]:
        """One point; its name is a field, because it is not a closed set."""
        tags = (("device", self.device), ("page", self.page))
        return [Point("web_event", tags, (("name", self.name),))]


class DurationMeasured(
    _Named,
    frozen=True,
    kw_only=True,
    gc=False,
    omit_defaults=True,
    tag="web.duration_measured",
):
    """A page measured how long something took that only it has a name for."""

    duration_seconds: float
    measurement: Text = "other"

    def what(self, cleaner: Cleaner) -> dict[str, Any]:
        """A name that is listed is kept as it is listed."""
        listed = cleaner.listed(Measurement, self.name)
        changes = super().what(cleaner) | {"measurement": str(listed)}
        if listed != "other":
            changes["name"] = str(listed)
        return changes

    def observe(self) -> list[Observation]:
        """How long it took, under its name where the settings list it."""
        if absurd(self.duration_seconds):
            return [metrics.CLAMPED()]
        of = metrics.OfMeasurement(Measurement(self.measurement))
        return [metrics.MEASURED(of, self.duration_seconds)]

    def points(self) -> list[Point]:
        """One point, in seconds."""
        if absurd(self.duration_seconds):
            return []
        tags = (("device", self.device), ("page", self.page))
        fields = (("name", self.name), ("value", self.duration_seconds))
        return [Point("web_metric", tags, fields)]


class MetricReported(_Named, frozen=True, kw_only=True, gc=False, tag="web.metric_reported"):
    """A measurement of a name that nobody knows: kept as it is, and counted nowhere."""

    value: float

    def points(self) -> list[Point]:
        """One point; its name is a field, because it is not a closed set."""
        tags = (("device", self.device), ("page", self.page))
        return [Point("web_metric", tags, (("name", self.name), ("value", self.value)))]


TOLD: Final = (
    PageViewed,
    VitalMeasured,
    NavigationTimed,
    ResourceLoaded,
    LongTaskRan,
    ErrorMet,
    RequestMade,
    ActionTaken,
    SessionSeen,
    LogWritten,
    SpansDropped,
    CustomHappened,
    DurationMeasured,
)
"""What anybody may send."""

REPORTED: Final = (NothingMeasured, MetricReported)
"""What the trackers say besides."""

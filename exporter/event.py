"""What an event is: one thing that happened, in the past tense, typed and frozen.

The class of an event is also its shape on the wire (``/v1/events``) and in the journal.
Units are base units: seconds, bytes, ratios from 0 to 1. Shared closed label types live
here, because domains do not know each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, NamedTuple, Protocol, Self, TypeVar

import msgspec
from msgspec import Meta

from exporter.metric import AnyMetric, Closed, Listed, Observation, Page, Route

Name = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9._:\-]+$(?!\n)")]
"""An identifier made by a program: no spaces, no ``@``, so no address of a person fits in.

``$`` alone would let a line break pass at the end.
"""

is_name: Final = re.compile(r"[A-Za-z0-9._:\-]{1,128}").fullmatch
"""Whether a text may be a :data:`Name`, where one that may not is no reason to refuse an event."""

Text = Annotated[str, Meta(max_length=4096)]
"""Free text of a client; it never leaves the parser except as a class or a fingerprint."""

Seconds = Annotated[float, Meta(ge=0, le=10_000_000)]
LARGEST: Final = 2**53
"""Up to here a float holds every whole number; JavaScript has no others (RFC 8259, section 6)."""
Bytes = Annotated[int, Meta(ge=0, le=LARGEST)]
Count = Annotated[int, Meta(ge=0, le=10_000_000)]
LATEST: Final = 32_503_680_000
"""Seconds since 1970 (the year 3000), beyond which a clock is none."""
Epoch = Annotated[float, Meta(ge=0, le=LATEST)]
"""Seconds since 1970 by the clock of whoever sends it; only ever used for differences."""


FORGOTTEN: Final = "forgotten"
"""What stands where somebody was named."""

L = TypeVar("L", bound=Listed)

UNKNOWN_COUNTRY: Final = "ZZ"
"""What ISO 3166-1 reserves for an unknown country."""


class Known(Closed):
    """A closed set of label values; whatever is not a member becomes ``other``.

    So a value nobody has heard of can never make a series, and never costs anyone their event.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self:
        return cls("other")

    @classmethod
    def by_text(cls, text: str, patterns: Iterable[tuple[Self, re.Pattern[str]]]) -> Self:
        """The member that a text names, or whose pattern is the first to match, or ``other``."""
        if text in cls._value2member_map_:
            return cls(text)
        return next((member for member, pattern in patterns if pattern.search(text)), cls("other"))


class Device(Known):
    """Device class of the client."""

    DESKTOP = "desktop"
    MOBILE = "mobile"
    TABLET = "tablet"
    TV = "tv"
    OTHER = "other"


class Browser(Known):
    """Browser family of the client."""

    CHROME = "chrome"
    SAFARI = "safari"
    FIREFOX = "firefox"
    EDGE = "edge"
    OTHER = "other"


class System(Known):
    """Operating system of the client; a tag of points, not a label."""

    ANDROID = "android"
    CHROME_OS = "chrome_os"
    IOS = "ios"
    LINUX = "linux"
    MACOS = "macos"
    WINDOWS = "windows"
    OTHER = "other"


class Network(Known):
    """Effective connection type (Network Information API, ``effectiveType``)."""

    FOUR_G = "4g"
    THREE_G = "3g"
    TWO_G = "2g"
    SLOW_2G = "slow-2g"
    OTHER = "other"


class Region(Known):
    """Continent of the client's country (UN M49); the country itself is a tag of points."""

    AFRICA = "africa"
    ASIA = "asia"
    EUROPE = "europe"
    NORTH_AMERICA = "north_america"
    OCEANIA = "oceania"
    SOUTH_AMERICA = "south_america"
    OTHER = "other"


class Client(NamedTuple):
    """Who sent a beacon, in classes: nothing in here can tell two people apart."""

    device: Device = Device.OTHER
    browser: Browser = Browser.OTHER
    system: System = System.OTHER
    region: Region = Region.OTHER
    country: str = UNKNOWN_COUNTRY

    def informed(self, other: Client) -> Client:
        """What ``other`` knows, and what this knows where the other does not: two sides tell."""
        if self == NOBODY:
            return other
        known = other._asdict()
        for name, unknown in NOBODY._asdict().items():
            if known[name] == unknown:
                known[name] = getattr(self, name)
        return Client(**known)


NOBODY: Final = Client()


class Cleaner(Protocol):
    """Turns what may identify somebody into classes, before anything is written down."""

    def client(self, user_agent: str | None, country: str | None = None) -> Client:
        """The classes of a user agent and of an ISO 3166-1 country; neither is kept."""
        ...

    def route(self, path: str) -> Route:
        """The configured template that a path matches, or ``other``; queries are dropped."""
        ...

    def page(self, url: str) -> Page:
        """The configured template that the path of a page's URL matches, or ``other``."""
        ...

    def listed(self, kind: type[L], name: str | None) -> L:
        """The member of a list of the settings that a name is, in any case, or ``other``."""
        ...

    def person(self, name: str) -> str:
        """A keyed hash (16 hex digits) of whatever names a person or a browser of one."""
        ...

    def who(self, name: str | None) -> str | None:
        """The hash of somebody's name or session; None for who is not named or did not consent."""
        ...

    def play(self, play_id: str) -> str:
        """The id of a play, which is one of its viewer's sessions: a hash if they did not consent.

        Not to be asked twice of one id.
        """
        ...

    def fingerprint(self, text: str) -> str:
        """Sixteen hex digits that are equal for texts that differ only in numbers, names, ids."""
        ...

    def sample(self, text: str, longest: int) -> str:
        """The technical words of a text, of at most ``longest`` characters, "…" for all others."""
        ...


def name_of(text: str, cleaner: Cleaner) -> str:
    """An id that a program made stays what it is; what may be anything becomes a hash."""
    return text if is_name(text) else cleaner.person(text)


def trial_of(experiment: Any, variant: Any) -> dict[str, Any]:
    """Fields of an event, of what a page says of an A/B test: none unless both are names."""
    if not isinstance(experiment, str) or not isinstance(variant, str):
        return {}
    if not is_name(experiment) or not is_name(variant):
        return {}
    return {"experiment": experiment, "variant": variant}


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One thing that happened.

    ``id`` makes a repetition recognisable (unique per event type for as long as ids are kept, one
    to two hours as shipped); ``at`` is the sender's clock. The tag of the class is the event's
    ``type`` on the wire.
    """

    id: Name | None = None
    at: Epoch | None = None
    experiment: Name | None = None
    variant: Name | None = None

    @property
    def trial(self) -> str | None:
        """``experiment/variant`` where the sender says both: which half of an A/B test it is."""
        if self.experiment is None or self.variant is None:
            return None
        return f"{self.experiment}/{self.variant}"

    def cleaned(self, cleaner: Cleaner) -> Event:
        """The event as it may be written down: classes instead of what names a person."""
        return self

    facts: ClassVar[bool] = False
    """Whether its observations name facts that other events may report as well."""

    def observe(self) -> Iterable[Observation]:
        """The numbers that this event means on its own, whatever else happened."""
        return ()

    def points(self) -> Iterable[Point]:
        """What InfluxDB is told about it; most events say nothing until a lifecycle ends."""
        return ()


def event_type(event: Event | type[Event]) -> str:
    """The ``type`` of an event, such as ``upload.completed``."""
    return event.__struct_config__.tag  # type: ignore[return-value]


Field = float | int | bool | str


class Point(msgspec.Struct, frozen=True, gc=False):
    """One line for InfluxDB: closed tags, open fields; the pipeline gives it its timestamp.

    ``stamp`` (nanoseconds since 1970) is set only where the point completes an earlier one:
    same measurement, same tags, same timestamp, other fields.
    """

    measurement: str
    tags: tuple[tuple[str, str], ...]
    fields: tuple[tuple[str, Field], ...]
    stamp: int | None = None
    open_fields: bool = False
    """Whether clients choose the names of its fields, so that their number must be bounded."""
    open_tags: bool = False
    """Whether clients choose values of its tags, so that their number must be bounded."""


class State(msgspec.Struct, gc=False, kw_only=True, omit_defaults=True):
    """What a lifecycle remembers of one subject; it is written into the checkpoint as it is.

    ``due`` is the server time (seconds since 1970) at which silence will mean something;
    ``rings``, ``later`` and ``trial`` belong to the sessions: when they will look, an entry of
    theirs for after that, and the experiment and variant (``experiment/variant``) that its subject
    is part of.
    """

    due: float
    rings: float = 0.0
    later: float = 0.0
    trial: str | None = None


class Step(NamedTuple):
    """What became of a subject: its state from now on (None: forgotten) and the conclusions."""

    state: State | None
    conclusions: tuple[Event, ...] = ()


class Patience(NamedTuple):
    """How long, in seconds of server time, a lifecycle waits.

    ``silence`` before a subject that says nothing is given up; ``settle`` after its end, for
    what is still under way about it; ``remember`` after that, so that it cannot end twice.
    """

    silence: float = 1800.0
    settle: float = 10.0
    remember: float = 86_400.0


class Choices(NamedTuple):
    """What a team may define otherwise; each comes from the settings."""

    completion_ratio: float = 0.90
    """Share of a video's duration from which a play counts as completed."""
    retry_seconds: float = 60.0
    """How long another attempt of a generation may take to begin before a failure is final."""


AS_SHIPPED: Final = Choices()


class Moment(NamedTuple):
    """When a lifecycle is asked: server time, the timestamp of a point concluded now, patience."""

    now: float
    stamp: int
    patience: Patience
    choices: Choices = AS_SHIPPED


class Lifecycle(Protocol):
    """Opens, is kept alive, and ends exactly once: one of its ends, or what silence means.

    Pure: state in, state out. The pipeline owns the states and calls with server time.
    """

    @property
    def name(self) -> str:
        """What it is called in settings and in ``exporter_open_sessions``."""
        ...

    @property
    def state(self) -> type[State]:
        """What it remembers of a subject."""
        ...

    @property
    def silence(self) -> float:
        """Seconds without a word after which it is given up, unless settings say otherwise."""
        ...

    @property
    def about(self) -> tuple[type[Event], ...]:
        """The types of the events that may concern it."""
        ...

    def subject(self, event: Any) -> str | None:
        """The key of what an event of those types is about, or None where it names none."""
        ...

    def saw(self, state: Any, event: Any, moment: Moment) -> Step:
        """What ``event`` does to the subject."""
        ...

    def silent(self, state: Any, moment: Moment) -> Step:
        """What it means that nothing came until ``state.due``."""
        ...

    def is_open(self, state: Any) -> bool:
        """Whether the subject still goes on, as opposed to being remembered after its end."""
        ...


class Received(msgspec.Struct, frozen=True, gc=False):
    """What came with a body: a fingerprint of its bytes, its ``kind``, and who sent it.

    ``user_agent`` is for telling senders apart by a keyed hash; no event may hold it.
    """

    id: str
    kind: str | None
    client: Client
    user_agent: str | None = None


class Unfit(NamedTuple):
    """One part of a body that is no event: its place, what is wrong with it, and its bytes."""

    place: int
    error: Exception
    body: bytes


@dataclass(frozen=True, slots=True)
class Beacon:
    """A body of our own trackers that is not in the form of ``/v1/events``.

    ``kind`` is the ``type`` of the query string where several bodies share one path; a beacon
    without a kind takes what no other takes. ``translate(body, received, cleaner)`` gives the
    events in the body; a part of it that is :class:`Unfit` costs the others nothing.
    """

    path: str
    shape: Any
    translate: Callable[[Any, Received, Cleaner], Iterable[Event | Unfit]]
    kind: str | None = None
    around: tuple[bytes, bytes] = (b"", b"")
    """What stands before and behind a part of it that is sent alone."""


@dataclass(frozen=True, slots=True)
class Domain:
    """Everything that one part of the product adds: the only thing that is registered.

    ``events`` may be sent by anybody, through ``/v1/events``; ``reports`` are made from the
    bodies of ``beacons``; ``conclusions`` are made by the lifecycles and are never written down.
    """

    name: str
    events: tuple[type[Event], ...]
    reports: tuple[type[Event], ...]
    conclusions: tuple[type[Event], ...]
    lifecycles: tuple[Lifecycle, ...]
    beacons: tuple[Beacon, ...]
    metrics: tuple[AnyMetric, ...]

"""The life of one page view: it is opened, it measures itself, and it ends by silence.

The next page view of its session ends it sooner, and so does silence after it was hidden. Its
vitals come again and again; the last value of each counts, once, at its end. What a page says only
when it is closed may come long after that: it is counted then, and completes the point.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from typing import Final

import msgspec

from exporter.event import Client, Event, Moment, Network, State, Step
from exporter.events.web import told
from exporter.events.web.classes import Action, Erred, ErrorType, Rating, Vital
from exporter.events.web.concluded import (
    Left,
    Measured,
    Placed,
    RequestEnded,
    ViewBegan,
    ViewEnded,
    ViewSegments,
)
from exporter.events.web.told import ANONYMOUS, Told

HIDDEN_PATIENCE: Final = 60.0
"""Seconds of silence after which a hidden page is not expected to come back."""

REMEMBERED: Final = 3600.0
"""Seconds for which what comes late still finds its page view."""

REPEATED: Final = 1.0
"""Seconds within which two announcements of an anonymous page view are one."""

LOAD: Final = "load"

MOST_VALUES: Final = 64
"""Values of vitals that a page view has, however often it is restored."""


class Phase(IntEnum):
    """Where a page view is in its life."""

    OPEN = 0
    SETTLING = 1
    OVER = 2


class Sample(msgspec.Struct, array_like=True, gc=False):
    """One value, and when it was so."""

    when: float
    value: float
    rating: Rating = Rating.GOOD


class PageView(State, gc=False, kw_only=True, omit_defaults=True):
    """What is remembered of one page view."""

    phase: Phase = Phase.OPEN
    anonymous: bool = False
    announced: float | None = None
    hidden: bool = False
    session_id: str | None = None
    client: Client = Client()
    network: Network = Network.OTHER
    page: str = "other"
    vitals: dict[str, Sample] = msgspec.field(default_factory=dict)
    """By vital, and where the page was restored by the metric's id as well."""
    load: Sample | None = None
    error_types: list[ErrorType] = msgspec.field(default_factory=list)
    errors: int = 0
    actions: int = 0
    about: ViewSegments | None = None
    """How it was counted at its end; None until then."""
    counted: list[str] = msgspec.field(default_factory=list)
    """The vitals, ``load`` and the kinds of errors that were counted already."""


class PageViewLifecycle:
    """The lifecycle of a page view; its subject is the key that :mod:`.told` gives it."""

    name: Final = "page_view"
    state: Final = PageView
    silence: Final = 300.0
    about: Final = (*told.TOLD, *told.REPORTED, Placed, Left)

    def subject(self, event: Told | Placed | Left) -> str | None:
        """The key of the page view; the events without one come again, placed by their session."""
        return event.page_view_id if isinstance(event, Told) else event.view

    def is_open(self, state: PageView) -> bool:
        """Until its end is counted, a page view goes on."""
        return state.phase is not Phase.OVER

    def saw(self, state: PageView | None, event: Told | Placed | Left, moment: Moment) -> Step:
        """Learn from ``event``, or settle because the session went on."""
        if isinstance(event, Left):
            return _left(state, moment)
        key = str(self.subject(event))
        if isinstance(event, Placed):
            event = event.told
        conclusions: list[Event] = []
        when = moment.now if event.at is None else event.at
        if state is not None and _is_another(state, event, when):
            conclusions += _end(state, moment)
            state = None
        if state is None:
            state = PageView(due=moment.now, anonymous=key.startswith(ANONYMOUS))
        if state.session_id is None and event.session_id is not None:
            state.session_id = event.session_id
            conclusions.append(ViewBegan(session_id=event.session_id, view=key, when=when))
        _go_on(state, moment, matters=_learn(state, event, when))
        conclusions += _requested(state, event)
        return Step(state, tuple(conclusions))

    def silent(self, state: PageView, moment: Moment) -> Step:
        """Nothing came: over, or old enough to be forgotten."""
        if state.phase is Phase.OVER:
            return Step(None)
        conclusions = tuple(_end(state, moment))
        return Step(None if state.anonymous else state, conclusions)


def _requested(state: PageView, event: Told) -> Iterator[Event]:
    """A request that failed on this page, where the error itself does not say on which."""
    if isinstance(event, told.ErrorMet) and event.lacks_page and event.came_out is not None:
        yield RequestEnded(page=state.page, result=event.came_out)


def _left(state: PageView | None, moment: Moment) -> Step:
    if state is not None and state.phase is Phase.OPEN:
        state.phase, state.due = Phase.SETTLING, moment.now + moment.patience.settle
    return Step(state)


def _go_on(state: PageView, moment: Moment, *, matters: bool) -> None:
    """Every sign of life gives new patience; what matters after the end has to settle."""
    if state.phase is Phase.OPEN:
        silence = moment.patience.silence
        state.due = moment.now + (min(HIDDEN_PATIENCE, silence) if state.hidden else silence)
    elif state.phase is Phase.OVER and matters:
        state.phase, state.due = Phase.SETTLING, moment.now + moment.patience.settle


def _is_another(state: PageView, event: Told, when: float) -> bool:
    """Whether somebody opens the page again, who has nothing to tell the page views apart."""
    return (
        state.anonymous
        and isinstance(event, told.PageViewed)
        and state.announced is not None
        and abs(when - state.announced) >= REPEATED
    )


def _learn_client(state: PageView, event: Told) -> None:
    client = event.client
    if state.client != client:
        state.client = state.client.informed(client)
    if event.network is not Network.OTHER:
        state.network = event.network
    if state.page == "other":
        state.page = event.page


def _learn(state: PageView, event: Told, when: float) -> bool:
    """Take over what an event says; whether it is news even of a page view that is over."""
    _learn_client(state, event)
    match event:
        case told.PageViewed():
            state.announced, state.hidden = when, False
        case told.ActionTaken():
            state.actions += event.interacts
            state.hidden = event.action is Action.PAGE_HIDDEN
        case told.VitalMeasured():
            return _learn_vital(state, event, when)
        case told.NavigationTimed():
            return _learn_load(state, event.load_seconds, when)
        case told.ErrorMet():
            return _learn_error(state, event.error_type)
    return False


def _learn_load(state: PageView, seconds: float | None, when: float) -> bool:
    if seconds is None or told.absurd(seconds):
        return False
    load = state.load
    # Of two at once it is the greater, because it only grows.
    if load is None or (load.when, load.value) < (when, seconds):
        state.load = Sample(when, seconds)
    return LOAD not in state.counted


def _learn_error(state: PageView, error_type: ErrorType) -> bool:
    state.errors += 1
    if error_type not in state.error_types:
        state.error_types.append(error_type)
    return error_type not in state.counted


def _learn_vital(state: PageView, event: told.VitalMeasured, when: float) -> bool:
    if event.absurd or event.apart:
        return False
    name = _name(state, event)
    known = state.vitals.get(name)
    if known is None or event.follows(known.when, known.value, when):
        state.vitals[name] = Sample(when, event.value, event.rated)
    return name not in state.counted


def _name(state: PageView, event: told.VitalMeasured) -> str:
    """What a value has of its own: a page that is restored is measured once more."""
    vital = event.vital.value
    if not event.restored:
        return vital
    name = f"{vital} {event.metric_id or ''}"
    known = name in state.vitals or name in state.counted
    return name if known or len(state.vitals) + len(state.counted) < MOST_VALUES else vital


def _end(state: PageView, moment: Moment) -> Iterator[Event]:
    """Count what is not counted yet, and forget it."""
    news = tuple(each for each in sorted(state.error_types) if each not in state.counted)
    about, late = state.about, state.about is not None
    if about is None or (news and about.erred is Erred.NO):
        # An error that comes after the end is one of a page view that went on.
        erred = Erred.YES if state.error_types else Erred.NO
        about = ViewSegments(state.client, state.network, state.page, erred, moment.stamp)
        late = False
    values = {name: each for name, each in state.vitals.items() if name not in state.counted}
    measured = tuple(_measured(values, state.counted))
    load = state.load if LOAD not in state.counted else None
    ended = ViewEnded(
        about=about,
        late=late,
        error_types=news,
        measured=measured,
        load=None if load is None else load.value,
        errors=state.errors,
        actions=state.actions,
    )
    counted = {*state.counted, *news, *values}
    if load is not None:
        counted.add(LOAD)
    state.phase, state.about, state.counted = Phase.OVER, about, sorted(counted)
    state.vitals, state.load, state.error_types = {}, None, []
    state.errors = state.actions = 0
    state.due = moment.now + min(moment.patience.remember, REMEMBERED)
    if not late or news or measured or load is not None:
        yield ended


def _measured(values: Mapping[str, Sample], counted: Iterable[str]) -> Iterator[Measured]:
    """In the order of time; what a vital is measured once more, its page view's point has not."""
    pointed = {name.partition(" ")[0] for name in counted}
    for name, sample in sorted(values.items(), key=_by_time):
        vital = name.partition(" ")[0]
        yield Measured(Vital(vital), sample.value, sample.rating, again=vital in pointed)
        pointed.add(vital)


def _by_time(item: tuple[str, Sample]) -> tuple[float, str]:
    return item[1].when, item[0]

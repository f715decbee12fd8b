"""The life of a session: page views, actions, who it is; it ends after half an hour of silence.

It also knows what no event says alone: which page view an event is about that names only its
page, or not even that, and that somebody whom one event names is there in all of them. Where the
answer may still be under way, it waits for it a few seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from exporter.event import Client, Event, Moment, State, Step
from exporter.events.web import told
from exporter.events.web.classes import ErrorType
from exporter.events.web.concluded import (
    Affected,
    Left,
    Placed,
    Present,
    SessionEnded,
    ViewBegan,
)
from exporter.events.web.told import IN_SESSION, Told
from exporter.instant import MOST_CONTRADICTION

MINUTE: Final = 60.0
MOST_PLACES: Final = 8
MOST_WAITING: Final = 50
REPEATED: Final = 1.0
"""Seconds within which two announcements of one page are one."""

Waiting = (
    told.PageViewed
    | told.VitalMeasured
    | told.NavigationTimed
    | told.ResourceLoaded
    | told.LongTaskRan
    | told.ErrorMet
    | told.RequestMade
    | told.ActionTaken
    | told.SessionSeen
    | told.LogWritten
    | told.SpansDropped
    | told.CustomHappened
    | told.DurationMeasured
    | told.NothingMeasured
    | told.MetricReported
)


class At(msgspec.Struct, array_like=True, gc=False):
    """The page view that is at a page, and when it was announced; 0 where it never was."""

    when: float
    view: str


class WebSession(State, gc=False, kw_only=True, omit_defaults=True):
    """What is remembered of one session."""

    session_id: str
    began: float
    last: float
    first_at: float | None = None
    last_at: float | None = None
    client: Client = Client()
    views: int = 0
    actions: int = 0
    view: str | None = None
    """The page view that it is at now."""
    view_when: float = 0.0
    places: dict[str, At] = msgspec.field(default_factory=dict)
    waiting: list[Waiting] = msgspec.field(default_factory=list)
    """Events about a page view that may still be announced."""
    settles: float | None = None
    """When it waits no longer, for a page view or for somebody's name."""
    user_id: str | None = None
    nameless: bool = False
    """Whether it has waited for a name already."""
    affected: list[ErrorType] = msgspec.field(default_factory=list)
    present: tuple[str, int] | None = None
    """Who was said to be there last, and in which minute."""


class WebSessionLifecycle:
    """The lifecycle of a session; its subject is the keyed hash of the session's id."""

    name: Final = "web_session"
    state: Final = WebSession
    silence: Final = 1800.0
    about: Final = (*told.TOLD, *told.REPORTED, ViewBegan)

    def subject(self, event: Told | ViewBegan) -> str | None:
        """The session, where there is one."""
        return event.session_id

    def is_open(self, state: WebSession) -> bool:
        """A session that is over is forgotten."""
        return True

    def saw(self, state: WebSession | None, event: Told | ViewBegan, moment: Moment) -> Step:
        """Learn from ``event``, say where it belongs, and who is there."""
        if isinstance(event, ViewBegan):
            return Step(state) if state is None else Step(state, tuple(_moved(state, event)))
        now = moment.now
        if state is None:
            session_id = str(event.session_id)
            state = WebSession(due=now, session_id=session_id, began=now, last=now)
        _learn(state, event, now)
        conclusions = tuple(_told(state, event, moment))
        state.due = _due(state, moment)
        return Step(state, conclusions)

    def silent(self, state: WebSession, moment: Moment) -> Step:
        """It has waited long enough, or it is over."""
        if state.settles is not None:
            conclusions = tuple(_settled(state, moment.now))
            state.due = _due(state, moment)
            return Step(state, conclusions)
        ended = SessionEnded(
            client=state.client,
            views=state.views,
            actions=state.actions,
            seconds=_length(state),
        )
        return Step(None, (ended,))


def _due(state: WebSession, moment: Moment) -> float:
    over = state.last + moment.patience.silence
    return over if state.settles is None else min(over, state.settles)


def _length(state: WebSession) -> float:
    """First to last sign: as they came, or by the page's clock where that says longer."""
    arrived = state.last - state.began
    said = (state.last_at or 0.0) - (state.first_at or 0.0)
    return max(said, arrived) if abs(said - arrived) <= MOST_CONTRADICTION else arrived


def _moved(state: WebSession, event: ViewBegan) -> Iterator[Event]:
    """One more page view, which ends the one before: whichever is older by the page's clock."""
    state.views += 1
    if event.when < state.view_when:
        yield Left(view=event.view)
        return
    if state.view is not None:
        yield Left(view=state.view)
    state.view, state.view_when = event.view, event.when


def _learn(state: WebSession, event: Told, now: float) -> None:
    state.last = now
    if event.at is not None:
        state.first_at = event.at if state.first_at is None else min(state.first_at, event.at)
        state.last_at = event.at if state.last_at is None else max(state.last_at, event.at)
    client = event.client
    if state.client != client:
        state.client = state.client.informed(client)
    if isinstance(event, told.ActionTaken):
        state.actions += event.interacts
    if event.user_id is not None:
        state.user_id = event.user_id


def _told(state: WebSession, event: Told, moment: Moment) -> Iterator[Event]:
    """What follows at once; the rest waits."""
    now = moment.now
    view = _view(state, event, moment)
    if event.page_view_id is None:
        if view is not None:
            yield Placed(view=view, told=event)
        elif event.begins or event.place_id is not None:
            if len(state.waiting) < MOST_WAITING:
                state.waiting.append(event)  # type: ignore[arg-type]
                _wait(state, moment)
            else:
                yield Placed(view=_unannounced(state, event), told=event)
    if isinstance(event, told.ErrorMet) and event.error_type not in state.affected:
        state.affected.append(event.error_type)
    if state.user_id is not None or state.nameless:
        yield from _present(state, now)
    else:
        _wait(state, moment)


def _wait(state: WebSession, moment: Moment) -> None:
    if state.settles is None:
        state.settles = moment.now + moment.patience.settle


def _settled(state: WebSession, now: float) -> Iterator[Event]:
    """Whatever has not come by now does not come."""
    state.settles = None
    for event in state.waiting:
        known = state.view if event.place_id is None else None
        if event.place_id is not None and (at := state.places.get(event.place_id)) is not None:
            known = at.view
        yield Placed(view=known or _unannounced(state, event), told=event)
    state.waiting = []
    state.nameless = True
    yield from _present(state, now)


def _present(state: WebSession, now: float) -> Iterator[Event]:
    """Who is there, once a minute; and who met an error, at once."""
    person = state.user_id or state.session_id
    present = (person, int(state.last // MINUTE))
    if state.present != present:
        state.present = present
        yield Present(person=person)
    for error_type in state.affected:
        yield Affected(person=person, error_type=error_type)
    state.affected = []


def _view(state: WebSession, event: Told, moment: Moment) -> str | None:
    """The page view that an event is about, where that is known."""
    place = event.place_id
    if event.page_view_id is not None:
        if place is not None:
            when = moment.now if event.at is None else event.at
            _note(state, place, At(when, event.page_view_id))
        return event.page_view_id
    if isinstance(event, told.PageViewed):
        return _announced(state, event, moment)
    if place is None:
        return state.view
    known = state.places.get(place)
    return None if known is None else known.view


def _announced(state: WebSession, event: told.PageViewed, moment: Moment) -> str:
    """The page view that begins, or the one whose beginning is told again."""
    place = event.place_id or IN_SESSION + state.session_id
    when = moment.now if event.at is None else event.at
    known = state.places.get(place)
    if known is not None:
        again = moment.patience.settle if event.at is None else REPEATED
        if not known.when or abs(known.when - when) < again:
            _note(state, place, At(when, known.view))
            return known.view
    view = f"{place}.{int(when)}"
    _note(state, place, At(when, view))
    return view


def _unannounced(state: WebSession, event: Told) -> str:
    """A page view that begins although nobody says that it does."""
    place = event.place_id or IN_SESSION + state.session_id
    _note(state, place, At(0.0, place))
    return state.places[place].view


def _note(state: WebSession, place: str, at: At) -> None:
    """Remember which page view is at a page: the latest one; and only a few pages."""
    known = state.places.get(place)
    if known is None or known.when <= at.when:
        state.places.pop(place, None)
        state.places[place] = at
        if len(state.places) > MOST_PLACES:
            state.places.pop(next(iter(state.places)))

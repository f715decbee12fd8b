"""A service is up or down from one change to the next, as one source sees it."""

from __future__ import annotations

from typing import Final

from exporter.event import Event, Moment, Point, State, Step
from exporter.events.platform.classes import CheckSource, Condition
from exporter.events.platform.services import UNLISTED, Checked


class Seen(State, gc=False, kw_only=True, omit_defaults=True):
    """What a service was at its last check, and since when."""

    ok: bool
    since: float


class Changed(Event, frozen=True, kw_only=True, gc=False, tag="service.changed"):
    """A service went down, or is up again."""

    service: str
    source: CheckSource
    ok: bool
    lasted_seconds: float
    """How long it had been the other."""

    def points(self) -> list[Point]:
        """Changes alone: a check every few seconds would say the same again and again."""
        tags = (
            ("service", self.service),
            ("source", self.source),
            ("state", Condition.UP if self.ok else Condition.DOWN),
        )
        return [Point("service_state", tags, (("previous_seconds", self.lasted_seconds),))]


class ServiceLifecycle:
    """The lifecycle of a service; its subject is who looks and at what."""

    name: Final = "service"
    state: Final = Seen
    silence: Final = 86_400.0
    about: Final = (Checked,)

    def subject(self, event: Checked) -> str | None:
        """A probe and a report may disagree, so each has its own; unlisted ones share a name."""
        return None if event.service == UNLISTED else f"{event.source}:{event.service}"

    def is_open(self, state: Seen) -> bool:
        """As long as somebody looks."""
        return True

    def saw(self, state: Seen | None, event: Checked, moment: Moment) -> Step:
        """The first check is where it begins; after that, only another result says anything."""
        due = moment.now + moment.patience.silence
        if state is None:
            return Step(Seen(due=due, ok=event.ok, since=moment.now))
        state.due = due
        if state.ok == event.ok:
            return Step(state)
        lasted = moment.now - state.since
        state.ok, state.since = event.ok, moment.now
        changed = Changed(
            service=event.service, source=event.source, ok=event.ok, lasted_seconds=lasted
        )
        return Step(state, (changed,))

    def silent(self, state: Seen, moment: Moment) -> Step:
        """Nobody has looked for a day."""
        return Step(None)

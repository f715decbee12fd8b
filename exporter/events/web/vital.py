"""The life of a value of a vital that no page view has: the last one counts, when no more come.

A page that says neither which page view it is nor which session shares its page view with others
of its kind. The id that the web-vitals library gives to a value keeps theirs apart.
"""

from __future__ import annotations

from typing import Final

from exporter.event import Moment, State, Step
from exporter.events.web import told
from exporter.events.web.classes import Erred
from exporter.events.web.concluded import Measured, ViewEnded, ViewSegments

REMEMBERED: Final = 3600.0
"""Seconds for which a value that is counted is known, so that it is not counted again."""


class Value(State, gc=False, kw_only=True, omit_defaults=True):
    """What is remembered of one value: how it was last; nothing, once it is counted."""

    when: float = 0.0
    last: told.VitalMeasured | None = None


class VitalLifecycle:
    """The lifecycle of a value; its subject is the vital and the keyed hash of the metric's id."""

    name: Final = "vital"
    state: Final = Value
    silence: Final = 300.0
    about: Final = (told.VitalMeasured,)

    def subject(self, event: told.VitalMeasured) -> str | None:
        """The value, where it is one of its own."""
        return f"{event.vital.value} {event.metric_id}" if event.apart else None

    def is_open(self, state: Value) -> bool:
        """Until it is counted."""
        return state.last is not None

    def saw(self, state: Value | None, event: told.VitalMeasured, moment: Moment) -> Step:
        """What it is now; what comes after it was counted changes nothing."""
        if event.absurd or (state is not None and state.last is None):
            return Step(state)
        now = moment.now
        when = now if event.at is None else event.at
        state = state or Value(due=now)
        if state.last is None or event.follows(state.when, state.last.value, when):
            state.when, state.last = when, event
        state.due = now + moment.patience.silence
        return Step(state)

    def silent(self, state: Value, moment: Moment) -> Step:
        """Count it, or forget it."""
        last = state.last
        if last is None:
            return Step(None)
        ended = ViewEnded(
            about=ViewSegments(last.client, last.network, last.page, Erred.NO, moment.stamp),
            late=True,
            error_types=(),
            measured=(Measured(last.vital, last.value, last.rated),),
            load=None,
            errors=0,
            actions=0,
        )
        state.last = None
        state.due = moment.now + min(moment.patience.remember, REMEMBERED)
        return Step(state, (ended,))

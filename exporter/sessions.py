"""Noticing what did not happen: a start with no end is an abandonment.

Holds the states of all lifecycles and asks the domains what events and silence mean. Time is an
argument: whoever replays the same records gets the same conclusions.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from exporter.event import AS_SHIPPED, Choices, Event, Lifecycle, Moment, Patience, State

Key = tuple[int, str]
"""Which lifecycle, by its place, and which subject."""


class Concluded(NamedTuple):
    """A conclusion, and the experiment and variant that its subject is part of."""

    event: Event
    trial: str | None


Stamp = Callable[[], int]
"""Gives a timestamp for a point, in nanoseconds, that no other call gives."""


class Sessions:
    """The subjects that are remembered, each with one valid entry in the queue of those due.

    A sign of life only moves ``state.due``; the entry is corrected when it rings.
    """

    def __init__(
        self,
        lifecycles: Sequence[Lifecycle],
        patience: Mapping[str, Patience],
        choices: Choices = AS_SHIPPED,
    ) -> None:
        self.lifecycles = tuple(lifecycles)
        self._choices = choices
        self._patience = tuple(patience.get(each.name, Patience()) for each in self.lifecycles)
        self._states: tuple[dict[str, Any], ...] = tuple({} for _ in self.lifecycles)
        self._places: dict[type[Event], list[int]] = {}
        for place, lifecycle in enumerate(self.lifecycles):
            for event in lifecycle.about:
                self._places.setdefault(event, []).append(place)
        self._open = [0] * len(self.lifecycles)
        self._due: list[tuple[float, int, str]] = []
        self._dirty: dict[Key, None] = {}

    @property
    def next_due(self) -> float:
        """The server time before which silence means nothing."""
        return self._due[0][0] if self._due else math.inf

    def counts(self) -> Iterator[tuple[str, int, int]]:
        """For each lifecycle: its name, how many go on, how many are remembered."""
        for place, lifecycle in enumerate(self.lifecycles):
            yield lifecycle.name, self._open[place], len(self._states[place])

    def saw(
        self, event: Event, now: float, stamp: Stamp, trial: str | None = None
    ) -> list[Concluded]:
        """What ``event`` concludes; ``trial`` is that of the event."""
        concluded: list[Concluded] = []
        for place in self._places.get(type(event), ()):
            lifecycle = self.lifecycles[place]
            subject = lifecycle.subject(event)
            if subject is not None:
                state = self._states[place].get(subject)
                was_open = state is not None and lifecycle.is_open(state)
                moment = Moment(now, stamp(), self._patience[place], self._choices)
                step = lifecycle.saw(state, event, moment)
                if step.state is not None:
                    if trial is not None and (was_open or state is None):
                        # Not after its end: its point has its tags for good.
                        step.state.trial = trial
                    trial_of = step.state.trial
                else:
                    trial_of = trial if state is None else state.trial
                self._keep(place, subject, step.state, was_open=was_open)
                concluded += [Concluded(each, trial_of) for each in step.conclusions]
        return concluded

    def silent(self, now: float, stamp: Stamp) -> Iterator[Concluded]:
        """What silence until ``now`` concludes."""
        while self._due and self._due[0][0] <= now:
            rings, place, subject = heapq.heappop(self._due)
            state = self._states[place].get(subject)
            if state is None or state.rings != rings:
                continue
            state.rings = 0.0
            if state.due > now:
                self._schedule(place, subject, state)
                # Saved as well, or after a crash this second would end in another order.
                self._dirty[place, subject] = None
                continue
            lifecycle = self.lifecycles[place]
            was_open = lifecycle.is_open(state)
            moment = Moment(now, stamp(), self._patience[place], self._choices)
            step, trial = lifecycle.silent(state, moment), state.trial
            self._keep(place, subject, step.state, was_open=was_open)
            yield from [Concluded(each, trial) for each in step.conclusions]

    def _keep(self, place: int, subject: str, state: State | None, *, was_open: bool) -> None:
        states = self._states[place]
        if state is None:
            if states.pop(subject, None) is None:
                return
        else:
            states[subject] = state
            if not state.rings or state.due < state.rings:
                self._schedule(place, subject, state)
        self._dirty[place, subject] = None
        is_open = state is not None and self.lifecycles[place].is_open(state)
        self._open[place] += is_open - was_open

    def _schedule(self, place: int, subject: str, state: State) -> None:
        state.rings = state.due
        heapq.heappush(self._due, (state.due, place, subject))

    def forget(self, person: str) -> int:
        """Take somebody's hash out of every state; a state that is about them goes.

        Returns how many states that were. What was counted stays counted.
        """
        found = 0
        for place, states in enumerate(self._states):
            is_open = self.lifecycles[place].is_open
            for subject, state in tuple(states.items()):
                if subject == person:
                    self._keep(place, subject, None, was_open=is_open(state))
                    found += 1
                elif _forget(state, person):
                    self._dirty[place, subject] = None
                    found += 1
        return found

    def changed(self) -> list[tuple[str, str, bytes | None]]:
        """Lifecycle, subject and encoded state (None: forgotten) since the last call."""
        changes = []
        for place, subject in self._dirty:
            state = self._states[place].get(subject)
            body = None if state is None else msgspec.msgpack.encode(state)
            changes.append((self.lifecycles[place].name, subject, body))
        self._dirty.clear()
        return changes

    def restore(self, saved: Iterable[tuple[str, str, bytes]]) -> None:
        """Take over what a checkpoint holds; KeyError for a lifecycle that no longer exists."""
        places = {each.name: place for place, each in enumerate(self.lifecycles)}
        decoders = [msgspec.msgpack.Decoder(each.state) for each in self.lifecycles]
        for name, subject, body in saved:
            place = places[name]
            state = decoders[place].decode(body)
            self._states[place][subject] = state
            self._open[place] += self.lifecycles[place].is_open(state)
            self._due.append((state.rings, place, subject))
        heapq.heapify(self._due)


def _forget(state: msgspec.Struct, person: str) -> bool:
    """Whether somebody's hash was in a state, or in what it is made of; it no longer is."""
    found = False
    for name in state.__struct_fields__:
        value = getattr(state, name)
        if value == person:
            setattr(state, name, None)
            found = True
        elif isinstance(value, msgspec.Struct) and not value.__struct_config__.frozen:
            found = _forget(value, person) or found
    return found

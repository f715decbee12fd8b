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

    A subject sleeps between two checkpoints that it has no part in: it is kept as it is written
    down, which takes a third of the memory and a few microseconds to wake.
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
        self._decoders = [msgspec.msgpack.Decoder(each.state) for each in self.lifecycles]
        self._asleep: tuple[dict[str, bytes], ...] = tuple({} for _ in self.lifecycles)
        self._encoder = msgspec.msgpack.Encoder()
        self._awake: dict[Key, State | None] = {}
        """What changed since the last checkpoint; None: forgotten."""
        self._places: dict[type[Event], list[int]] = {}
        for place, lifecycle in enumerate(self.lifecycles):
            for event in lifecycle.about:
                self._places.setdefault(event, []).append(place)
        self._open = [0] * len(self.lifecycles)
        self._remembered = [0] * len(self.lifecycles)
        self._due: list[tuple[float, int, str]] = []

    @property
    def next_due(self) -> float:
        """The server time before which silence means nothing."""
        return self._due[0][0] if self._due else math.inf

    def counts(self) -> Iterator[tuple[str, int, int]]:
        """For each lifecycle: its name, how many go on, how many are remembered."""
        for place, lifecycle in enumerate(self.lifecycles):
            yield lifecycle.name, self._open[place], self._remembered[place]

    def saw(
        self, event: Event, now: float, stamp: Stamp, trial: str | None = None
    ) -> list[Concluded]:
        """What ``event`` concludes; ``trial`` is that of the event."""
        concluded: list[Concluded] = []
        for place in self._places.get(type(event), ()):
            lifecycle = self.lifecycles[place]
            subject = lifecycle.subject(event)
            if subject is not None:
                state = self._state(place, subject)
                was_open = None if state is None else lifecycle.is_open(state)
                moment = Moment(now, stamp(), self._patience[place], self._choices)
                step = lifecycle.saw(state, event, moment)
                if step.state is not None:
                    if trial is not None and (was_open or state is None):
                        # Not after its end: its point has its tags for good.
                        step.state.trial = trial
                    trial_of = step.state.trial
                else:
                    trial_of = trial if state is None else state.trial
                self._keep(place, subject, step.state, was_open)
                concluded += [Concluded(each, trial_of) for each in step.conclusions]
        return concluded

    def silent(self, now: float, stamp: Stamp) -> Iterator[Concluded]:
        """What silence until ``now`` concludes."""
        while self._due and self._due[0][0] <= now:
            rings, place, subject = heapq.heappop(self._due)
            state = self._state(place, subject)
            if state is None or state.rings != rings:
                continue
            state.rings = 0.0
            if state.due > now:
                self._schedule(place, subject, state)
                # Saved as well, or after a crash this second would end in another order.
                self._awake[place, subject] = state
                continue
            lifecycle = self.lifecycles[place]
            was_open = lifecycle.is_open(state)
            moment = Moment(now, stamp(), self._patience[place], self._choices)
            step, trial = lifecycle.silent(state, moment), state.trial
            self._keep(place, subject, step.state, was_open)
            yield from [Concluded(each, trial) for each in step.conclusions]

    def _state(self, place: int, subject: str) -> Any:
        """The state of a subject, or None where nothing is remembered."""
        key = place, subject
        if key in self._awake:
            return self._awake[key]
        body = self._asleep[place].get(subject)
        return None if body is None else self._decoders[place].decode(body)

    def _keep(self, place: int, subject: str, state: State | None, was_open: bool | None) -> None:
        """Remember a state, or forget it; ``was_open`` is None where nothing was remembered."""
        if state is None:
            if was_open is None:
                return
        elif not state.rings or state.due < state.rings:
            self._schedule(place, subject, state)
        self._awake[place, subject] = state
        is_open = state is not None and self.lifecycles[place].is_open(state)
        self._open[place] += is_open - bool(was_open)
        self._remembered[place] += (state is not None) - (was_open is not None)

    def _schedule(self, place: int, subject: str, state: State) -> None:
        state.rings = state.due
        heapq.heappush(self._due, (state.due, place, subject))

    def forget(self, person: str) -> int:
        """Take somebody's hash out of every state; a state that is about them goes.

        Returns how many states that were. What was counted stays counted.
        """
        name = person.encode()
        keys = [key for key, state in self._awake.items() if state is not None]
        keys += [
            (place, subject)
            for place, bodies in enumerate(self._asleep)
            for subject, body in bodies.items()
            if (name in body or subject == person) and (place, subject) not in self._awake
        ]
        found = 0
        for place, subject in keys:
            state = self._state(place, subject)
            if subject == person:
                self._keep(place, subject, None, self.lifecycles[place].is_open(state))
            elif _forget(state, person):
                self._awake[place, subject] = state
            else:
                continue
            found += 1
        return found

    def changed(self) -> list[tuple[str, str, bytes | None]]:
        """Lifecycle, subject and encoded state (None: forgotten) since the last call."""
        changes = []
        for (place, subject), state in self._awake.items():
            if state is None:
                body = None
                self._asleep[place].pop(subject, None)
            else:
                body = self._asleep[place][subject] = self._encoder.encode(state)
            changes.append((self.lifecycles[place].name, subject, body))
        self._awake = {}
        return changes

    def restore(self, saved: Iterable[tuple[str, str, bytes]]) -> None:
        """Take over what a checkpoint holds; KeyError for a lifecycle that no longer exists."""
        places = {each.name: place for place, each in enumerate(self.lifecycles)}
        for name, subject, body in saved:
            place = places[name]
            state = self._decoders[place].decode(body)
            self._asleep[place][subject] = body
            self._open[place] += self.lifecycles[place].is_open(state)
            self._remembered[place] += 1
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

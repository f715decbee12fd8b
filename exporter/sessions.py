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

from exporter.asleep import Asleep
from exporter.event import AS_SHIPPED, FORGOTTEN, Choices, Event, Lifecycle, Moment, Patience, State

Key = tuple[int, str]
"""Which lifecycle, by its place, and which subject."""

Change = tuple[str, str, bytes | None]
"""Lifecycle, subject and encoded state; None: forgotten."""


class Concluded(NamedTuple):
    """A conclusion, and the experiment and variant that its subject is part of."""

    event: Event
    trial: str | None


Stamp = Callable[[], int]
"""Gives a timestamp for a point, in nanoseconds, that no other call gives."""


class _Queue:
    """When to look at whom: exactly for the second that is now, and by the second for all others.

    So an entry takes the room of a reference, as long as it waits.
    """

    def __init__(self) -> None:
        self._near: list[tuple[float, int, str]] = []
        self._far: dict[tuple[int, int], list[str]] = {}
        self._order: list[tuple[int, int]] = []
        self._second = 0

    @property
    def earliest(self) -> float:
        """Before this, there is nobody to look at."""
        if self._near:
            return self._near[0][0]
        return self._order[0][0] if self._order else math.inf

    def push(self, rings: float, place: int, subject: str) -> None:
        """Look at a subject then."""
        if rings < self._second + 1:
            heapq.heappush(self._near, (rings, place, subject))
            return
        bucket = int(rings), place
        if bucket not in self._far:
            self._far[bucket] = []
            heapq.heappush(self._order, bucket)
        self._far[bucket].append(subject)

    def pop(self, now: float, rings: Callable[[int, str], float]) -> tuple[float, int, str] | None:
        """Whom to look at next, until ``now``; ``rings`` says when exactly that was to be."""
        while self._order and self._order[0][0] <= now:
            bucket = heapq.heappop(self._order)
            self._second, place = bucket
            # Who was put off to one second by several ways waits there once.
            for subject in dict.fromkeys(self._far.pop(bucket)):
                exactly = rings(place, subject)
                # Who is looked at in another second waits there as well.
                if int(exactly) == self._second:
                    heapq.heappush(self._near, (exactly, place, subject))
        return heapq.heappop(self._near) if self._near and self._near[0][0] <= now else None


class Sessions:
    """The subjects that are remembered, each with one valid entry in the queue of those due.

    A sign of life only moves ``state.due``; the entry is corrected when it rings. Where something
    is due before it, the entry is kept for what comes after that, so that somebody who waits now
    for a minute and now for a week has two entries and not one for every minute of the week.

    A subject sleeps between two checkpoints that it has no part in: it is kept as it is written
    down, and packed where that is long, which takes a small part of the memory and a few
    microseconds to wake.
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
        self.asleep = tuple(Asleep() for _ in self.lifecycles)
        self._encoder = msgspec.msgpack.Encoder()
        self._awake: dict[Key, State | None] = {}
        """What changed since the last checkpoint; None: forgotten."""
        self._tired: dict[Key, State | None] = {}
        """What changed before it and is not yet encoded."""
        self._changes: list[Change] = []
        self._places: dict[type[Event], list[int]] = {}
        for place, lifecycle in enumerate(self.lifecycles):
            for event in lifecycle.about:
                self._places.setdefault(event, []).append(place)
        self._open = [0] * len(self.lifecycles)
        self._remembered = [0] * len(self.lifecycles)
        self._due = _Queue()

    @property
    def next_due(self) -> float:
        """The server time before which silence means nothing."""
        return self._due.earliest

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
                self._watch(place, subject, step.state, now)
                if step.conclusions:
                    concluded += [Concluded(each, trial_of) for each in step.conclusions]
        return concluded

    def silent(self, now: float, stamp: Stamp) -> Iterator[Concluded]:
        """What silence until ``now`` concludes."""
        while (entry := self._due.pop(now, self._rings)) is not None:
            rings, place, subject = entry
            state = self._state(place, subject)
            if state is None or state.rings != rings:
                continue
            state.rings = 0.0
            if state.due > now:
                self._watch(place, subject, state, now)
                # Saved as well, or after a crash this second would end in another order.
                self._awake[place, subject] = state
                continue
            lifecycle = self.lifecycles[place]
            was_open = lifecycle.is_open(state)
            moment = Moment(now, stamp(), self._patience[place], self._choices)
            step, trial = lifecycle.silent(state, moment), state.trial
            self._keep(place, subject, step.state, was_open)
            self._watch(place, subject, step.state, now)
            yield from [Concluded(each, trial) for each in step.conclusions]

    def _state(self, place: int, subject: str) -> Any:
        """The state of a subject, or None where nothing is remembered."""
        key = place, subject
        if key in self._awake:
            return self._awake[key]
        if key in self._tired:
            self._sleep(key, self._tired.pop(key))
        body = self.asleep[place].get(subject)
        return None if body is None else self._decoders[place].decode(body)

    def _rings(self, place: int, subject: str) -> float:
        state = self._state(place, subject)
        return 0.0 if state is None else float(state.rings)

    def _keep(self, place: int, subject: str, state: State | None, was_open: bool | None) -> None:
        """Remember a state, or forget it; ``was_open`` is None where nothing was remembered."""
        if state is None and was_open is None:
            return
        self._awake[place, subject] = state
        is_open = state is not None and self.lifecycles[place].is_open(state)
        self._open[place] += is_open - bool(was_open)
        self._remembered[place] += (state is not None) - (was_open is not None)

    def _watch(self, place: int, subject: str, state: State | None, now: float) -> None:
        """Look at a subject in time: by an entry that is in the queue, or by one more."""
        if state is None or 0.0 < state.rings <= state.due:
            return
        if state.rings:
            state.later = state.rings
        # An entry of this second may have left the queue already.
        if int(now) < int(state.later) and state.later <= state.due:
            state.rings, state.later = state.later, 0.0
            return
        state.rings = state.due
        self._due.push(state.due, place, subject)

    def forget(self, person: str) -> int:
        """Take somebody's hash out of every state; a state that is about them goes.

        Returns how many states that were. What was counted stays counted.
        """
        name = person.encode()
        self.lull()
        awake = [(key, self._encoder.encode(state)) for key, state in self._awake.items() if state]
        asleep = (
            ((place, subject), body)
            for place, bodies in enumerate(self.asleep)
            for subject, body in bodies.items()
            if (place, subject) not in self._awake
        )
        found = [key for key, body in (*awake, *asleep) if name in body or person in key[1]]
        for place, subject in found:
            # A page view that has no name of its own has one that begins with its session's.
            if person in subject:
                self._drop(place, subject)
            else:
                self._awake[place, subject] = _without(self._state(place, subject), person)
        return len(found)

    def drop(self, lifecycle: str, name: str) -> None:
        """Forget a subject, and those of which its name is the first part (``name/…``)."""
        self.lull()
        for place, each in enumerate(self.lifecycles):
            if each.name != lifecycle:
                continue
            awake = [subject for at, subject in self._awake if at == place]
            for subject in {*awake, *self.asleep[place].stored}:
                if f"{subject}/".startswith(f"{name}/"):
                    self._drop(place, subject)

    def _drop(self, place: int, subject: str) -> None:
        state = self._state(place, subject)
        if state is not None:
            self._keep(place, subject, None, self.lifecycles[place].is_open(state))

    def changed(self) -> list[Change]:
        """What changed since the last call of this or of ``changing``."""
        changes = self.changing()
        self.lull()
        return changes

    def changing(self) -> list[Change]:
        """The same, of which :meth:`lull` has to fill in all that is not asked for before.

        A state is encoded before anything more happens to it, so the list tells of this moment.
        """
        self.lull()
        self._tired, self._awake, self._changes = self._awake, {}, []
        return self._changes

    def lull(self, most: int | None = None) -> bool:
        """Encode so many states, or all; whether more are left."""
        for _ in range(len(self._tired) if most is None else min(most, len(self._tired))):
            self._sleep(*self._tired.popitem())
        return bool(self._tired)

    def _sleep(self, key: Key, state: State | None) -> None:
        place, subject = key
        if state is None:
            body = None
            self.asleep[place].remove(subject)
        else:
            body = self._encoder.encode(state)
            self.asleep[place].put(subject, body)
        self._changes.append((self.lifecycles[place].name, subject, body))

    def restore(self, saved: Iterable[tuple[str, str, bytes]]) -> None:
        """Take over what a checkpoint holds; KeyError for a lifecycle that no longer exists."""
        places = {each.name: place for place, each in enumerate(self.lifecycles)}
        for name, subject, body in saved:
            place = places[name]
            state = self._decoders[place].decode(body)
            self.asleep[place].put(subject, body)
            self._open[place] += self.lifecycles[place].is_open(state)
            self._remembered[place] += 1
            self._due.push(state.rings, place, subject)
            if state.later:
                self._due.push(state.later, place, subject)


def _without(value: Any, person: str) -> Any:
    """The value without somebody's hash, wherever in it that is."""
    if isinstance(value, str) and person in value:
        return value.replace(person, FORGOTTEN)
    if isinstance(value, msgspec.Struct):
        said = [(field, getattr(value, field.name)) for field in msgspec.structs.fields(value)]
        changes = {
            field.name: None if each == person and field.default is None else _without(each, person)
            for field, each in said
        }
        return msgspec.structs.replace(value, **changes)
    if isinstance(value, dict):
        return {_without(key, person): _without(each, person) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        kept = [_without(each, person) for each in value]
        make = getattr(value, "_make", type(value))
        return make(kept)
    return value

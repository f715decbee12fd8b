"""Which segment contributes most to what a KPI lacks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Member:
    """A KPI in one member of a segment, such as device mobile."""

    segment: str
    member: str
    value: float
    events: float


@dataclass(frozen=True, slots=True)
class Contribution:
    """What a member takes from the whole."""

    member: Member
    share: float
    """Of the events of its segment."""

    elsewhere: float
    """The KPI in the other members together."""

    gain: float
    """How much better the whole would be if this member were like the others."""


def contributions(
    members: Iterable[Member], direction: float, min_events: float
) -> Iterator[Contribution]:
    """Of each member with enough events that is worse than the others of its segment."""
    by_segment: dict[str, list[Member]] = defaultdict(list)
    for each in members:
        by_segment[each.segment].append(each)
    for alike in by_segment.values():
        events = sum(each.events for each in alike)
        whole = sum(each.value * each.events for each in alike)
        for each in alike:
            others = events - each.events
            if each.events < max(min_events, 1) or others < max(min_events, 1):
                continue
            elsewhere = (whole - each.value * each.events) / others
            gain = (elsewhere - each.value) * direction * each.events / events
            if gain > 0:
                yield Contribution(each, each.events / events, elsewhere, gain)


def worst(members: Iterable[Member], direction: float, min_events: float) -> Contribution | None:
    """The one that takes most from the whole: far off, and large."""
    found = contributions(members, direction, min_events)
    return max(found, key=lambda each: each.gain, default=None)

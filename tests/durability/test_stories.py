"""The stories mean the same, whatever time goes by between their beacons, and whatever overlaps."""

import random
from collections.abc import Iterator
from itertools import islice

import pytest

from exporter.event import event_type
from exporter.record import Entry
from tests.durability import model
from tests.durability.prove import MINUTE, SILENCE
from tests.durability.telling import Post
from tests.durability.traffic import Stories

STORIES = 600
AT_ONCE = 24
AUDITED = 200
"""Beacons after which everybody waits, and all numbers are compared."""

PAUSES = (0.0, 0.001, 0.01, 0.05, 0.3, 1.5)
"""Seconds, around those in which what has ended settles."""

SETTLE = 0.2


def interleaved(seed: int, chance: random.Random) -> Iterator[Post]:
    """So many stories at once, each in its order."""
    stories = islice(iter(Stories(seed, batches=3)), STORIES)
    going_on = [list(story) for story in islice(stories, AT_ONCE)]
    while going_on:
        place = chance.randrange(len(going_on))
        yield going_on[place].pop(0)
        if not going_on[place]:
            going_on[place : place + 1] = [list(story) for story in islice(stories, 1)]


class Late:
    """A pipeline to which beacons come when they like, and some of them again."""

    def __init__(self, chance: random.Random) -> None:
        self._random = chance
        self._reader = model.Reader()
        self._came: list[Post] = []
        self._at = 1.81e9 + chance.random() * 86_400
        self.pipeline = model.pipeline(SILENCE, SETTLE)

    def wait(self, seconds: float) -> None:
        """Nothing comes until then, and for a moment after it."""
        for pause in (seconds, 0.3, 0.3):
            self._at += pause
            self.pipeline.apply(Entry(self._at))

    def take(self, post: Post) -> None:
        """One more, and now and then one of those before it."""
        chance = self._random
        self._at += chance.choice(PAUSES)
        if chance.random() < 0.5:
            self.pipeline.apply(Entry(self._at))
        self._came.append(post)
        again = [chance.choice(self._came)] if chance.random() < 0.1 else []
        for each in (post, *again):
            self.pipeline.apply(self._reader.entry(each, self._at))


@pytest.mark.parametrize("seed", range(3))
def test_the_truth_does_not_depend_on_when_beacons_come(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a seed, not a secret
    truth, late = model.Truth(silence=SILENCE), Late(chance)

    def off(*, minute_over: bool = False) -> object:
        for each in (truth, late):
            each.wait(2.0)
        found, expected = model.samples(late.pipeline), model.samples(truth.pipeline)
        return model.differences(found, expected, minute_over=minute_over)

    for number, post in enumerate(interleaved(seed, chance), start=1):
        truth.learn(post)
        late.take(post)
        if not number % AUDITED:
            assert not off(), f"after {number} beacons"
    for leap in (SILENCE + 60, MINUTE):
        for each in (truth, late):
            each.wait(leap)
    assert not off(minute_over=True)
    expected = model.contents(model.model_points(truth.pipeline))
    found = model.contents(model.model_points(late.pipeline))
    assert (expected - found, found - expected) == ({}, {})


def test_every_event_that_may_be_told_is_told() -> None:
    chance, reader = random.Random(0), model.Reader()  # noqa: S311 - a seed, not a secret
    told = {
        type(event) for post in interleaved(3, chance) for event in reader.entry(post, 1.8e9).events
    }
    assert [event_type(each) for each in model.TYPES if each not in told] == []

"""A crash at any moment: the state after it equals the state without it, to the last bit.

To the last bit, because a sum of seconds that comes back smaller by one rounding is a counter that
was reset, and Prometheus would count all of it again.
"""

import random
from itertools import islice
from pathlib import Path

import pytest

from exporter.events.upload.told import ChunkReceived, Started
from exporter.pipeline import Pipeline
from exporter.record import Entry
from exporter.sinks.influx import line
from tests.durability import model
from tests.durability.traffic import Stories

SILENCE, SETTLE = 40.0, 5.0


def traffic(seed: int) -> list[Entry]:
    """Shuffled stories with ticks in between; some uploads end by silence, some come back."""
    chance = random.Random(seed)  # noqa: S311 - a seed, not a secret
    posts = [post for story in islice(iter(Stories(seed)), 150) for post in story]
    posts += chance.sample(posts, 20)
    for _ in range(60):
        one, other = chance.randrange(len(posts)), chance.randrange(len(posts))
        posts[one], posts[other] = posts[other], posts[one]
    at, found = 1.8e9, []
    for entry in model.entries(posts):
        at += chance.choice((0.0, 0.1, 0.5, 3.0))
        found.append(Entry(at, entry.events))
        if chance.random() < 0.3:
            found.append(Entry(at))
    return [*found, *(Entry(at + step * 7) for step in range(12))]


def numbers(pipeline: Pipeline) -> dict[tuple[str, tuple[str, ...]], list[float]]:
    return {
        (metric.name, labels): list(cell)
        for metric in pipeline.store.metrics
        for labels, cell in pipeline.store.cells(metric).items()
    }


def remembered(pipeline: Pipeline) -> dict[tuple[str, str], bytes]:
    """Every state, encoded."""
    sessions = pipeline.sessions
    sessions.changed()
    return {
        (lifecycle.name, subject): body
        for lifecycle, bodies in zip(sessions.lifecycles, sessions.asleep, strict=True)
        for subject, body in bodies.items()
    }


@pytest.mark.parametrize("seed", range(5))
def test_the_state_after_a_crash_is_the_state_without_it(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a seed, not a secret
    entries = traffic(seed)
    whole = model.pipeline(SILENCE, SETTLE)
    crashed = model.engine(tmp_path, SILENCE, SETTLE)
    crashed.recover()
    place = 0
    while place < len(entries):
        # Some entries are counted and saved, some are counted and lost with the process.
        until = min(len(entries), place + chance.randrange(1, 40))
        saved = chance.randrange(place, until + 1)
        for position in range(place, until):
            whole.apply(entries[position])
            crashed._apply(entries[position])
            if position + 1 == saved:
                crashed.applied = saved
                crashed._save_early()
            assert numbers(crashed.pipeline) == numbers(whole)
        model.close(crashed)
        crashed = model.engine(tmp_path, SILENCE, SETTLE)
        crashed.recover()
        for position in range(crashed.applied, until):
            crashed._apply(entries[position])
        crashed.applied = place = until
        assert numbers(crashed.pipeline) == numbers(whole)
        assert crashed.pipeline.now == whole.now
        assert len(crashed.pipeline.dedup) == len(whole.dedup)
        assert list(crashed.pipeline.sessions.counts()) == list(whole.sessions.counts())
    crashed._save_early()
    assert remembered(crashed.pipeline) == remembered(whole)
    parcel = crashed._state.next_parcel()
    assert parcel is not None
    assert list(parcel.lines) == [line(point, stamp) for point, stamp in whole.points]
    model.close(crashed)


def test_uploads_given_up_in_one_second_are_given_up_in_the_same_order_after_a_crash(
    tmp_path: Path,
) -> None:
    def sign(upload: str, at: float, second: float) -> Entry:
        chunk = ChunkReceived(upload_id=upload, index=0, ok=True, at=second)
        return Entry(at, (Started(upload_id=upload, at=0.0), chunk))

    told = [
        sign("a", 1.8e9, 0.1),
        sign("b", 1.8e9 + 9.5, 0.7),
        sign("c", 1.8e9 + 9.6, 0.0123),
        sign("a", 1.8e9 + 10, 0.1),
        Entry(1.8e9 + 41),  # a's first bell rings, and is put off: a said something since
    ]
    end = Entry(1.8e9 + 55)
    live = model.pipeline(SILENCE, SETTLE)
    for entry in told:
        live.apply(entry)
    live.apply(end)
    crashed = model.engine(tmp_path, SILENCE, SETTLE)
    for position, entry in enumerate(told, start=1):
        crashed._apply(entry)
        crashed.applied = position
        crashed._save_early()
    model.close(crashed)
    crashed = model.engine(tmp_path, SILENCE, SETTLE)
    crashed.recover()
    crashed._apply(end)
    assert crashed._lines == [line(point, stamp) for point, stamp in live.points]
    assert numbers(crashed.pipeline) == numbers(live)
    model.close(crashed)

"""Where observations add up."""

from typing import NamedTuple

import pytest

from exporter.metric import Closed, Counter, Gauge, Histogram, Level, Unlabelled
from exporter.store import Store


class Colour(Closed):
    RED = "red"
    BLUE = "blue"


class ByColour(NamedTuple):
    colour: Colour


COUNT = Counter("count_total", "Counted.", ByColour)
OTHER = Counter("other_total", "Counted.", Unlabelled)
TIME = Histogram("time_seconds", "Timed.", Unlabelled, (0.5, 1))
NOW = Gauge("now", "Now.", Unlabelled)


@pytest.fixture
def store() -> Store:
    return Store((COUNT, OTHER, TIME, NOW), {})


def test_everything_is_there_at_nothing_before_anything_is_counted(store: Store) -> None:
    assert store.cells(COUNT) == {("red",): [0.0], ("blue",): [0.0]}
    assert store.cells(TIME) == {(): [0.0, 0.0, 0.0, 0.0]}
    assert store.metrics == (COUNT, OTHER, TIME), "a gauge is read, not counted"


def test_a_counter_adds_up(store: Store) -> None:
    store.add([COUNT(ByColour(Colour.RED)), COUNT(ByColour(Colour.RED), 2.5)])
    store.count(OTHER, ())

    assert store.value(COUNT, ("red",)) == 3.5
    assert store.value(COUNT, ("blue",)) == 0
    assert store.value(OTHER) == 1


@pytest.mark.parametrize(
    ("value", "buckets"),
    [
        (0.0, [1, 0, 0]),
        (0.5, [1, 0, 0]),
        (0.500001, [0, 1, 0]),
        (1.0, [0, 1, 0]),
        (1.0001, [0, 0, 1]),
        (1e300, [0, 0, 1]),
    ],
)
def test_a_value_on_a_limit_is_within_it(store: Store, value: float, buckets: list[int]) -> None:
    store.count(TIME, (), value)

    assert store.cells(TIME)[()] == [*buckets, value]


def test_labels_that_are_not_in_the_catalogue_are_an_error_and_no_new_series(store: Store) -> None:
    with pytest.raises(KeyError):
        store.count(COUNT, ("green",))
    with pytest.raises(KeyError):
        store.count(Counter("stranger_total", "Nobody knows it.", Unlabelled), ())

    assert set(store.cells(COUNT)) == {("red",), ("blue",)}


def test_only_what_changed_is_saved_again(store: Store) -> None:
    store.count(OTHER, ())
    assert set(store.changed()) == {"other_total"}
    assert set(store.changed()) == set()
    store.count(TIME, (), 0.1)
    assert set(store.changed()) == {"time_seconds"}


def test_a_cell_that_is_counted_in_directly_is_saved_every_time(store: Store) -> None:
    cell = store.cell(OTHER)
    store.changed()
    cell[0] += 1.0

    assert set(store.changed()) == {"other_total"}
    assert store.value(OTHER) == 1


def test_saved_numbers_come_back_into_the_cells_that_are_already_held(store: Store) -> None:
    store.count(COUNT, ("blue",), 7.0)
    store.count(TIME, (), 0.7)
    saved = store.changed()
    other = Store((COUNT, OTHER, TIME), {})
    cell = other.cell(COUNT, ("blue",))

    assert other.restore(saved) == []
    assert other.cells(TIME) == store.cells(TIME)
    assert cell == [7.0]


def test_what_no_longer_exists_is_named_and_left_out(store: Store) -> None:
    store.count(COUNT, ("blue",))
    store.count(OTHER, ())
    store.count(TIME, (), 0.7)
    saved = store.changed()

    class OnlyRed(Closed):
        RED = "red"

    class ByRed(NamedTuple):
        colour: OnlyRed

    fewer = Counter("count_total", "Counted.", ByRed)
    finer = Histogram("time_seconds", "Timed.", Unlabelled, (0.5, 1, 2))
    other = Store((fewer, finer), {})

    assert sorted(other.restore(saved)) == ["count_total['blue']", "other_total", "time_seconds"]
    assert other.value(fewer, ("red",)) == 0
    assert other.cells(finer) == {(): [0.0] * 5}


def test_numbers_under_other_limits_are_not_taken_for_those_under_these(store: Store) -> None:
    store.count(TIME, (), 0.7)
    moved = Histogram("time_seconds", "Timed.", Unlabelled, (0.5, 2))
    other = Store((moved,), {})

    assert other.restore(store.changed()) == ["time_seconds"]
    assert other.cells(moved) == {(): [0.0] * 4}


LEVEL = Level("level_ratio", "Reported.", ByColour, lasts=60)


def test_of_a_level_the_last_report_counts() -> None:
    store = Store((LEVEL,), {})
    store.add([LEVEL(ByColour(Colour.RED), 0.5)], 100.0)
    store.add([LEVEL(ByColour(Colour.RED), 0.0)], 110.0)

    assert list(store.current(LEVEL, 110.0)) == [(("red",), 0.0)]


def test_a_level_that_nobody_reports_any_more_goes_away() -> None:
    store = Store((LEVEL,), {})
    store.add([LEVEL(ByColour(Colour.RED), 0.5)], 100.0)

    assert list(store.current(LEVEL, 160.0)) == [(("red",), 0.5)]
    assert list(store.current(LEVEL, 160.1)) == []


def test_a_level_survives_a_restart_with_its_time() -> None:
    store, again = Store((LEVEL,), {}), Store((LEVEL,), {})
    store.add([LEVEL(ByColour(Colour.BLUE), 0.0)], 100.0)
    assert again.restore(store.changed()) == []

    assert list(again.current(LEVEL, 160.0)) == [(("blue",), 0.0)]
    assert list(again.current(LEVEL, 161.0)) == []

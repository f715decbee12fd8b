"""What a metric is: a name, a sentence, closed labels, and a number of series that is known."""

from enum import StrEnum
from types import ModuleType
from typing import NamedTuple

import pytest

from exporter.metric import (
    Closed,
    Counter,
    Gauge,
    Histogram,
    Members,
    Route,
    Unlabelled,
    declared,
)


class Colour(Closed):
    RED = "red"
    BLUE = "blue"


class ByColour(NamedTuple):
    colour: Colour


class ByRoute(NamedTuple):
    colour: Colour
    route: Route


class ByText(NamedTuple):
    text: str


MEMBERS: Members = {Route: ("/a", "/b", "other")}
COUNT = Counter("count_total", "Counted.", ByColour)
PLAIN = Counter("plain_total", "Counted.", Unlabelled)
ROUTED = Histogram("time_seconds", "Timed.", ByRoute, (0.5, 1))


def test_a_metric_knows_every_set_of_labels_that_it_can_have() -> None:
    assert COUNT.label_names == ("colour",)
    assert list(COUNT.label_sets({})) == [("red",), ("blue",)]
    assert list(PLAIN.label_sets({})) == [()]
    assert len(list(ROUTED.label_sets(MEMBERS))) == 6


def test_a_metric_knows_the_most_series_that_it_can_have() -> None:
    assert PLAIN.most_series({}) == 1
    assert COUNT.most_series({}) == 2
    # Two buckets, +Inf, sum and count, for two colours on three routes.
    assert ROUTED.most_series(MEMBERS) == 5 * 6
    assert Gauge("now", "Now.", ByColour).most_series({}) == 2


def test_calling_a_metric_makes_an_observation() -> None:
    assert COUNT(ByColour(Colour.RED)) == (COUNT, ("red",), 1.0, None)
    assert COUNT(ByColour(Colour.RED), 3.0, once="fact") == (COUNT, ("red",), 3.0, "fact")
    assert PLAIN() == (PLAIN, (), 1.0, None)
    assert ROUTED(ByRoute(Colour.BLUE, Route("/a")), 0.3)[2] == 0.3


def test_a_label_that_anything_could_stand_in_is_an_error() -> None:
    with pytest.raises(TypeError, match="str is not a closed set"):
        list(Counter("x_total", "X.", ByText).label_sets({}))


def test_a_member_of_a_closed_set_is_found_by_the_string_that_it_is() -> None:
    cells = {("red",): 1}

    assert cells[(Colour.RED,)] == 1
    assert hash(Colour.RED) == hash("red")
    assert issubclass(Closed, StrEnum)


def test_the_metrics_of_a_module_are_all_that_it_declares_in_order() -> None:
    module = ModuleType("some_metrics")
    vars(module).update(FIRST=PLAIN, NOT_ONE=17, SECOND=ROUTED, ByColour=ByColour, THIRD=COUNT)

    assert declared(module) == (PLAIN, ROUTED, COUNT)

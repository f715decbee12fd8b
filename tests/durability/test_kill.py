"""Killed under load, again and again: what was acknowledged counts once, and Prometheus sees it.

The long form is ``python -m tests.durability.kill --kills 50``; docs/promises.md has its figures.
"""

import asyncio

import pytest

from tests.durability import model
from tests.durability.kill import Run, experiment

KILLS = 6


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return asyncio.run(
        experiment(
            tmp_path_factory.mktemp("kill"),
            kills=KILLS,
            longest=1.2,
            seed=20,
            silence=1800,
            workers=16,
            pause=0.03,
        )
    )


def test_the_run_was_worth_its_name(run: Run) -> None:
    figures = run.figures
    assert figures.kills >= KILLS
    assert figures.records_replayed > 0
    assert figures.unanswered_requests > figures.kills
    assert figures.repeated_beacons > 10
    assert figures.acknowledged_events > 500
    assert figures.scrapes_that_failed > 0


def test_every_acknowledged_event_is_counted_exactly_once(run: Run) -> None:
    assert run.figures.difference_of_events == 0


def test_every_counter_equals_the_truth_for_each_of_its_labels(run: Run) -> None:
    assert run.differences == {}
    nonzero = [key for key, value in model.comparable(run.page).items() if value]
    assert len(nonzero) > 500


def test_what_was_received_is_what_became_of_it(run: Run) -> None:
    assert model.conserved(run.page)
    received = run.page["exporter_events_received_total", frozenset()]
    assert run.answered_events <= received <= run.sent_events


def test_the_uploads_that_go_on_are_those_that_nobody_ended(run: Run) -> None:
    assert run.figures.uploads_open == run.figures.uploads_open_expected > 0


def test_every_point_is_delivered_and_none_is_there_twice(run: Run) -> None:
    figures = run.figures
    assert figures.points_expected > 100
    assert (figures.points_missing, figures.points_too_many) == (0, 0)
    assert figures.samples_in_victoria_metrics > figures.points_expected
    assert (figures.samples_missing, figures.samples_too_many) == (0, 0)


def test_prometheus_sees_no_reset_and_the_whole_increase(run: Run) -> None:
    assert run.resets == []
    assert run.figures.largest_error_of_increase < 0.001

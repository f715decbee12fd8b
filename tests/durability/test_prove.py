"""Every fault at least once under load, with an audit after each, in its short form.

The long form is ``make prove``; docs/promises.md has its figures.
"""

import asyncio

import pytest

from tests.durability.faults import DAY, FAULTS
from tests.durability.processes import conserved
from tests.durability.prove import Plan, Proof, Run

PLAN = Plan(seed=20, kills=2, events=500, longest=0.5, workers=12, patience=12.0)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return asyncio.run(Proof(tmp_path_factory.mktemp("prove"), PLAN).run())


def test_the_run_was_worth_its_name(run: Run) -> None:
    figures = run.figures
    assert set(figures.faults) == FAULTS
    assert figures.audits == sum(figures.faults.values())
    assert figures.audits_of_every_label > 10
    assert figures.kills >= PLAN.kills
    assert figures.records_replayed > 0
    assert figures.unanswered_requests > figures.kills
    assert figures.answers_503 > 0
    assert figures.times_full >= 2
    assert figures.clock_steps >= 4
    assert figures.repeated_beacons > 10
    assert figures.acknowledged_events > 500
    assert figures.scrapes_that_failed > 0


def test_every_acknowledged_event_is_counted_exactly_once(run: Run) -> None:
    assert run.figures.difference_of_events == 0


def test_every_counter_equalled_the_truth_for_each_of_its_labels(run: Run) -> None:
    """An audit that finds a difference ends the run."""
    assert run.figures.series_compared > 2000
    assert run.figures.series_not_zero > 1200


def test_what_was_received_is_what_became_of_it(run: Run) -> None:
    conserved(run.page)
    received = run.page["exporter_events_received_total", frozenset()]
    assert run.answered_events <= received <= run.sent_events


def test_a_leap_of_the_clock_gives_up_those_who_are_still_there_once(run: Run) -> None:
    figures = run.figures
    assert figures.given_up_at_the_end == figures.given_up_expected
    assert min(figures.given_up_expected.values()) > 0


def test_who_is_silent_is_given_up_at_the_end_of_the_patience_whatever_the_wall_clock_does(
    run: Run,
) -> None:
    first, last = run.figures.given_up_after_seconds
    assert PLAN.patience <= first
    # The days by which the clock was stepped are not in it; a busy machine may be.
    assert last < PLAN.patience + 60 < DAY


def test_every_point_is_delivered_or_set_aside_and_none_is_there_twice(run: Run) -> None:
    figures = run.figures
    assert figures.points_expected > 100
    assert (figures.points_missing, figures.points_too_many) == (0, 0)
    assert figures.samples_in_victoria_metrics > figures.points_expected
    assert (figures.samples_missing, figures.samples_too_many) == (0, 0)


def test_prometheus_sees_no_reset_and_the_whole_increase(run: Run) -> None:
    assert run.resets == []
    assert run.figures.largest_error_of_increase < 0.001


def test_no_promise_is_broken(run: Run) -> None:
    assert run.figures.broken == []

"""Traffic with a known truth: what Prometheus says of it, sample by sample and KPI by KPI.

Thousands of uploads of every kind are sent to a real exporter, which a real Prometheus with the
project's rules watches; tests/truth knows what happened, and nothing of the exporter's code.

Counters are compared exactly. What rules make of them goes through `increase()`, which guesses what
happened between the last scrape and now. All counters are scraped at the same moments and begin at
0, so the guess is the same factor for all of them: ratios, means and quantiles do not change by it,
and counts are too high by at most what fits between two scrapes.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import TypeVar

import pytest

from tests.truth import run as runs
from tests.truth.expected import BUCKETS, KPIS, differences, kpis, ledger, segments
from tests.truth.facts import ABANDONED, COMPLETED, FAILED, Span
from tests.truth.run import DAY_BEFORE, Run
from tests.truth.sending import REPEATED

Name = TypeVar("Name")

WINDOWS = ("5m", "1h", "1d")
INCREASE = "upload_duration_increase_ratio"
OF_UPLOADS = ("video_upload_", "video_api_", "video_storage_", "video_generic_")
OF_UPLOAD_SERVERS = (
    "video_upload_cancelled_",
    "video_upload_interruption_",
    "video_upload_rewinds_",
)
"""What only tusd tells; tests/clients/test_tusd.py has the truth of those."""
OURS = {*KPIS, INCREASE}
"""Calls of the API and ratings make KPIs of the platform as well; tests/test_truth_domains.py."""
NOT_REPORTED = {
    "upload_abandonment_ratio",
    "upload_preview_p95_seconds",
    "upload_recovery_ratio",
    "upload_satisfaction_score",
    "upload_cpu_increase_ratio",
    "upload_memory_increase_bytes",
    "api_error_ratio",
    "storage_efficiency_ratio",
    "storage_available",
}
"""What a performance report says nothing of."""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    return runs.both(tmp_path_factory.mktemp("truth"))


@pytest.fixture(scope="module")
def run(both: tuple[Run, Run]) -> Run:
    """Uploads of every kind, and everything else that is sent."""
    return both[0]


@pytest.fixture(scope="module")
def reports(both: tuple[Run, Run]) -> Run:
    """Nothing but reports that name no upload."""
    return both[1]


@pytest.fixture(params=["run", "reports"])
def each(request: pytest.FixtureRequest) -> Run:
    """The one run, and the other."""
    found: Run = request.getfixturevalue(request.param)
    return found


def wrong(found: Mapping[Name, float], truth: Mapping[Name, Span]) -> list[str]:
    """What is not as it should be, what is missing, and what should not be there."""
    off = (
        f"{name} is {found[name]}, should be between {low} and {high}"
        for name, (low, high) in truth.items()
        if name in found and not low - 1e-9 <= found[name] <= high + 1e-9
    )
    missing = (f"{name} is missing" for name in truth.keys() - found)
    beside = (f"{name} should not be there" for name in found.keys() - truth)
    return sorted((*off, *missing, *beside))


def guessed(run: Run, events: float) -> Span:
    """What `increase()` may make of a count: up to two more scrapes, if one was missed."""
    return Span(events, events * (1 + 2 / run.seconds))


# -- The traffic -----------------------------------------------------------------------------------


def test_the_run_was_worth_its_name(run: Run) -> None:
    facts = run.facts
    outcomes = Counter(upload.outcome for upload in facts.uploads)
    assert outcomes[COMPLETED] > 2500
    assert outcomes[FAILED] > 200
    assert outcomes[ABANDONED] > 100
    assert len(facts.reports) > 1000
    assert run.repeats / run.messages == pytest.approx(REPEATED, abs=0.01)
    assert facts.duplicate > run.repeats
    assert facts.limited > 50
    assert len(facts.rejected) >= 8
    assert sum(upload.recovered_late for upload in facts.uploads) >= 80
    assert sum(upload.hinted for upload in facts.uploads) > 50
    assert sum(upload.clamped for upload in facts.uploads) > 100
    assert sum(upload.size is None for upload in facts.uploads) > 100
    unsure = [u for u in facts.uploads if u.duration and u.duration.low < u.duration.high]
    assert len(unsure) > 50, "nobody's duration was told by the arrival alone"


def test_no_metric_of_uploads_and_no_bucket_is_left_out(run: Run) -> None:
    page = [key for key in run.page if not key[0].startswith(OF_UPLOAD_SERVERS)]
    families = {name for name, _ in page if name.startswith(OF_UPLOADS)}
    told = {name for name, _ in ledger(run.facts).samples() if name.startswith("video_")}
    assert families == told
    limits: defaultdict[str, set[float]] = defaultdict(set)
    for name, labels in page:
        if name.startswith(OF_UPLOADS) and name.endswith("_bucket"):
            limits[name.removesuffix("_bucket")].add(float(dict(labels)["le"]))
    assert limits == {name: {*found, math.inf} for name, found in BUCKETS.items()}


# -- Counters --------------------------------------------------------------------------------------


def test_every_sample_is_exactly_what_happened(each: Run) -> None:
    expected = ledger(each.facts).samples()
    assert differences(each.page, expected) == []


def test_one_event_too_many_would_be_noticed(run: Run) -> None:
    expected = ledger(run.facts).samples()
    for key, value in run.page.items():
        name, _ = key
        if not name.endswith(("_sum", "_bucket")):
            assert differences({**run.page, key: value + 1}, expected), key


def test_what_was_received_is_what_became_of_it_at_every_scrape(each: Run) -> None:
    at_once: defaultdict[float, Counter[str]] = defaultdict(Counter)
    for (name, _), values in each.history.items():
        if name.startswith("exporter_events_"):
            for at, value in values:
                at_once[at][name.removeprefix("exporter_events_").removesuffix("_total")] += int(
                    value
                )
    assert len(at_once) > 10
    for at, counts in at_once.items():
        received = counts.pop("received")
        assert received == counts.total(), (at, received, counts)
    assert max(at_once.items())[1].total() == each.facts.received > 300


def test_no_counter_is_ever_reset(each: Run) -> None:
    for key, values in each.history.items():
        numbers = [value for _, value in values]
        assert numbers == sorted(numbers), key
        assert numbers[0] == 0, f"{key} was first seen at {numbers[0]}"


def test_uploads_went_on_and_none_does_any_more(run: Run) -> None:
    going_on: Counter[float] = Counter()
    for (name, _), values in run.history.items():
        sign = {"video_upload_started_total": 1, "video_upload_ended_total": -1}.get(name, 0)
        for at, value in values:
            going_on[at] += int(sign * value)
    assert max(going_on.values()) > 100
    assert min(going_on.values()) == 0
    assert going_on[max(going_on)] == run.open_uploads == 0


# -- KPIs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("window", WINDOWS)
def test_every_kpi_equals_the_truth(each: Run, window: str) -> None:
    truth = {kpi: known.value for kpi, known in kpis(each.facts, DAY_BEFORE).items()}
    if window == "1d":
        del truth[INCREASE]  # nobody has seen the day before this day
    found = {
        kpi: value
        for (kpi, within), value in each.values.items()
        if within == window and kpi in OURS
    }
    assert wrong(found, truth) == []


@pytest.mark.parametrize("window", WINDOWS)
def test_every_kpi_says_how_many_events_it_is_made_of(each: Run, window: str) -> None:
    known = kpis(each.facts, DAY_BEFORE)
    truth = {kpi: guessed(each, known[kpi].events) for kpi in known.keys() - {INCREASE}}
    found = {
        kpi: events
        for (kpi, within), events in each.events.items()
        if within == window and events and kpi in OURS - {INCREASE}
    }
    assert wrong(found, truth) == []


def test_all_fifteen_kpis_have_a_value(run: Run) -> None:
    assert len({*KPIS, INCREASE}) == 15
    assert {kpi for kpi, _ in run.values} >= OURS


def test_every_segment_of_every_kpi_equals_the_truth(each: Run) -> None:
    truth = {name: known.value for name, known in segments(each.facts).items()}
    found = {name: value for name, value in each.segment_values.items() if name[0] in OURS}
    assert wrong(found, truth) == []


def test_every_segment_says_how_many_events_it_is_made_of(each: Run) -> None:
    truth = {name: guessed(each, known.events) for name, known in segments(each.facts).items()}
    found = {
        name: events for name, events in each.segment_events.items() if events and name[0] in OURS
    }
    assert wrong(found, truth) == []


def test_without_followed_uploads_the_kpis_of_reports_have_values_and_no_others(
    reports: Run,
) -> None:
    assert reports.facts.uploads == []
    assert {kpi for kpi, _ in reports.values} & OURS == OURS - NOT_REPORTED
    told = {(kpi, segment) for kpi, segment, _ in reports.segment_values}
    assert ("upload_duration_p95_seconds", "resolution") not in told
    assert ("upload_success_ratio", "browser") in told

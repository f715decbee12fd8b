"""The other domains, told a known truth: repeated, shuffled and cut off, every KPI equals it.

As in tests/test_truth.py with real engines. What needs weeks that this Prometheus has not seen, or
alerts, is left to tests/rules: ELSEWHERE says which KPIs, and where.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TypeVar

import pytest
import yaml

from tests.durability.processes import ROOT
from tests.truth import run as runs
from tests.truth.domains import generation, platform, playback, web
from tests.truth.domains.told import Told, mean
from tests.truth.expected import KPIS as OF_UPLOADS
from tests.truth.facts import Span
from tests.truth.run import Run

Name = TypeVar("Name")

DOMAINS = {"generation": generation, "platform": platform, "playback": playback, "web": web}
LIFECYCLES = ("generation", "play", "page_view", "web_session")
WINDOWS = ("5m", "1h", "1d")
ELSEWHERE = {
    # tests/test_truth.py writes the day before that it compares with.
    "upload_duration_increase_ratio": "test_truth.py",
    # A day against the 28 before it.
    "revenue_decline_ratio": "rules/generation_week_test.yml",
    # Who came in the last 30 days against the 30 before; the exporter counts them.
    "retention_ratio": "rules/generation_test.yml",
    # How long alerts fire; none of severity high is told to, and each would fire for its own time.
    "incident_mttr_seconds": "rules/platform_incidents_test.yml",
}
"""KPIs that no story tells of, and below tests/ the file that has their truth."""


@pytest.fixture(scope="module")
def truth() -> dict[str, Told]:
    now = round(time.time())
    told = {
        name: domain.told(seed, now)
        for seed, (name, domain) in enumerate(DOMAINS.items(), start=21)
    }
    ratings = [stars for each in told.values() for stars in each.ratings]
    told["platform"].kpis["user_satisfaction_score"] = mean(ratings)
    return told


@pytest.fixture(scope="module")
def run(truth: Mapping[str, Told], tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("domains")
    return asyncio.run(runs.others(folder, list(truth.values()), LIFECYCLES))


def wrong(found: Mapping[Name, float], truth: Mapping[Name, Span]) -> list[str]:
    """What is not as it should be, and what is missing."""
    off = (
        f"{name} is {found[name]}, should be between {low} and {high}"
        for name, (low, high) in truth.items()
        if name in found and not low - 1e-9 <= found[name] <= high + 1e-9
    )
    missing = (f"{name} is missing" for name in truth.keys() - found)
    return sorted((*off, *missing))


def contract() -> set[str]:
    """Every KPI that there is: each has a target."""
    groups = yaml.safe_load((ROOT / "rules" / "thresholds.yml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    return {rule["labels"]["kpi"] for rule in rules if rule["record"] == "kpi:target"}


def test_every_kpi_of_the_contract_is_told_the_truth_of(truth: Mapping[str, Told]) -> None:
    told = {kpi for domain in truth.values() for kpi in domain.kpis}

    assert len(contract()) >= 55
    assert not told & OF_UPLOADS.keys()
    assert sorted(told | OF_UPLOADS.keys()) == sorted(contract() - ELSEWHERE.keys())


@pytest.mark.parametrize(("kpi", "file"), ELSEWHERE.items())
def test_what_is_told_elsewhere_is_told_there(kpi: str, file: str) -> None:
    text = (ROOT / "tests" / file).read_text()
    if file.endswith(".py"):
        assert kpi in text
        return
    tests = [test for each in yaml.safe_load(text)["tests"] for test in each["promql_expr_test"]]
    values = [
        sample["value"]
        for test in tests
        if "kpi:value{" in test["expr"]
        for sample in test["exp_samples"]
        if f'kpi="{kpi}"' in sample["labels"]
    ]
    assert values


def test_nothing_was_refused_and_repeats_were_told_apart(run: Run) -> None:
    assert run.facts.duplicate >= run.repeats > 30
    assert not run.facts.rejected


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("domain", DOMAINS)
def test_every_kpi_equals_the_truth(
    run: Run, truth: Mapping[str, Told], domain: str, window: str
) -> None:
    found = {kpi: value for (kpi, within), value in run.values.items() if within == window}
    assert wrong(found, truth[domain].kpis) == []


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_segment_equals_the_truth(run: Run, truth: Mapping[str, Told], domain: str) -> None:
    assert wrong(run.segment_values, truth[domain].segments) == []

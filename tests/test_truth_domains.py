"""The other domains, told a known truth: repeated, shuffled and cut off, every KPI equals it.

As in tests/test_truth.py with real engines. What the kpis need of a past that this Prometheus has
not seen (a month of revenue, say) is left to tests/rules.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TypeVar

import pytest

from tests.truth import run as runs
from tests.truth.domains import generation, platform, playback, web
from tests.truth.domains.told import Told
from tests.truth.facts import Span
from tests.truth.run import Run

Name = TypeVar("Name")

DOMAINS = {"generation": generation, "platform": platform, "playback": playback, "web": web}
LIFECYCLES = ("generation", "play", "page_view", "web_session")
WINDOWS = ("5m", "1h", "1d")
NEED_PAST = {"generation_cost_mean", "revenue_decline_ratio", "retention_ratio"}
"""KPIs that compare with weeks that this Prometheus has not seen."""


@pytest.fixture(scope="module")
def truth() -> dict[str, Told]:
    now = round(time.time())
    return {
        name: domain.told(seed, now)
        for seed, (name, domain) in enumerate(DOMAINS.items(), start=21)
    }


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

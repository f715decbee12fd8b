"""Nothing is counted in vain: every family of /metrics is drawn, or read by a rule."""

import re
from pathlib import Path

from tests.dashboards.target import CATALOGUE

ROOT = Path(__file__).parents[2]

UNREAD: dict[str, str] = {}
"""Families that no panel and no rule reads, and why they are told all the same."""


def read() -> set[str]:
    """Every word of the rules and of the dashboards that may name a family."""
    files = (*(ROOT / "rules").glob("*.yml"), *(ROOT / "grafana" / "dashboards").glob("*/*.json"))
    text = "\n".join(path.read_text() for path in files)
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\b[a-z_]+\b", text)}


def test_every_family_is_read_by_a_rule_or_a_panel_or_has_a_reason_not_to_be() -> None:
    names = {metric.name for metric in CATALOGUE.metrics}
    assert names - read() == set(UNREAD)


def test_families_of_the_exporter_begin_as_those_that_are_looked_for() -> None:
    names = [metric.name for metric in CATALOGUE.metrics]
    assert all(re.fullmatch("(video|exporter)_[a-z_]+", name) for name in names)

"""Queries that compare with days and weeks, which no Prometheus of a test has seen, answer too.

promtool has: the stories of tests/rules/ go on for as long as it takes.
"""

import re
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from tests.promtool import promtool
from tests.test_dashboards import NEED_HISTORY, asked, everything, filled

ROOT = Path(__file__).parents[2]
RULES = ROOT / "rules"
STORIES = ROOT / "tests" / "rules"


class Story(NamedTuple):
    """A test of rules, and when all of its history is there."""

    file: str
    name: str
    at: str
    more: tuple[str, ...] = ()
    """Series that go up by one at each step."""


MONTH = Story("generation_week_test.yml", "a healthy month and what is unusual in it", "30d20h")
STORY_OF = {
    r'kpi:value\{kpi="upload_duration_increase_ratio", window="5m"': Story(
        "upload_test.yml", "a healthy hour and then a bad one", "55m"
    ),
    r'kpi:value\{kpi="upload_duration_increase_ratio", window="1h"': Story(
        "upload_week_test.yml", "sixteen days", "10d"
    ),
    r'kpi:(value|score)\{kpi="revenue_decline_ratio"': MONTH,
    # The month has a sample each half hour, so nothing happened in its last five minutes.
    r'kpi:value\{kpi="generation_cost_mean", window="5m"': Story(
        "generation_test.yml",
        "a queue that grows, one that shrinks",
        "26h",
        (
            'video_generation_cost_total{provider="mux", currency="USD"}',
            'video_generation_priced_total{provider="mux", currency="USD"}',
        ),
    ),
    r'kpi:(value|score)\{kpi="generation_cost_mean"': MONTH,
    r"(generation:requests|revenue:amount):predicted": MONTH,
    r"sum\(generation:requests:band": MONTH,
    r"slo:error_budget_remaining:ratio": Story(
        "slo_test.yml", "a healthy hour, a fast burn, a slow burn", "25m"
    ),
    r"sum by \(service\) \(service:disk_used:predicted": Story(
        "platform_disk_test.yml", "three disks that fill", "60m"
    ),
    r"generation:queue:predicted": Story(
        "generation_test.yml", "a queue that grows, one that shrinks", "70m"
    ),
}


def queries() -> dict[str, Story | None]:
    """What the dashboards ask that is excused elsewhere, as they open, and its story."""
    found = {}
    for one in asked("prometheus"):
        expr = one.target["expr"]
        if any(re.match(pattern, expr) for pattern in NEED_HISTORY):
            story = next((STORY_OF[p] for p in STORY_OF if re.match(p, expr)), None)
            found[filled(expr, everything(one.board))] = story
    return found


def test_every_excused_query_has_a_history() -> None:
    assert [expr for expr, story in queries().items() if story is None] == []


@pytest.mark.parametrize("story", sorted(set(STORY_OF.values())), ids=lambda s: f"{s.file} {s.at}")
def test_what_needs_history_answers_where_there_is_one(story: Story, tmp_path: Path) -> None:
    asks = [expr for expr, its in queries().items() if its == story]
    assert asks, "no query is asked of it any more"
    document = yaml.safe_load((STORIES / story.file).read_text())
    (told,) = (test for test in document["tests"] if test["name"] == story.name)
    files = [(STORIES / path).resolve() for path in document["rule_files"]]
    if (scores := RULES / "scoreboard.yml") not in files:
        files.append(scores)
        groups = yaml.safe_load(scores.read_text())["groups"]
        document["group_eval_order"] += [group["name"] for group in groups]
    told = {
        "name": story.name,
        "interval": told["interval"],
        "input_series": [
            *told["input_series"],
            *({"series": each, "values": "0+1x1600"} for each in story.more),
        ],
        "promql_expr_test": [
            {
                "expr": f"count({expr}) > bool 0",
                "eval_time": story.at,
                "exp_samples": [{"labels": "{}", "value": 1}],
            }
            for expr in asks
        ],
    }
    path = tmp_path / "story.yml"
    path.write_text(
        yaml.safe_dump(document | {"rule_files": [str(each) for each in files], "tests": [told]})
    )
    done = promtool("test", "rules", path)

    assert done.returncode == 0, done.stdout + done.stderr

"""The startup score that rules take from buckets is as near to that of every play as they say."""

import random
from bisect import bisect_left
from pathlib import Path

import pytest
import yaml

from exporter.events.playback.metrics import STARTUP_LIMITS
from tests.promtool import promtool

RULES = Path(__file__).parents[1] / "rules" / "playback.yml"


def buckets(times: list[float]) -> dict[str, int]:
    """What a histogram of these times shows, by its bounds."""
    bounds = [*map(float, STARTUP_LIMITS), float("inf")]
    within = [bisect_left(bounds, seconds) for seconds in times]
    names = [*(str(float(bound)) for bound in STARTUP_LIMITS), "+Inf"]
    return {name: sum(one <= place for one in within) for place, name in enumerate(names)}


@pytest.mark.parametrize("spread", [0.3, 1.0, 2.0])
def test_the_startup_score_is_within_its_bound(spread: float, tmp_path: Path) -> None:
    rng = random.Random(7)  # noqa: S311
    times = [rng.lognormvariate(0.3, spread) for _ in range(400)]
    truth = sum(800 / (8 + seconds) for seconds in times) / len(times)
    series = [
        {
            "series": f'video_playback_startup_seconds_bucket{{device="tv", le="{bound}"}}',
            "values": f"0x5 {count}x10",
        }
        for bound, count in buckets(times).items()
    ]
    score, error = 'mux:startup:score{window="1h"}', 'mux:startup_score:error{window="1h"}'
    asked = [
        (f"abs({score} - {truth}) <= bool {error}", 1),
        (f"{error} <= bool 400 / 18", 1),
        (f"abs({score} - {truth}) <= bool 0", 0),
    ]
    file = tmp_path / "score_test.yml"
    test = {
        "interval": "1m",
        "input_series": series,
        "promql_expr_test": [
            {
                "expr": expr,
                "eval_time": "12m",
                "exp_samples": [{"labels": '{window="1h"}', "value": value}],
            }
            for expr, value in asked
        ],
    }
    order = ["playback-hour", "playback-now", "playback-vendors"]
    file.write_text(
        yaml.safe_dump(
            {
                "rule_files": [str(RULES)],
                "evaluation_interval": "1m",
                "group_eval_order": order,
                "tests": [test],
            }
        )
    )
    run = promtool("test", "rules", file)
    assert run.returncode == 0, run.stdout + run.stderr

"""What is said about a KPI wherever it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import yaml

from grafana.build.style import BITS_PER_SECOND, BYTES, COUNT, ROOT, SCORE, SECONDS, SHARE, YES_NO


@dataclass(frozen=True)
class Kpi:
    """A KPI: its id, a title, its question, what good looks like, the dashboard that says more."""

    id: str
    title: str
    question: str
    good: str
    board: str
    empty: str = "no data"
    """What is said while it has no value."""

    @property
    def unit(self) -> str:
        """The unit that the end of the id promises."""
        return UNITS.get(self.id) or UNITS.get(self.id.rpartition("_")[2], YES_NO)

    @property
    def is_share(self) -> bool:
        """Whether 100 % is the most there can be."""
        return self.unit == SHARE and self.id not in {
            "storage_efficiency_ratio",
            "upload_throughput_utilisation_ratio",
            *CHANGES,
        }

    @property
    def least(self) -> float | None:
        """The lower end of an axis; None where what matters happens far above 0, or below it."""
        far_above = self.higher_is_better and (self.is_share or self.unit == SCORE)
        return None if self.id in CHANGES or far_above else 0

    @property
    def most(self) -> float | None:
        """The upper end of an axis; None where what matters happens far below 100 %."""
        return 1 if self.is_share and self.higher_is_better else None

    @property
    def higher_is_better(self) -> bool:
        """What rules/thresholds.yml says of it."""
        return DIRECTIONS[self.id] > 0


UNITS: Final = {
    "ratio": SHARE,
    "seconds": SECONDS,
    "bytes": BYTES,
    "score": SCORE,
    "bps": BITS_PER_SECOND,
    "length": COUNT,
    "generation_cost_mean": SHARE,
}
"""The unit of a KPI by its id or the last word of it; ``available`` is yes or no."""

CHANGES: Final = frozenset(
    {"upload_duration_increase_ratio", "revenue_decline_ratio", "generation_cost_mean"}
)
"""KPIs that compare with the past: neither 0 nor 100 % is an end of them."""


def _directions() -> Mapping[str, float]:
    content = yaml.safe_load((ROOT / "rules" / "thresholds.yml").read_text())
    rules = [rule for group in content["groups"] for rule in group["rules"]]
    return {
        rule["labels"]["kpi"]: float(rule["expr"])
        for rule in rules
        if rule["record"] == "kpi:direction"
    }


DIRECTIONS: Final = _directions()
"""1 where a higher value is better, -1 where a lower one is, by the id of the KPI."""

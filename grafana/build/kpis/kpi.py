"""What is said about a KPI wherever it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from grafana.build.style import BITS_PER_SECOND, BYTES, COUNT, SCORE, SECONDS, SHARE, YES_NO


@dataclass(frozen=True)
class Kpi:
    """A KPI: its id, a title, its question, what good looks like, the dashboard that says more."""

    id: str
    title: str
    question: str
    good: str
    board: str

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
        """The lower end of an axis; None where the KPI is a change, which may be negative."""
        return None if self.id in CHANGES else 0


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

"""The KPIs in words, and the panels that show one: over time, by segment, and now.

Every dashboard says the same about a KPI because it is said here once. Values, targets and
thresholds are series (``kpi:*``); no number of theirs is written in a dashboard.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from grafana.build.style import (
    BYTES,
    SCORE,
    SECONDS,
    SHARE,
    YES_NO,
    Bars,
    Number,
    Prom,
    Series,
)


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
        return UNITS.get(self.id.rpartition("_")[2], YES_NO)

    @property
    def is_share(self) -> bool:
        """Whether 100 % is the most there can be."""
        return self.unit == SHARE and self.id not in {
            "storage_efficiency_ratio",
            "upload_duration_increase_ratio",
            "upload_throughput_utilisation_ratio",
        }


UNITS: Final = {"ratio": SHARE, "seconds": SECONDS, "bytes": BYTES, "score": SCORE}
"""The unit of a KPI by the last word of its id; ``available`` is yes or no."""

KPIS: Final = {
    kpi.id: kpi
    for kpi in (
        Kpi(
            "upload_success_ratio",
            "Upload success",
            "Of the uploads that completed or failed, how many completed?",
            "Above the target line; people who give up are counted apart, as abandonment.",
            "upload-performance",
        ),
        Kpi(
            "upload_duration_p95_seconds",
            "Upload time under 30 MB, p95",
            "How long do 95 of 100 uploads under 30 MB take at most, first byte to completion?",
            "Below the target line, and flat; a rise on one network is that network's.",
            "upload-performance",
        ),
        Kpi(
            "upload_duration_increase_ratio",
            "Upload time against the day before",
            "How much longer do uploads take than in the 24 hours before?",
            "Around zero or below; no data means that there is no day before to compare with.",
            "upload-performance",
        ),
        Kpi(
            "upload_ttfb_p95_seconds",
            "First byte, p95",
            "How soon after its start does the server have the first byte of an upload?",
            "Below the target line; above it the way to the server is slow, not the file large.",
            "upload-performance",
        ),
        Kpi(
            "upload_throughput_utilisation_ratio",
            "Use of the client's line",
            "How much of the bandwidth that the client reported does an upload use?",
            "Above the target line; far below it the service is the bottleneck, not the line.",
            "upload-performance",
        ),
        Kpi(
            "upload_chunk_first_try_ratio",
            "Chunks that arrive at the first try",
            "Of the chunks that arrived, how many needed one attempt?",
            "Above the target line; retries cost time before they cost uploads.",
            "upload-performance",
        ),
        Kpi(
            "upload_abandonment_ratio",
            "Abandonment",
            "Of the uploads that ended, how many were given up?",
            "Below the target line; a jump beside steady success means that waiting is too long.",
            "upload-experience",
        ),
        Kpi(
            "upload_preview_p95_seconds",
            "Time to preview, p95",
            "How long after completion do people see their video?",
            "Below the target line on every device.",
            "upload-experience",
        ),
        Kpi(
            "upload_recovery_ratio",
            "Recovery",
            "Of the uploads that failed a step and tried to go on, how many completed?",
            "Above the target line; below it a retry does not help, so look at the error type.",
            "upload-experience",
        ),
        Kpi(
            "upload_satisfaction_score",
            "Satisfaction",
            "Which rating, 1 to 5, do people give to an upload on average?",
            "Above the target line; few rate, so read the day rather than the hour.",
            "upload-experience",
        ),
        Kpi(
            "upload_cpu_increase_ratio",
            "Client CPU during upload",
            "How much more CPU does an upload take on the client than before it?",
            "Below the target line; a step after a release of the page is that release's.",
            "upload-experience",
        ),
        Kpi(
            "upload_memory_increase_bytes",
            "Client memory during upload, p95",
            "How much does the client's heap grow during an upload?",
            "Below the target line; growth with the file size means that the file is held whole.",
            "upload-experience",
        ),
        Kpi(
            "api_error_ratio",
            "API errors",
            "Of the calls of the API, how many failed or answered 500 or above?",
            "Below the target line on every route.",
            "upload-system",
        ),
        Kpi(
            "storage_efficiency_ratio",
            "Storage efficiency",
            "How many bytes were uploaded for each byte that is stored?",
            "Above the target line; below 100 % storing makes files larger.",
            "upload-system",
        ),
        Kpi(
            "storage_available",
            "Storage available",
            "Did any storage operation or health check succeed?",
            "Yes. No means an outage; no data means that not even the check runs.",
            "upload-system",
        ),
    )
}

SEGMENTS: Final = {
    "age_class": "age",
    "browser": "browser",
    "device": "device",
    "error_type": "error type",
    "network": "network",
    "operation": "operation",
    "region": "region",
    "resolution": "resolution",
    "route": "route",
    "size_class": "size",
}
"""The labels by which a KPI is told apart, in words."""


def _lines(kpi: str) -> list[Prom]:
    """Target and thresholds; one that is switched off (NaN, Inf) is no line."""
    return [
        Prom(f'kpi:target{{kpi="{kpi}"}}', "target", line=True),
        Prom(f'kpi:threshold{{kpi="{kpi}"}} < Inf', "{{severity}}", line=True),
    ]


def over_time(kpi: str, *, span: int = 12) -> Series:
    """A KPI over time with its target and thresholds."""
    about = KPIS[kpi]
    return Series(
        title=about.title,
        question=about.question,
        good=about.good,
        more=about.board,
        unit=about.unit,
        span=span,
        by="window",
        least=None if kpi == "upload_duration_increase_ratio" else 0,
        most=1 if about.is_share else None,
        queries=[
            Prom(f'kpi:value{{kpi="{kpi}", window="1h"}}', "1 h"),
            Prom(f'kpi:value{{kpi="{kpi}", window="5m"}}', "5 min"),
            *_lines(kpi),
        ],
    )


def by_segment(kpi: str, segment: str, *, span: int = 6, chosen: bool = False) -> Series:
    """A KPI over the last hour for each member of a segment, with target and thresholds.

    ``chosen`` where the dashboard has a variable of the segment's name. A threshold that a member
    has of its own is dashed in the member's colour.
    """
    about = KPIS[kpi]
    members = f', member=~"${segment}"' if chosen else ""
    return Series(
        title=f"{about.title} by {SEGMENTS[segment]}",
        question=f"{about.question} One line for each {SEGMENTS[segment]}, last hour.",
        good=f"{about.good} Lines close together: one that leaves the others is the cause.",
        more=about.board,
        unit=about.unit,
        span=span,
        by=segment,
        most=1 if about.is_share else None,
        queries=[
            Prom(
                f'kpi:segment_value{{kpi="{kpi}", window="1h", segment="{segment}"{members}}}',
                "{{member}}",
            ),
            *_lines(kpi),
            Prom(
                f'kpi:threshold_override{{kpi="{kpi}", segment="{segment}"{members}}} < Inf',
                "{{severity}} {{member}}",
                line=True,
            ),
        ],
    )


def now(kpi: str, *, span: int = 6) -> Number:
    """A KPI over the last 5 minutes and the last hour, and its score."""
    about = KPIS[kpi]
    return Number(
        title=about.title,
        question=f"{about.question} The score puts it between target and critical threshold.",
        good="A score of 100 (target met, green); 0 is at or beyond the critical threshold.",
        more=about.board,
        unit=about.unit,
        span=span,
        queries=[
            Prom(f'kpi:value{{kpi="{kpi}", window="5m"}}', "5 min"),
            Prom(f'kpi:value{{kpi="{kpi}", window="1h"}}', "1 h"),
            Prom(f'kpi:score{{kpi="{kpi}"}}', "score"),
        ],
        scored="C",
    )


def worst(kpi: str, *, span: int = 6) -> Bars:
    """The worst member of each segment of a KPI that has events enough to be believed."""
    about = KPIS[kpi]
    return Bars(
        title=f"{about.title}: worst segments",
        question=f"{about.question} The worst member with enough events.",
        good="Close to the whole; a member far from it is where to look first.",
        more=about.board,
        unit=about.unit,
        span=span,
        queries=[Prom(f'kpi:worst_segment{{kpi="{kpi}"}}', "{{segment}} {{member}}")],
    )

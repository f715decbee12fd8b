"""The KPIs of generated videos and the business around them, in words."""

from __future__ import annotations

from typing import Final

from grafana.build.kpis.kpi import Kpi

KPIS: Final = (
    Kpi(
        "generation_success_ratio",
        "Generation success",
        "Of the generations that succeeded or failed, how many succeeded?",
        "Above the target line for every provider; people who cancel are counted apart.",
        "generation-overview",
    ),
    Kpi(
        "generation_duration_mean_seconds",
        "Generation time",
        "How long does it take on average from the request to the finished video?",
        "Below the target line; a rise with a long queue is ours, without one the provider's.",
        "generation-overview",
    ),
    Kpi(
        "generation_quality_score",
        "Quality",
        "Which quality, 0 to 10, do delivered videos have on average?",
        "Above the target line for every provider.",
        "generation-overview",
    ),
    Kpi(
        "generation_satisfaction_score",
        "Satisfaction with generated videos",
        "Which rating, 1 to 5, do people give to a generated video on average?",
        "Above the target line; few rate, so read the day rather than the hour.",
        "generation-overview",
    ),
    Kpi(
        "generation_recovery_ratio",
        "Generation recovery",
        "Of the generations that failed at least once, how many were delivered all the same?",
        "Above the target line; below it a second attempt does not help.",
        "generation-overview",
    ),
    Kpi(
        "generation_queue_length",
        "Generation queue",
        "How many generations wait now?",
        "Below the target line, and not growing; growth beside steady requests is a slow provider.",
        "generation-overview",
    ),
    Kpi(
        "generation_cost_mean",
        "Cost of a video against its 30-day mean",
        "What does a delivered video cost, as a share of its own mean of 30 days?",
        "At the target line or below; 100 % is as usual.",
        "generation-business",
        "nothing to compare with yet",
    ),
    Kpi(
        "premium_conversion_ratio",
        "Premium conversion",
        "Of the premium offers that were shown, how many were bought?",
        "Above the target line.",
        "generation-business",
    ),
    Kpi(
        "revenue_decline_ratio",
        "Revenue against the four weeks before",
        "How far is the revenue of the last day from the mean day of the 28 before?",
        "Around zero or above; no data means that there are no four weeks to compare with.",
        "generation-business",
        "nothing to compare with yet",
    ),
    Kpi(
        "retention_ratio",
        "Retention",
        "Of the people active 30 to 60 days ago, how many were active in the last 30 days?",
        "Above the target line; it moves over weeks, never over hours.",
        "generation-business",
        "nothing to compare with yet",
    ),
)

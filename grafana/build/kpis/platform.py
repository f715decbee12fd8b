"""The KPIs of the platform as a whole, in words."""

from __future__ import annotations

from typing import Final

from grafana.build.kpis.kpi import Kpi

KPIS: Final = (
    Kpi(
        "response_time_mean_seconds",
        "API response time",
        "How long does a call of the API take on average?",
        "Below the target line on every route.",
        "platform-performance",
    ),
    Kpi(
        "response_time_p95_seconds",
        "API response time of fast routes, p95",
        "How long do 95 of 100 calls of the fast routes take at most?",
        "Below the target line; which routes are fast stands in rules/thresholds.yml.",
        "platform-performance",
    ),
    Kpi(
        "error_ratio",
        "Errors of every kind",
        "Of all actions (logins, content, app, system), how many failed?",
        "Below the target line in every phase.",
        "platform-errors",
    ),
    Kpi(
        "memory_used_ratio",
        "Memory in use",
        "How much of its memory does the fullest service use?",
        "Below the target line, and not growing day after day.",
        "platform-system",
    ),
    Kpi(
        "cpu_used_ratio",
        "CPU in use",
        "How much of its CPU does the busiest service use?",
        "Below the target line outside of short peaks.",
        "platform-system",
    ),
    Kpi(
        "disk_used_ratio",
        "Disk in use",
        "How much of its disk does the fullest service use?",
        "Below the target line; a straight rise says when it will be full.",
        "platform-system",
    ),
    Kpi(
        "cache_hit_ratio",
        "Cache hits",
        "Of the look-ups in caches, how many found something?",
        "Above the target line; a drop shows in response times next.",
        "platform-performance",
    ),
    Kpi(
        "login_failure_ratio",
        "Failed logins",
        "Of the logins that were tried, how many failed?",
        "Below the target line; a jump is an outage of the login, or somebody who guesses.",
        "platform-errors",
    ),
    Kpi(
        "pwa_install_ratio",
        "App installations",
        "Of the people who were offered to install the app, how many did?",
        "Above the target line.",
        "platform-performance",
    ),
    Kpi(
        "incident_mttr_seconds",
        "Time to resolve",
        "How long does an alert of severity high or above fire on average, in 7 days?",
        "Below the target line; no data means that there was no incident.",
        "incidents",
    ),
    Kpi(
        "user_satisfaction_score",
        "Satisfaction of everybody",
        "Which rating, 1 to 5, do people give to anything on average?",
        "Above the target line in every domain.",
        "platform-overview",
    ),
)

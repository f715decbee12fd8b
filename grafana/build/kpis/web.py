"""The KPIs of pages and their visitors, in words."""

from __future__ import annotations

from typing import Final

from grafana.build.kpis.kpi import Kpi


def _vital(name: str, title: str, limit: str, cause: str) -> Kpi:
    return Kpi(
        f"web_{name}_good_ratio",
        f"{title}: good page views",
        f"Of the page views with a value, in how many is the last {title} good ({limit})?",
        f"Above the target line on every page and device; {cause}",
        "web-vitals",
    )


KPIS: Final = (
    _vital("lcp", "LCP", "2.5 s or less", "poor values are slow servers, images or fonts."),
    _vital("inp", "INP", "200 ms or less", "poor values are long tasks of scripts."),
    _vital("cls", "CLS", "0.1 or less", "poor values are images and banners without a size."),
    _vital("fcp", "FCP", "1.8 s or less", "poor values are what blocks the first paint."),
    _vital("ttfb", "TTFB", "0.8 s or less", "poor values are the server and the way to it."),
    Kpi(
        "web_load_p95_seconds",
        "Load time, p95",
        "How long do 95 of 100 navigations take at most until the page is loaded?",
        "Below the target line on every page.",
        "web-vitals",
    ),
    Kpi(
        "web_error_ratio",
        "Page views with an error",
        "Of the page views, how many met at least one error?",
        "Below the target line; a step after a release is that release's.",
        "web-errors",
    ),
    Kpi(
        "web_request_failure_ratio",
        "Requests that failed or were slow",
        "Of the requests that pages report, how many failed or took over 5 s?",
        "Below the target line.",
        "web-errors",
    ),
    Kpi(
        "web_bounce_ratio",
        "Bounces",
        "Of the sessions, how many had one page view and no action?",
        "Below the target line on every device.",
        "web-usage",
    ),
    Kpi(
        "web_session_mean_seconds",
        "Length of a session",
        "How long is a session on average, first sign to last?",
        "Above the target line.",
        "web-usage",
    ),
    Kpi(
        "web_engagement_score",
        "Engagement of visitors",
        "How engaged are sessions on average: min(minutes, 10) + min(2 x interactions, 20)?",
        "Above the target line.",
        "web-usage",
    ),
    Kpi(
        "service_availability_ratio",
        "Service availability",
        "Of the health checks that were run, how many were healthy?",
        "Above the target line for every service.",
        "platform-system",
    ),
)

"""Web: how fast pages are, as people feel it."""

from __future__ import annotations

from typing import Final

from grafana.build import kpis
from grafana.build.style import (
    CLIENT,
    PER_MINUTE,
    SCORE,
    SECONDS,
    Bars,
    Board,
    Column,
    Panel,
    Prom,
    Row,
    Series,
    Spread,
    by_client,
    firing,
)


def _ratings(vital: str, title: str) -> Series:
    return Series(
        title=f"{title} of page views per minute",
        question=f"How many page views each minute have a {title} that is good, or is not?",
        good="Nearly all good.",
        unit=PER_MINUTE,
        span=6,
        by="rating",
        stacked=True,
        queries=[
            Prom(
                "sum by (rating) (rate(video_web_vitals_total"
                f'{{vital="{vital}", device=~"$device"}}[$__rate_interval])) * 60',
                "{{rating}}",
            )
        ],
    )


def _quantile(vital: str, title: str, family: str, unit: str) -> Series:
    return Series(
        title=f"{title}, p75",
        question=f"Which {title} do three of four page views stay within?",
        good="Below the green line, up to which it is good; above the red one it is poor. It is"
        " where Google's reports look as well.",
        unit=unit,
        span=6,
        by="rating",
        queries=[
            Prom(
                f"histogram_quantile(0.75, sum by (le) (rate({family}_bucket[1h])))",
                vital,
            ),
            *(
                Prom(f'web:vital_limit{{vital="{vital}", rating="{rating}"}}', rating, line=True)
                for rating in ("good", "poor")
            ),
        ],
    )


def _vital(vital: str, title: str, family: str, unit: str = SECONDS) -> list[Panel]:
    kpi = f"web_{vital}_good_ratio"
    return [
        kpis.over_time(kpi, span=12),
        _quantile(vital, title, family, unit),
        _ratings(vital, title),
        kpis.by_segment(kpi, "route", span=12),
        kpis.by_segment(kpi, "device", span=12, chosen=True),
    ]


BOARD: Final = Board(
    uid="web-vitals",
    title="Web: vitals",
    question="Do pages appear soon, stay still and answer at once? If not: which, and where?",
    folder="web",
    runbook="web",
    variables=CLIENT,
    rows=[
        Row(
            "Are pages fast now?",
            [
                *(
                    kpis.now(f"web_{vital}_good_ratio", span=4)
                    for vital in ("lcp", "inp", "cls", "fcp", "ttfb")
                ),
                kpis.now("web_load_p95_seconds", span=4),
                firing("web", span=24, height=5),
            ],
        ),
        Row(
            "Does the main content appear soon (LCP)?",
            _vital("lcp", "LCP", "video_web_lcp_seconds"),
        ),
        Row(
            "Does the page answer at once (INP)?",
            [
                *_vital("inp", "INP", "video_web_inp_seconds"),
                Series(
                    title="Long tasks per minute",
                    question="How many tasks hold the main thread for 50 ms or more?",
                    good="Few; they are what makes INP poor.",
                    unit=PER_MINUTE,
                    span=12,
                    queries=[
                        Prom(
                            "sum(rate(video_web_long_task_seconds_count[$__rate_interval])) * 60",
                            "long tasks",
                        )
                    ],
                ),
                Spread(
                    title="Length of long tasks",
                    question="How long do long tasks hold the main thread?",
                    good="One band at the bottom.",
                    unit=SECONDS,
                    span=12,
                    queries=[
                        Prom(
                            "sum by (le) (increase(video_web_long_task_seconds_bucket"
                            "[$__rate_interval]))",
                            "{{le}}",
                        )
                    ],
                ),
            ],
        ),
        Row(
            "Does the layout stay still (CLS)?",
            _vital("cls", "CLS", "video_web_cls_score", SCORE),
        ),
        Row(
            "Does anything appear soon (FCP)?",
            _vital("fcp", "FCP", "video_web_fcp_seconds"),
        ),
        Row(
            "Does the server answer soon (TTFB)?",
            _vital("ttfb", "TTFB", "video_web_ttfb_seconds"),
        ),
        Row(
            "Where does a page's time go?",
            [
                kpis.over_time("web_load_p95_seconds"),
                Series(
                    title="Parts of a navigation, mean",
                    question="How long does each part of a navigation take on average?",
                    good="Every part small; the one that grew is the cause.",
                    unit=SECONDS,
                    span=12,
                    by="web phase",
                    queries=[
                        Prom(
                            "sum by (phase) (rate(video_web_navigation_seconds_sum"
                            "[$__rate_interval])) / (sum by (phase) (rate("
                            "video_web_navigation_seconds_count[$__rate_interval])) > 0)",
                            "{{phase}}",
                        )
                    ],
                ),
                kpis.by_segment("web_load_p95_seconds", "route", span=8),
                kpis.by_segment("web_load_p95_seconds", "device", span=8, chosen=True),
                Bars(
                    title="Resources by load time",
                    question="How many resources of the chosen time took so long, or up to the"
                    " bar above?",
                    good="Nearly all within half a second.",
                    unit="short",
                    buckets=True,
                    queries=[
                        Prom(
                            'sum by (le) (increase(video_web_resource_seconds_bucket{le!="+Inf"}'
                            "[$__range]))",
                            "{{le}} s",
                        )
                    ],
                ),
            ],
        ),
        Row(
            "Whose pages are slow?",
            [
                by_client(
                    "page_view",
                    {
                        'count("errors") AS "page views",'
                        ' percentile("lcp_seconds", 75) AS "p75 LCP",'
                        ' percentile("inp_seconds", 75) AS "p75 INP",'
                        ' percentile("cls", 75) AS "p75 CLS",'
                        ' percentile("fcp_seconds", 75) AS "p75 FCP",'
                        ' percentile("ttfb_seconds", 75) AS "p75 TTFB",'
                        ' percentile("load_seconds", 95) AS "p95 load"': "",
                    },
                    title="Vitals by kind of client",
                    question="Which vitals do three of four page views of each kind of client stay"
                    " within, and which load time do 95 of 100?",
                    good="Rows alike; one that stands out in a column is a browser's or a"
                    " network's. Few page views say little.",
                    columns=[
                        Column("page views", "page views", width=120),
                        *(
                            Column(f"p75 {vital}", f"p75 {vital}", unit=unit, width=130)
                            for vital, unit in (
                                ("LCP", SECONDS),
                                ("INP", SECONDS),
                                ("CLS", SCORE),
                                ("FCP", SECONDS),
                                ("TTFB", SECONDS),
                            )
                        ),
                        Column("p95 load", "p95 load", unit=SECONDS),
                    ],
                ),
            ],
        ),
        Row(
            "And what pages measure themselves?",
            [
                Series(
                    title="Times under names of their own, p95",
                    question="How long does what pages measure take for 95 of 100? The names are"
                    " those of EXPORTER_FARO__MEASUREMENTS.",
                    good="Level; a step is a release.",
                    unit=SECONDS,
                    span=12,
                    by="measurement",
                    queries=[
                        Prom(
                            "histogram_quantile(0.95, sum by (le, measurement) (rate("
                            "video_web_measured_seconds_bucket[$__rate_interval]))) >= 0",
                            "{{measurement}}",
                        )
                    ],
                ),
                Series(
                    title="Measurements per minute",
                    question="How often do pages measure something under a name of their own?",
                    good="Follows the page views; other are names that the settings do not list.",
                    unit=PER_MINUTE,
                    span=12,
                    by="measurement",
                    stacked=True,
                    queries=[
                        Prom(
                            "sum by (measurement) (rate(video_web_measured_seconds_count"
                            "[$__rate_interval])) * 60",
                            "{{measurement}}",
                        )
                    ],
                ),
            ],
        ),
    ],
)

"""Web: who is there, what they do, and how long they stay."""

from __future__ import annotations

from typing import Final

from grafana.build import kpis
from grafana.build.style import (
    CLIENT,
    COLOURS,
    COUNT,
    PER_MINUTE,
    SCORE,
    SECONDS,
    SHARE,
    Board,
    Column,
    Number,
    Prom,
    Row,
    Series,
    Spread,
    by_client,
)

BOARD: Final = Board(
    uid="web-usage",
    title="Web: visitors",
    question="How many people are there, what do they do, and how long do they stay?",
    folder="web",
    runbook="web",
    variables=CLIENT,
    rows=[
        Row(
            "Who is there?",
            [
                Number(
                    title="People",
                    question="How many different people were here in 5 minutes, a day, 30 days?",
                    good="As many as usual at this hour.",
                    unit=COUNT,
                    span=9,
                    queries=[
                        Prom(f'max(video_web_active_people{{window="{window}"}})', name)
                        for window, name in (("5m", "5 min"), ("1d", "1 day"), ("30d", "30 days"))
                    ],
                ),
                kpis.now("web_bounce_ratio", span=5),
                kpis.now("web_session_mean_seconds", span=5),
                kpis.now("web_engagement_score", span=5),
                Series(
                    title="People of the last 5 minutes",
                    question="How did the number of people go?",
                    good="The usual curve of the day; a cliff is an outage.",
                    unit=COUNT,
                    span=13,
                    queries=[
                        Prom('max(video_web_active_people{window="5m"})', "people"),
                    ],
                ),
                Series(
                    title="Page views per minute",
                    question="Which pages are viewed?",
                    good="The usual mix.",
                    unit=PER_MINUTE,
                    span=11,
                    by="page",
                    stacked=True,
                    queries=[
                        Prom(
                            "sum by (page) (rate(video_web_page_views_total"
                            "[$__rate_interval])) * 60",
                            "{{page}}",
                        )
                    ],
                ),
            ],
        ),
        Row(
            "Do they stay?",
            [
                kpis.over_time("web_bounce_ratio"),
                kpis.by_segment("web_bounce_ratio", "device", span=12, chosen=True),
                kpis.over_time("web_session_mean_seconds"),
                kpis.by_segment("web_session_mean_seconds", "device", span=6, chosen=True),
                Spread(
                    title="Lengths of sessions",
                    question="How are the lengths of sessions spread?",
                    good="A broad band; everything at the bottom means that nobody stays.",
                    unit=SECONDS,
                    span=6,
                    queries=[
                        Prom(
                            "sum by (le) (increase(video_web_session_seconds_bucket"
                            '{device=~"$device"}[$__rate_interval]))',
                            "{{le}}",
                        )
                    ],
                ),
            ],
        ),
        Row(
            "Do some stay longer than others?",
            [
                by_client(
                    "web_session",
                    {
                        'count("seconds") AS "sessions", mean("seconds") AS "mean length",'
                        ' mean("engagement") AS "engagement"': "",
                        'count("seconds") AS "bounced"': "\"bounced\" = 'yes'",
                    },
                    title="Visits by kind of client",
                    question="How many sessions does each kind of client have, how many of them"
                    " bounce, how long and how engaged are they?",
                    good="Longer on large screens, else alike. Sessions know no network.",
                    span=13,
                    # Of the networks of its page views a session keeps none.
                    tags=("device", "browser", "region"),
                    columns=[
                        Column("sessions", "sessions", width=105),
                        Column("bounce share", "bounce share", unit=SHARE, width=115),
                        Column("mean length", "mean length", unit=SECONDS, width=110),
                        Column("engagement", "engagement", unit=SCORE, width=105),
                    ],
                    computed=(("bounce share", "bounced", "sessions"),),
                ),
                by_client(
                    "page_view",
                    {'count("errors") AS "page views", mean("actions") AS "actions each"': ""},
                    title="Page views by kind of client",
                    question="How many page views does each kind of client have, and how many"
                    " actions each?",
                    good="The usual mix; a kind of client that vanishes sees no page at all.",
                    span=11,
                    columns=[
                        Column("page views", "page views", width=115),
                        Column("actions each", "actions each", unit=SCORE, width=120),
                    ],
                ),
            ],
        ),
        Row(
            "What do they do?",
            [
                kpis.over_time("web_engagement_score"),
                kpis.by_segment("web_engagement_score", "device", span=12, chosen=True),
                Series(
                    title="Actions per minute",
                    question="What do people do on pages?",
                    good="The usual mix; errors of the user interface are a thin stripe.",
                    unit=PER_MINUTE,
                    span=10,
                    by="action",
                    stacked=True,
                    queries=[
                        Prom(
                            "sum by (action) (rate(video_web_actions_total"
                            "[$__rate_interval])) * 60",
                            "{{action}}",
                        )
                    ],
                ),
                Series(
                    title="How far pages are scrolled",
                    question="How far down pages, in percent of their length, do people scroll?"
                    " A scroll counts at the last quarter that it has passed.",
                    good="Lines that keep their distances; a gap that widens is where people stop.",
                    unit=PER_MINUTE,
                    span=7,
                    by="milestone",
                    queries=[
                        Prom(
                            f'sum(rate(video_web_scroll_milestones_total{{milestone="{part}"}}'
                            "[$__rate_interval])) * 60",
                            f"{part} %",
                        )
                        for part in COLOURS["milestone"]
                    ],
                ),
                Series(
                    title="Events of the pages' own",
                    question="How many events do pages send whose meaning only they know?",
                    good="Follows the page views; they are counted together, without their names.",
                    unit=PER_MINUTE,
                    span=7,
                    queries=[
                        Prom(
                            "sum(rate(video_web_custom_events_total[$__rate_interval])) * 60",
                            "events",
                        )
                    ],
                ),
            ],
        ),
    ],
)

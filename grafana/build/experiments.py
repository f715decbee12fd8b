"""Experiments: which variant of an A/B test is better."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from grafana.build.style import (
    CLIENT,
    CLIENT_TAGS,
    COUNT,
    SCORE,
    SECONDS,
    SHARE,
    Board,
    Choice,
    Column,
    Influx,
    Listing,
    Row,
    Tag,
    all_of,
    chosen,
)

FILTERED_BY: Final = {
    "page_view": CLIENT_TAGS,
    "web_session": ("device", "browser", "region"),
    "upload": CLIENT_TAGS,
    "play": CLIENT_TAGS,
    "generation": ("provider",),
}
"""The tags of each measurement that have a variable."""


def _of(measurement: str, select: str, where: str = "") -> Influx:
    return Influx(
        select=select,
        measurement=measurement,
        where=all_of(chosen("experiment", *FILTERED_BY[measurement]), where),
        group='"variant"',
    )


def _table(
    title: str,
    question: str,
    queries: Sequence[Influx],
    columns: Sequence[Column],
    computed: Sequence[tuple[str, str, str]] = (),
) -> Listing:
    return Listing(
        title=title,
        question=f"{question} One row for each variant, in the chosen time.",
        good="Variants that differ in what they should change, and in nothing else.",
        unit=COUNT,
        span=24,
        height=5,
        queries=queries,
        columns=[Column("variant", "variant"), *columns],
        computed=computed,
        empty="none of this test in this time",
        sort=("variant", False),
    )


BOARD: Final = Board(
    uid="experiments",
    title="Experiments",
    question="Which variant of an A/B test is better, and in what?",
    folder="platform",
    lately="7d",
    refresh="5m",
    variables=[
        Tag("experiment", "page_view"),
        *CLIENT,
        Choice("provider", "video_generation_ended_total"),
    ],
    rows=[
        Row(
            "Do variants differ in what people see?",
            [
                _table(
                    "Pages",
                    "How fast are pages, and how many meet an error?",
                    [
                        _of(
                            "page_view",
                            'count("errors") AS "page views", mean("lcp_seconds") AS "mean LCP",'
                            ' percentile("lcp_seconds", 75) AS "p75 LCP",'
                            ' mean("load_seconds") AS "mean load"',
                        ),
                        _of("page_view", 'count("errors") AS "erred"', "\"erred\" = 'yes'"),
                    ],
                    [
                        Column("page views", "page views"),
                        Column("share with an error", "share with an error", unit=SHARE),
                        Column("mean LCP", "mean LCP", unit=SECONDS),
                        Column("p75 LCP", "p75 LCP", unit=SECONDS),
                        Column("mean load", "mean load", unit=SECONDS),
                    ],
                    [("share with an error", "erred", "page views")],
                ),
                _table(
                    "Visits",
                    "How long do people stay, and what do they do?",
                    [
                        _of(
                            "web_session",
                            'count("seconds") AS "sessions", mean("seconds") AS "mean length",'
                            ' mean("page_views") AS "page views",'
                            ' mean("engagement") AS "engagement"',
                        ),
                        _of("web_session", 'count("seconds") AS "bounced"', "\"bounced\" = 'yes'"),
                    ],
                    [
                        Column("sessions", "sessions"),
                        Column("bounce share", "bounce share", unit=SHARE),
                        Column("mean length", "mean length", unit=SECONDS),
                        Column("page views", "page views", unit=SCORE),
                        Column("engagement", "engagement", unit=SCORE),
                    ],
                    [("bounce share", "bounced", "sessions")],
                ),
            ],
        ),
        Row(
            "Do they differ in what people get?",
            [
                _table(
                    "Uploads",
                    "How many uploads succeed, and how long do they take?",
                    [
                        _of(
                            "upload",
                            'count("upload_id") AS "uploads",'
                            ' mean("duration_seconds") AS "mean time", mean("rating") AS "rating"',
                        ),
                        _of("upload", 'count("upload_id") AS "ok"', "\"outcome\" = 'completed'"),
                    ],
                    [
                        Column("uploads", "uploads"),
                        Column("completed share", "completed share", unit=SHARE),
                        Column("mean time", "mean time", unit=SECONDS),
                        Column("rating", "mean rating", unit=SCORE),
                    ],
                    [("completed share", "ok", "uploads")],
                ),
                _table(
                    "Plays",
                    "How soon do plays start, how much stands still, how much is seen?",
                    [
                        _of(
                            "play",
                            'count("play_id") AS "plays", mean("startup_seconds") AS "startup",'
                            ' sum("stalled_seconds") AS "stalled",'
                            ' sum("watched_seconds") AS "watched",'
                            ' mean("completion_ratio") AS "mean part seen"',
                        ),
                    ],
                    [
                        Column("plays", "plays"),
                        Column("startup", "mean startup", unit=SECONDS),
                        Column("rebuffering", "rebuffering", unit=SHARE),
                        Column("mean part seen", "mean part seen", unit=SHARE),
                    ],
                    [("rebuffering", "stalled", "watched")],
                ),
                _table(
                    "Generations",
                    "How many generations succeed, how long do they take, how good are they?",
                    [
                        _of(
                            "generation",
                            'count("generation_id") AS "generations",'
                            ' mean("duration_seconds") AS "mean time",'
                            ' mean("quality_score") AS "quality", mean("rating") AS "rating"',
                        ),
                        _of(
                            "generation",
                            'count("generation_id") AS "ok"',
                            "\"outcome\" = 'succeeded'",
                        ),
                    ],
                    [
                        Column("generations", "generations"),
                        Column("succeeded share", "succeeded share", unit=SHARE),
                        Column("mean time", "mean time", unit=SECONDS),
                        Column("quality", "quality", unit=SCORE),
                        Column("rating", "mean rating", unit=SCORE),
                    ],
                    [("succeeded share", "ok", "generations")],
                ),
            ],
        ),
    ],
)

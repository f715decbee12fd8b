"""Playback by content: which videos are watched, how far, and where people leave."""

from __future__ import annotations

from typing import Final

from grafana.build import kpis
from grafana.build.style import (
    CLIENT,
    CLIENT_TAGS,
    COUNT,
    ORANGE,
    PER_MINUTE,
    PURPLE,
    SECONDS,
    SHARE,
    Bars,
    Board,
    Column,
    Influx,
    Listing,
    Number,
    Profile,
    Prom,
    Row,
    Series,
    Tag,
    chosen,
)

CHOSEN: Final = f"\"preview\" = 'no' AND {chosen('video')}"
REAL: Final = f"\"preview\" = 'no' AND {chosen(*CLIENT_TAGS)}"


def _plays(select: str, where: str = "") -> Influx:
    return Influx(
        select=select,
        measurement="play",
        where=f"{REAL} AND {where}" if where else REAL,
        group='"video"',
    )


def _segments(title: str, question: str, good: str, prefix: str, colour: str) -> Profile:
    return Profile(
        title=title,
        question=question,
        good=good,
        unit=COUNT,
        span=24,
        prefix=prefix,
        axis_prefix="s",
        axis="second",
        colour=colour,
        queries=[
            Influx(
                # With what is watched at all, bars of one second stand below each other.
                select=f"sum(/^[{''.join(sorted({prefix, 's'}))}][0-9]+$/)",
                measurement="video_heatmap",
                where=CHOSEN,
                group='"video"',
            )
        ],
    )


BOARD: Final = Board(
    uid="playback-content",
    title="Playback: content",
    question="Which videos are watched, how far, and where do people leave?",
    folder="playback",
    lately="7d",
    refresh="5m",
    runbook="playback",
    variables=[Tag("video", "play"), *CLIENT],
    rows=[
        Row(
            "What is watched, and is it liked?",
            [
                kpis.now("playback_completion_ratio"),
                kpis.now("playback_engagement_ratio"),
                Number(
                    title="Views of the last hour",
                    question="How many plays began in the last hour, previews left out?",
                    good="As many as usual at this hour.",
                    unit=COUNT,
                    span=6,
                    history=True,
                    queries=[
                        Prom('sum(increase(video_playback_views_total{preview="no"}[1h]))', "views")
                    ],
                ),
                Number(
                    title="Watched in the last hour",
                    question="How much was watched in the last hour?",
                    good="As much as usual at this hour.",
                    unit=SECONDS,
                    span=6,
                    history=True,
                    queries=[
                        Prom("sum(increase(video_playback_watched_seconds_total[1h]))", "watched")
                    ],
                ),
                Listing(
                    title="Popular videos",
                    question="Which videos have most views, by how many different viewers, and how"
                    " far are they watched? Previews are left out.",
                    good="The usual ones; many views with few completions is a title that"
                    " promises too much.",
                    unit=COUNT,
                    span=24,
                    height=11,
                    queries=[
                        _plays('count("play_id") AS "views"'),
                        _plays('count(distinct("viewer")) AS "viewers"'),
                        _plays(
                            'sum("watched_seconds") AS "watched",'
                            ' mean("completion_ratio") AS "mean part seen"'
                        ),
                        _plays('count("play_id") AS "high"', "\"completion\" = 'high'"),
                        _plays('count("play_id") AS "medium"', "\"completion\" = 'medium'"),
                        _plays('count("play_id") AS "low"', "\"completion\" = 'low'"),
                    ],
                    columns=[
                        Column("video", "video"),
                        Column("views", "views"),
                        Column("viewers", "viewers"),
                        Column("watched", "watched", unit=SECONDS),
                        Column("mean part seen", "mean part seen", unit=SHARE),
                        Column("high", "over 75 %"),
                        Column("medium", "50 to 75 %"),
                        Column("low", "under 50 %"),
                    ],
                    sort=("views", True),
                    then=("viewers", True),
                ),
            ],
        ),
        Row(
            "How far is it watched?",
            [
                kpis.over_time("playback_completion_ratio"),
                kpis.over_time("playback_engagement_ratio"),
                kpis.by_segment("playback_completion_ratio", "device", chosen=True),
                kpis.by_segment("playback_engagement_ratio", "device", chosen=True),
                Bars(
                    title="Completed plays",
                    question="How many plays of the chosen time reached 90 % of their video?",
                    good="Most of them.",
                    unit=COUNT,
                    span=6,
                    by="completed",
                    queries=[
                        Prom(
                            "sum by (completed) (increase(video_playback_completions_total"
                            '{device=~"$device"}[$__range]))',
                            "{{completed}}",
                        )
                    ],
                ),
                Series(
                    title="Views per minute",
                    question="How many plays begin, of videos and of previews?",
                    good="The usual curve of the day.",
                    unit=PER_MINUTE,
                    span=6,
                    by="preview",
                    stacked=True,
                    queries=[
                        Prom(
                            "sum by (preview) (rate(video_playback_views_total"
                            "[$__rate_interval])) * 60",
                            "preview {{preview}}",
                        )
                    ],
                ),
            ],
        ),
        Row(
            "Where is the chosen video watched, and where do people leave?",
            [
                _segments(
                    "Where it is watched",
                    "How often was each ten seconds of the chosen video watched?",
                    "A gentle slope; a cliff is where people leave.",
                    "s",
                    "#0072B2",
                ),
                _segments(
                    "Where people leave",
                    "How many plays of the chosen video ended in each ten seconds?",
                    "Most in the last ten seconds.",
                    "d",
                    ORANGE,
                ),
                _segments(
                    "What is watched again",
                    "How often was each ten seconds of the chosen video watched again in one play?",
                    "Nothing, or the part that people come for; a hard sentence shows here too.",
                    "r",
                    PURPLE,
                ),
            ],
        ),
    ],
)

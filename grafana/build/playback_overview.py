"""Playback: whether plays start, run and end as they should."""

from __future__ import annotations

from typing import Final

from grafana.build import kpis
from grafana.build.style import (
    BITS_PER_SECOND,
    BYTES_PER_SECOND,
    CLIENT,
    CLIENT_TAGS,
    COUNT,
    PER_MINUTE,
    SCORE,
    SECONDS,
    SHARE,
    Bars,
    Board,
    Choice,
    Column,
    Influx,
    Listing,
    Look,
    Number,
    Prom,
    Row,
    Series,
    Spread,
    by_client,
    chosen,
    firing,
)

VENDORS: Final = {
    "CTA-2066": "cta2066",
    "Conviva": "conviva",
    "Mux": "mux",
    "Bitmovin": "bitmovin",
}


def _by_vendor(**ratios: str) -> Prom:
    """One ratio in the last hour as the named vendors define it, by vendor."""
    names = {prefix: vendor for vendor, prefix in VENDORS.items()}
    told = (
        f'label_replace({prefix}:{ratio}{{window="1h"}}, "vendor", "{names[prefix]}", "", "")'
        for prefix, ratio in ratios.items()
    )
    return Prom(f"max by (vendor) ({' or '.join(told)})", "{{vendor}}")


REBUFFERING: Final = _by_vendor(
    cta2066="stalled_time:ratio",
    conviva="rebuffering:ratio",
    mux="rebuffer:ratio",
    bitmovin="rebuffer:ratio",
)

REPAIRED: Final = (
    'sum by (player, reason) (increase(video_player_repairs_total{player=~"$player"}[$__range]))'
)

CHOSEN: Final = chosen(*CLIENT_TAGS, "player", "cdn")


def _delivered(*, title: str, question: str, good: str, unit: str, select: str, by: str) -> Series:
    """Of plays whose players have measured it; a point is there when its play is over."""
    return Series(
        title=title,
        question=question,
        good=good,
        unit=unit,
        span=12,
        by=by,
        queries=[
            Influx(
                select=select,
                measurement="play",
                where=CHOSEN,
                group=f'time($__interval), "{by}" fill(none)',
                alias=f"$tag_{by}",
            )
        ],
    )


DEFECTS: Final = Look(
    "mappings",
    [
        {
            "type": "value",
            "options": {
                reason: {"text": text}
                for reason, text in {
                    "epoch_ttfb": "time to first byte is a date",
                    "bare_ec": "error code is not a list",
                    "bogus_msd": "startup time is not one",
                    "stall_before_start": "stalls before it starts",
                    "repeated_bsd": "stall is told again",
                    "no_states": "tells no states",
                }.items()
            },
        }
    ],
)
"""In a table: what a player gets wrong, in words."""

BOARD: Final = Board(
    uid="playback-overview",
    title="Playback: quality of experience",
    question="Do videos start soon, play without a stop and in good quality? If not: where?",
    folder="playback",
    runbook="playback",
    variables=[
        *CLIENT,
        Choice("player", "video_playback_ended_total"),
        Choice("cdn", "video_playback_watched_by_cdn_seconds_total"),
    ],
    rows=[
        Row(
            "Is watching fine now?",
            [
                kpis.now("playback_startup_p95_seconds"),
                kpis.now("playback_start_failure_ratio"),
                kpis.now("playback_failure_ratio"),
                kpis.now("playback_rebuffer_ratio"),
                kpis.now("playback_exit_before_start_ratio"),
                kpis.now("playback_bitrate_mean_bps"),
                Number(
                    title="Plays now",
                    question="How many plays go on now?",
                    good="As many as usual at this hour.",
                    unit=COUNT,
                    span=6,
                    history=True,
                    queries=[
                        Prom(
                            'sum(video_playback_attempts_total{player=~"$player"})'
                            ' - sum(video_playback_ended_total{player=~"$player"})',
                            "plays",
                        )
                    ],
                ),
                kpis.now("beacon_loss_ratio"),
            ],
        ),
        Row(
            "What happens, and what fires?",
            [
                Series(
                    title="Plays that end, per minute",
                    question="How many plays end each minute, and how?",
                    good="Mostly finished and left; failures and exits are thin stripes.",
                    unit=PER_MINUTE,
                    span=12,
                    by="playback outcome",
                    stacked=True,
                    queries=[
                        Prom(
                            "sum by (outcome) (rate(video_playback_ended_total"
                            '{player=~"$player"}[$__rate_interval])) * 60',
                            "{{outcome}}",
                        )
                    ],
                ),
                firing("playback"),
            ],
        ),
        Row(
            "Do plays start, and how soon?",
            [
                kpis.over_time("playback_startup_p95_seconds"),
                kpis.over_time("playback_start_failure_ratio"),
                kpis.by_segment("playback_startup_p95_seconds", "device", chosen=True),
                kpis.by_segment("playback_startup_p95_seconds", "network", chosen=True),
                kpis.by_segment("playback_startup_p95_seconds", "player", chosen=True),
                Spread(
                    title="Startup times",
                    question="How are the times from request to first frame spread?",
                    good="One band at the bottom; a second band higher up is a group of its own.",
                    unit=SECONDS,
                    span=6,
                    queries=[
                        Prom(
                            "sum by (le) (increase(video_playback_startup_seconds_bucket"
                            '{device=~"$device"}[$__rate_interval]))',
                            "{{le}}",
                        )
                    ],
                ),
                kpis.by_segment("playback_start_failure_ratio", "player", chosen=True),
                kpis.over_time("playback_exit_before_start_ratio"),
                kpis.by_segment("playback_exit_before_start_ratio", "player", chosen=True),
            ],
        ),
        Row(
            "Do they run without a stop?",
            [
                kpis.over_time("playback_rebuffer_ratio"),
                kpis.over_time("playback_failure_ratio"),
                kpis.by_segment("playback_rebuffer_ratio", "network", chosen=True),
                kpis.by_segment("playback_rebuffer_ratio", "cdn", chosen=True),
                kpis.by_segment("playback_rebuffer_ratio", "player", chosen=True),
                kpis.by_segment("playback_failure_ratio", "player", chosen=True),
                Series(
                    title="Stalls per minute",
                    question="How many stalls begin each minute, in which player?",
                    good="Few; one player alone is its release, all together are the network.",
                    unit=PER_MINUTE,
                    by="player",
                    queries=[
                        Prom(
                            "sum by (player) (rate(video_playback_stalls_total"
                            '{player=~"$player"}[$__rate_interval])) * 60',
                            "{{player}}",
                        )
                    ],
                ),
                Bars(
                    title="How long stalls take",
                    question="How many stalls of the chosen time took how long?",
                    good="Most below a second or two.",
                    unit=COUNT,
                    buckets=True,
                    queries=[
                        Prom(
                            'sum by (le) (increase(video_playback_stall_seconds_bucket{le!="+Inf"}'
                            "[$__range]))",
                            "{{le}} s",
                        )
                    ],
                ),
                Series(
                    title="Errors per minute",
                    question="Which errors do plays meet?",
                    good="Few of any kind; a new colour is a new problem.",
                    unit=PER_MINUTE,
                    by="playback error_type",
                    stacked=True,
                    queries=[
                        Prom(
                            "sum by (error_type) (rate(video_playback_errors_total"
                            "[$__rate_interval])) * 60",
                            "{{error_type}}",
                        )
                    ],
                ),
            ],
        ),
        Row(
            "If they stop: is it the CDN, the network or the player?",
            [
                Listing(
                    title="Delivery by CDN and region",
                    question="How fast do media come, how soon the first byte, and how much is"
                    " ahead, from each CDN to each region? Of the plays of the chosen time whose"
                    " players measure it (CMCD): the median play, and for the first byte the"
                    " slowest twentieth.",
                    good="Rows alike. One CDN slow in every region is that CDN, every CDN slow in"
                    " one region is the network there; fast rows that stand still are the player.",
                    unit=COUNT,
                    span=24,
                    height=8,
                    queries=[
                        Influx(
                            select='count("throughput_bps") AS "plays",'
                            ' sum("stalled_seconds") AS "stalled",'
                            ' sum("watched_seconds") AS "watched",'
                            ' median("throughput_bps") AS "throughput",'
                            ' percentile("ttfb_seconds", 95) AS "p95 first byte",'
                            ' median("buffer_seconds") AS "buffer"',
                            measurement="play",
                            where=f'{CHOSEN} AND "throughput_bps" > 0',
                            group='"cdn", "region"',
                        )
                    ],
                    columns=[
                        Column("cdn", "cdn"),
                        Column("region", "region"),
                        Column("plays", "plays"),
                        Column("rebuffering", "rebuffering", unit=SHARE),
                        Column("throughput", "throughput", unit=BITS_PER_SECOND),
                        Column("p95 first byte", "p95 first byte", unit=SECONDS),
                        Column("buffer", "buffer", unit=SECONDS),
                    ],
                    computed=(("rebuffering", "stalled", "watched"),),
                    sort=("plays", True),
                ),
                _delivered(
                    title="Throughput by CDN, median",
                    question="How fast do media come from each CDN to half of its plays at least?",
                    good="Well above the bitrate that is played, and flat. One line that falls is"
                    " that CDN; all of them together are the network, or us.",
                    unit=BITS_PER_SECOND,
                    select='median("throughput_bps")',
                    by="cdn",
                ),
                _delivered(
                    title="Time to the first byte by CDN, p95",
                    question="How long does the slowest twentieth of the plays of each CDN wait for"
                    " the first byte of their media?",
                    good="Flat. A CDN whose line rises while its throughput stays looks for media"
                    " that it does not have: ask the origin.",
                    unit=SECONDS,
                    select='percentile("ttfb_seconds", 95)',
                    by="cdn",
                ),
                _delivered(
                    title="Throughput by region, median",
                    question="How fast do media come to half of the plays of each region at least?",
                    good="In the order of the regions' networks, and flat; one that falls alone is"
                    " the network there.",
                    unit=BITS_PER_SECOND,
                    select='median("throughput_bps")',
                    by="region",
                ),
                _delivered(
                    title="Buffer by player, median",
                    question="How much is ahead in half of each player's plays at least?",
                    good="Several segments. One player near zero while throughput is fine is its"
                    " configuration or its release.",
                    unit=SECONDS,
                    select='median("buffer_seconds")',
                    by="player",
                ),
            ],
        ),
        Row(
            "In which quality?",
            [
                kpis.over_time("playback_bitrate_mean_bps"),
                kpis.by_segment("playback_bitrate_mean_bps", "network", chosen=True),
                kpis.by_segment("playback_bitrate_mean_bps", "device", chosen=True),
                Series(
                    title="Changes of quality for an hour of watching",
                    question="How often does the rendition change in an hour of watched time?",
                    good="Few and steady; many mean that the player cannot decide.",
                    unit=COUNT,
                    queries=[
                        Prom(
                            "sum(rate(video_playback_quality_changes_total[$__rate_interval]))"
                            " / (sum(rate(video_playback_watched_seconds_total"
                            "[$__rate_interval])) > 0) * 3600",
                            "changes an hour",
                        )
                    ],
                ),
                Series(
                    title="Pauses and seeks per minute",
                    question="How often do people pause and seek?",
                    good="The usual mix; many seeks are people who look for something.",
                    unit=PER_MINUTE,
                    queries=[
                        Prom(
                            "sum(rate(video_playback_pauses_total[$__rate_interval])) * 60",
                            "pauses",
                        ),
                        Prom(
                            "sum(rate(video_playback_seeks_total[$__rate_interval])) * 60",
                            "seeks",
                        ),
                    ],
                ),
                Series(
                    title="Watched time",
                    question="How many hours are watched in an hour?",
                    good="The usual curve of the day.",
                    unit=COUNT,
                    by="player",
                    stacked=True,
                    queries=[
                        Prom(
                            "sum by (player) (rate(video_playback_watched_seconds_total"
                            '{player=~"$player"}[$__rate_interval]))',
                            "{{player}}",
                        )
                    ],
                ),
            ],
        ),
        Row(
            "Whose plays are bad?",
            [
                Series(
                    title="Plays that fail, by device",
                    question="Of the plays that ended on each device in the last hour, how many"
                    " failed, before or after the first frame?",
                    good="Lines close together: one that leaves the others is the cause.",
                    unit=SHARE,
                    height=9,
                    by="device",
                    queries=[
                        Prom(
                            "sum by (device) (increase(video_playback_ended_by_device_total"
                            '{outcome=~"(start_)?failed", device=~"$device"}[1h])) / (sum by'
                            " (device) (increase(video_playback_ended_by_device_total"
                            '{device=~"$device"}[1h])) > 0)',
                            "{{device}}",
                        )
                    ],
                ),
                by_client(
                    "play",
                    {
                        'count("play_id") AS "plays",'
                        ' percentile("startup_seconds", 95) AS "p95 startup",'
                        ' sum("stalled_seconds") AS "stalled", sum("watched_seconds") AS "watched",'
                        ' mean("completion_ratio") AS "mean part seen"': "",
                        'count("play_id") AS "failed"': '"outcome" =~ /^(start_)?failed$/',
                    },
                    title="Plays by kind of client",
                    question="How many plays does each kind of client have, how many of them fail,"
                    " how soon do they start, how much stands still, and how much is seen?",
                    good="Rows alike; one that stands out in a column is a browser's, a network's"
                    " or a region's. Few plays say little.",
                    span=16,
                    others=("player", "cdn"),
                    columns=[
                        Column("plays", "plays", width=75),
                        Column("failed share", "failed share", unit=SHARE, width=105),
                        Column("p95 startup", "p95 startup", unit=SECONDS, width=105),
                        Column("rebuffering", "rebuffering", unit=SHARE, width=105),
                        Column("mean part seen", "mean part seen", unit=SHARE),
                    ],
                    computed=(
                        ("failed share", "failed", "plays"),
                        ("rebuffering", "stalled", "watched"),
                    ),
                ),
            ],
        ),
        Row(
            "What would a vendor's report say?",
            [
                Listing(
                    title="The last hour by each vendor's definition",
                    question="Which figures would the definitions of CTA-2066, Conviva, Mux and"
                    " Bitmovin give for the same plays? docs/playback-ratios.md has them all.",
                    good="Compare a vendor's report with its own row: the same word is not the"
                    " same ratio. A dash is a ratio that the vendor does not have.",
                    unit=SHARE,
                    span=24,
                    height=7,
                    queries=[
                        _by_vendor(
                            conviva="video_start_failure:ratio", bitmovin="startup_failed:ratio"
                        ),
                        _by_vendor(conviva="video_playback_failure:ratio"),
                        _by_vendor(cta2066="playback_failure:ratio", mux="playback_failure:ratio"),
                        _by_vendor(
                            conviva="exit_before_video_start:ratio",
                            mux="exit_before_video_start:ratio",
                        ),
                        REBUFFERING,
                        _by_vendor(
                            cta2066="initial_startup_seconds:mean",
                            bitmovin="video_startup_seconds:mean",
                        ),
                    ],
                    columns=[
                        Column("vendor", "vendor"),
                        Column("Value #A", "start failures"),
                        Column("Value #B", "later failures"),
                        Column("Value #C", "failures"),
                        Column("Value #D", "exits before start"),
                        Column("Value #E", "rebuffering"),
                        Column("Value #F", "mean startup", unit=SECONDS),
                    ],
                    sort=("vendor", False),
                ),
                Series(
                    title="Scores of Mux",
                    question="How does Mux rate success, startup and smoothness, 0 to 100?",
                    good="Near 100. Startup is made of buckets and smoothness of the average"
                    " play, so read them as trends.",
                    unit=SCORE,
                    span=12,
                    by="mux score",
                    least=None,
                    most=100,
                    queries=[
                        Prom(f'mux:{score}:score{{window="1h"}}', score)
                        for score in ("success", "startup", "smoothness")
                    ],
                ),
                Series(
                    title="Rebuffering by each vendor's definition",
                    question="Which share of the watched time stands still, with startup in the"
                    " watched time (CTA-2066, Mux) and without it (Conviva, Bitmovin)?",
                    good="Four lines close together, below our target.",
                    unit=SHARE,
                    span=12,
                    by="vendor",
                    queries=[
                        REBUFFERING,
                        Prom('kpi:target{kpi="playback_rebuffer_ratio"}', "target", line=True),
                    ],
                ),
            ],
        ),
        Row(
            "Can these numbers be trusted?",
            [
                kpis.over_time("beacon_loss_ratio"),
                kpis.by_segment("beacon_loss_ratio", "format"),
                Series(
                    title="Absurd numbers of players, share of events",
                    question="How many numbers of players were absurd and not used?",
                    good="Hardly any; a step is a release of a player.",
                    unit=SHARE,
                    span=6,
                    queries=[
                        Prom(
                            "rate(video_playback_clamped_total[$__rate_interval]) / on ()"
                            ' sum(rate(exporter_events_accepted_total{type=~"playback.+"}'
                            "[$__rate_interval]) > 0)",
                            "absurd",
                        )
                    ],
                ),
                Listing(
                    title="Defects of players that were repaired",
                    question="What did players get wrong, in how many plays of the chosen time, and"
                    " in which share of their plays? The repaired plays count as if their player"
                    " had been right.",
                    good="The known rows, with steady shares; a new row, or a step, is a release"
                    " of a player. docs/clients says which player does what.",
                    unit=COUNT,
                    span=12,
                    empty="none",
                    queries=[
                        Prom(f"{REPAIRED} >= 0.5"),
                        Prom(
                            f"({REPAIRED} >= 0.5) / on (player) group_left () sum by (player)"
                            ' (increase(video_playback_attempts_total{player=~"$player"}'
                            "[$__range]) > 0)"
                        ),
                    ],
                    columns=[
                        Column("player", "player", width=110),
                        Column("reason", "defect", looks=[DEFECTS]),
                        Column("Value #A", "plays", width=90),
                        Column("Value #B", "share of its plays", unit=SHARE, width=150),
                    ],
                    sort=("plays", True),
                ),
                Series(
                    title="Repairs for each play, by player",
                    question="How many repairs does a play of each player need?",
                    good="Level; a step is a release of a player, or of ours.",
                    unit=SCORE,
                    span=6,
                    by="player",
                    queries=[
                        Prom(
                            "sum by (player) (rate(video_player_repairs_total"
                            '{player=~"$player"}[$__rate_interval])) / (sum by (player)'
                            ' (rate(video_playback_attempts_total{player=~"$player"}'
                            "[$__rate_interval])) > 0)",
                            "{{player}}",
                        )
                    ],
                ),
                Series(
                    title="Plays, and beacons of no play",
                    question="How many plays are asked for and show a first frame, and how many"
                    " beacons name no session, so that no play is in them?",
                    good="Two lines together and the third far below; dash.js as it comes names no"
                    " session (docs/clients/dash.js.md).",
                    unit=PER_MINUTE,
                    span=6,
                    queries=[
                        Prom(f"sum(rate({family}[$__rate_interval])) * 60", name)
                        for family, name in (
                            ('video_playback_attempts_total{player=~"$player"}', "asked for"),
                            ('video_playback_started_total{player=~"$player"}', "started"),
                            ("video_playback_unattributed_beacons_total", "beacons of no play"),
                        )
                    ],
                ),
            ],
        ),
        Row(
            "And plays that nobody names (PeerTube)?",
            [
                Series(
                    title="Incidents per minute, of plays without a name",
                    question="What happens in plays whose player tells sums and no session? They"
                    " are in no other panel.",
                    good="Few errors and stalls; changes of quality follow the number of viewers.",
                    unit=PER_MINUTE,
                    span=12,
                    by="incident",
                    stacked=True,
                    queries=[
                        Prom(
                            "sum by (incident) (rate(video_playback_tallied_incidents_total"
                            "[$__rate_interval])) * 60",
                            "{{incident}}",
                        )
                    ],
                ),
                Series(
                    title="Media from servers and from peers",
                    question="How much do these plays load from servers and from other viewers, and"
                    " how much do they pass on (p2p_sent)?",
                    good="The more comes from peers, the less servers must deliver.",
                    unit=BYTES_PER_SECOND,
                    span=12,
                    by="transport",
                    queries=[
                        Prom(
                            "sum by (transport) (rate(video_playback_tallied_bytes_total"
                            "[$__rate_interval]))",
                            "{{transport}}",
                        )
                    ],
                ),
            ],
        ),
    ],
)

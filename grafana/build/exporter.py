"""The exporter: whether it takes, counts and delivers everything that it is told."""

from __future__ import annotations

from typing import Final

from grafana.build.style import (
    BYTES,
    BYTES_PER_SECOND,
    COUNT,
    GREEN,
    PER_MINUTE,
    PER_SECOND,
    SECONDS,
    VERMILION,
    YES_NO,
    Bars,
    Board,
    Number,
    Prom,
    Row,
    Series,
    Spread,
    firing,
    of_exporter,
)

GOOD_IS_ONE: Final = ((None, VERMILION), (1.0, GREEN))

KNOWN: Final = "up and on (job, instance) last_over_time(exporter_build_info[1d])"

FATES: Final = ("accepted", "duplicate", "rejected", "limited", "refused")


def _quantiles(family: str) -> list[Prom]:
    return [
        Prom(
            f"histogram_quantile({quantile}, sum by (le) (rate({family}_bucket"
            "[$__rate_interval])))",
            name,
        )
        for quantile, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
    ]


def _alert_at(alert: str) -> str:
    return f'alert:threshold{{alert="{alert}"}}'


def _alert_line(alert: str) -> Prom:
    return Prom(_alert_at(alert), "alert", line=True)


BOARD: Final = Board(
    uid="exporter",
    title="Exporter",
    question="Does the exporter take, count and deliver everything that it is told?",
    folder="platform",
    runbook="exporter",
    rows=[
        Row(
            "Does it work now?",
            [
                Number(
                    title="Up",
                    question="How many exporters answer Prometheus, of how many that did in the"
                    " last day?",
                    good="Both figures alike.",
                    unit=COUNT,
                    span=4,
                    queries=[
                        Prom(f"sum({KNOWN})", "up"),
                        Prom(f"count({KNOWN})", "of"),
                    ],
                ),
                Number(
                    title="Takes beacons",
                    question="Is every journal writable?",
                    good="Yes; no means a full disk: senders get 503 and try again later.",
                    unit=YES_NO,
                    span=4,
                    steps=GOOD_IS_ONE,
                    queries=[Prom("min(exporter_journal_writable)")],
                ),
                Number(
                    title="Unaccounted events",
                    question="Received minus accepted, duplicate, rejected, limited and refused:"
                    " is any event lost or counted twice?",
                    good="Zero, always.",
                    unit=COUNT,
                    span=4,
                    steps=((None, VERMILION), (0.0, GREEN), (1.0, VERMILION)),
                    queries=[
                        Prom(
                            "sum(exporter_events_received_total)"
                            + "".join(f" - sum(exporter_events_{fate}_total)" for fate in FATES)
                        )
                    ],
                ),
                Number(
                    title="Apply lag",
                    question="How old is the oldest event that is written down but not counted?",
                    good="Under a second.",
                    unit=SECONDS,
                    span=4,
                    history=True,
                    queries=[Prom("max(exporter_apply_lag_seconds)")],
                ),
                Number(
                    title="Sink lag",
                    question="How old is the oldest point that waits for InfluxDB?",
                    good="A few seconds; it grows while InfluxDB is away, and nothing is lost.",
                    unit=SECONDS,
                    span=4,
                    history=True,
                    queries=[Prom("max(exporter_sink_lag_seconds)")],
                ),
                Number(
                    title="Series",
                    question="How many series does one exporter expose, and above how many is"
                    " there an alert?",
                    good="Steady and below the alert.",
                    unit=COUNT,
                    span=4,
                    queries=[
                        Prom(f"max({of_exporter('scrape_samples_scraped')})", "series"),
                        Prom(_alert_at("SeriesBudget"), "alert above"),
                    ],
                ),
            ],
        ),
        Row(
            "Is every event accounted for?",
            [
                Series(
                    title="Events per second, by fate",
                    question="What becomes of the events that arrive? The dashed line is what"
                    " was received; the parts must reach it.",
                    good="Nearly all accepted, the stack exactly as high as the line.",
                    unit=PER_SECOND,
                    span=12,
                    by="fate",
                    stacked=True,
                    queries=[
                        *(
                            Prom(f"sum(rate(exporter_events_{fate}_total[$__rate_interval]))", fate)
                            for fate in FATES
                        ),
                        Prom(
                            "sum(rate(exporter_events_received_total[$__rate_interval]))",
                            "received",
                            line=True,
                        ),
                    ],
                ),
                Bars(
                    title="Rejections by reason",
                    question="Why were events refused for good in the chosen time?",
                    good="Short bars; unauthorised and invalid rise after a release of a client.",
                    unit=COUNT,
                    span=6,
                    colour=VERMILION,
                    queries=[
                        Prom(
                            "topk(6, sum by (reason) (increase(exporter_events_rejected_total"
                            "[$__range])) >= 1)",
                            "{{reason}}",
                        )
                    ],
                ),
                firing("exporter", about=("instance",), span=6),
                Bars(
                    title="Most frequent events of the last hour",
                    question="Which events arrive most?",
                    good="The usual mix; a type that vanishes is a sender that broke.",
                    unit=COUNT,
                    queries=[
                        Prom(
                            "topk(8, sum by (type) (increase(exporter_events_accepted_total[1h])))",
                            "{{type}}",
                        )
                    ],
                ),
                Series(
                    title="Answers per second, by status",
                    question="What do we answer?",
                    good="All 2xx; 4xx are senders that are refused or over their rate, 5xx a"
                    " journal that cannot be written.",
                    unit=PER_SECOND,
                    by="answer",
                    stacked=True,
                    queries=[
                        Prom(
                            "sum(rate(exporter_http_responses_total"
                            f'{{code=~"{digit}.."}}[$__rate_interval]))',
                            f"{digit}xx",
                        )
                        for digit in (2, 4, 5)
                    ],
                ),
                Series(
                    title="Absurd numbers per minute, by domain",
                    question="How many numbers were negative, or beyond what can be, and not used?",
                    good="Hardly any; a jump is a clock, or a release of a client.",
                    unit=PER_MINUTE,
                    by="scored domain",
                    queries=[
                        Prom(
                            f"sum(rate(video_{domain}_clamped_total[$__rate_interval])) * 60",
                            domain,
                        )
                        for domain in ("upload", "generation", "playback", "web", "platform")
                    ],
                ),
                Series(
                    title="Told and not used, per minute",
                    question="What do clients tell that means nothing here: events of unknown"
                    " types, measurements that are null, spans of traces?",
                    good="Steady; a jump is a new sender.",
                    unit=PER_MINUTE,
                    span=12,
                    queries=[
                        Prom(f"sum(rate({family}[$__rate_interval])) * 60", name)
                        for family, name in (
                            ("video_generic_events_total", "unknown events"),
                            ("video_web_null_values_total", "nulls"),
                            ("video_web_spans_dropped_total", "spans"),
                        )
                    ],
                ),
                Series(
                    title="Values beyond the limit of tags, per hour",
                    question="How many videos, courses and errors are so many that they are told to"
                    " InfluxDB as other?",
                    good="None; else raise EXPORTER_LABELS__MOST_TAG_VALUES, or look who makes them"
                    " up.",
                    unit=COUNT,
                    span=12,
                    by="tag",
                    queries=[
                        Prom(
                            "sum by (tag) (increase(exporter_tag_values_capped_total[1h]))",
                            "{{tag}}",
                        )
                    ],
                ),
            ],
        ),
        Row(
            "Is it quick to write down and to count?",
            [
                Series(
                    title="Time to answer",
                    question="How long does a beacon wait for its answer, the disk included?",
                    good="p99 under 50 ms.",
                    unit=SECONDS,
                    by="quantile",
                    queries=_quantiles("exporter_http_request_seconds"),
                ),
                Series(
                    title="Journal append",
                    question="How long does one group commit take?",
                    good="A few milliseconds; more is the disk.",
                    unit=SECONDS,
                    by="quantile",
                    queries=_quantiles("exporter_journal_append_seconds"),
                ),
                Spread(
                    title="Journal appends",
                    question="How are the times of the group commits spread?",
                    good="One band; a second one is another writer on the same disk.",
                    unit=SECONDS,
                    queries=[
                        Prom(
                            "sum by (le) (increase(exporter_journal_append_seconds_bucket"
                            "[$__rate_interval]))",
                            "{{le}}",
                        )
                    ],
                ),
                Series(
                    title="Apply lag",
                    question="How long after it was written down is an event counted?",
                    good="Under a second; a ramp means that more arrives than one core counts.",
                    unit=SECONDS,
                    queries=[
                        Prom("exporter_apply_lag_seconds", "{{instance}}"),
                        _alert_line("ExporterApplyLag"),
                    ],
                ),
                Series(
                    title="Checkpoint",
                    question="How long does a checkpoint take?",
                    good="Well under a second; it grows with sessions and outbox.",
                    unit=SECONDS,
                    by="quantile",
                    queries=_quantiles("exporter_checkpoint_seconds"),
                ),
                Series(
                    title="Records replayed at start",
                    question="How many records did a process count again from the journal when"
                    " it started?",
                    good="Zero after an orderly stop; after a crash what the last checkpoint had"
                    " not seen.",
                    unit=COUNT,
                    queries=[Prom("exporter_replayed_records", "{{instance}}")],
                ),
            ],
        ),
        Row(
            "Is there room?",
            [
                Series(
                    title="Disk free",
                    question="Is there room for the journal?",
                    good="Level; a ramp towards zero is a disk that fills, by whomever.",
                    unit=BYTES,
                    span=6,
                    queries=[Prom("exporter_disk_free_bytes", "{{instance}}")],
                ),
                Series(
                    title="Size of the journal",
                    question="Does the journal stay bounded?",
                    good="A saw, not a ramp.",
                    unit=BYTES,
                    span=6,
                    queries=[Prom("exporter_journal_bytes", "{{instance}}")],
                ),
                Series(
                    title="Journal growth",
                    question="How many bytes are written down each second?",
                    good="Follows the events.",
                    unit=BYTES_PER_SECOND,
                    span=6,
                    queries=[
                        Prom(
                            "rate(exporter_journal_appended_bytes_total[$__rate_interval])",
                            "{{instance}}",
                        )
                    ],
                ),
                Series(
                    title="Series on /metrics",
                    question="How many series does each exporter expose? The dashed line is"
                    " where the alert starts, short of the budget that the catalogue keeps for any"
                    " input.",
                    good="Level; it only changes with a release.",
                    unit=COUNT,
                    span=6,
                    queries=[
                        Prom(
                            f"max by (instance) ({of_exporter('scrape_samples_scraped')})",
                            "{{instance}}",
                        ),
                        _alert_line("SeriesBudget"),
                    ],
                ),
                Series(
                    title="Sessions",
                    question="How many lifecycles go on, and how many are remembered?",
                    good="Open follows the active uploads; remembered is a few times that.",
                    unit=COUNT,
                    span=6,
                    by="memory",
                    queries=[
                        Prom("sum(exporter_open_sessions)", "open"),
                        Prom("sum(exporter_remembered_sessions)", "remembered"),
                    ],
                ),
                Bars(
                    title="Open sessions",
                    question="Of which lifecycle do most go on now?",
                    good="As much as people do now; one that only grows never hears of its end.",
                    unit=COUNT,
                    span=6,
                    queries=[
                        Prom(
                            "topk(6, sum by (lifecycle) (exporter_open_sessions) > 0)",
                            "{{lifecycle}}",
                        )
                    ],
                ),
                Series(
                    title="Remembered ids",
                    question="How many ids are held to recognise a repeated event?",
                    good="A saw with a level top: old generations are dropped.",
                    unit=COUNT,
                    span=6,
                    queries=[Prom("exporter_remembered_ids", "{{instance}}")],
                ),
                Series(
                    title="Dead letters",
                    question="How many refused beacons are kept for a look?",
                    good="Few; a rise tells to look at them and to mend their sender.",
                    unit=COUNT,
                    span=6,
                    queries=[Prom("exporter_dead_letters", "{{instance}}")],
                ),
            ],
        ),
        Row(
            "Who is connected?",
            [
                Series(
                    title="Open connections",
                    question="How many connections of clients are open?",
                    good="Follows the clients; a ramp is a proxy that keeps them, or somebody who"
                    " collects them.",
                    unit=COUNT,
                    span=12,
                    queries=[Prom("exporter_connections", "{{instance}}")],
                ),
                Series(
                    title="Connections cut per minute, by reason",
                    question="How many connections ended without an answer, and why?",
                    good="None, or the few of a bad line; a wall is somebody slow on purpose.",
                    unit=PER_MINUTE,
                    span=12,
                    by="cut",
                    queries=[
                        Prom(
                            "sum by (reason) (rate(exporter_connections_cut_total"
                            "[$__rate_interval])) * 60",
                            "{{reason}}",
                        )
                    ],
                ),
            ],
        ),
        Row(
            "Do points reach InfluxDB?",
            [
                Series(
                    title="Sink lag",
                    question="How old is the oldest point that waits?",
                    good="A few seconds; a ramp while InfluxDB is away, and a fall when it is"
                    " back.",
                    unit=SECONDS,
                    queries=[
                        Prom("exporter_sink_lag_seconds", "{{sink}} {{instance}}"),
                        _alert_line("SinkLagging"),
                    ],
                ),
                Series(
                    title="Outbox",
                    question="How many points wait?",
                    good="Near zero where a sink is configured.",
                    unit=COUNT,
                    queries=[Prom("exporter_outbox_points", "{{sink}} {{instance}}")],
                ),
                Series(
                    title="Outbox size",
                    question="How many bytes wait?",
                    good="Near zero where a sink is configured; at its limit the oldest are"
                    " dropped.",
                    unit=BYTES,
                    queries=[Prom("exporter_outbox_bytes", "{{sink}} {{instance}}")],
                ),
                Series(
                    title="Points delivered, refused and dropped per minute",
                    question="What becomes of the points?",
                    good="All delivered; refused ones are set aside, dropped ones are lost.",
                    unit=PER_MINUTE,
                    span=12,
                    by="delivery",
                    queries=[
                        Prom(
                            f"sum by (sink) (rate({family}[$__rate_interval])) * 60",
                            f"{{{{sink}}}} {word}",
                        )
                        for family, word in (
                            ("exporter_sink_points_total", "delivered"),
                            ("exporter_sink_refused_points_total", "refused"),
                            ("exporter_outbox_dropped_points_total", "dropped"),
                        )
                    ],
                ),
                Series(
                    title="Failed deliveries per minute",
                    question="Why do deliveries fail?",
                    good="None; unreachable and busy are tried again, refused is our fault.",
                    unit=PER_MINUTE,
                    span=6,
                    by="delivery error",
                    queries=[
                        Prom(
                            "sum by (kind) (rate(exporter_sink_errors_total"
                            "[$__rate_interval])) * 60",
                            "{{kind}}",
                        )
                    ],
                ),
                Number(
                    title="Sink configured",
                    question="Has every exporter an address to deliver to?",
                    good="Yes; where there is none, points wait in the outbox.",
                    unit=YES_NO,
                    span=6,
                    height=8,
                    steps=GOOD_IS_ONE,
                    queries=[Prom("min by (sink) (exporter_sink_configured)", "{{sink}}")],
                ),
            ],
        ),
        Row(
            "Do its timers run?",
            [
                Series(
                    title="Time since a timer last did its work",
                    question="How long ago did any timer last do its work?",
                    good="A low saw; a ramp is a timer that stands still.",
                    unit=SECONDS,
                    span=12,
                    queries=[
                        Prom(
                            # One that did not run since the start stands at 0.
                            "max(time() - (exporter_job_last_success_timestamp_seconds > 0))",
                            "the timer that waits longest",
                        ),
                        _alert_line("JobStalled"),
                    ],
                ),
                Series(
                    title="Failures per minute",
                    question="What fails inside the process?",
                    good="Nothing.",
                    unit=PER_MINUTE,
                    span=12,
                    queries=[
                        Prom(
                            "sum(rate(exporter_job_errors_total[$__rate_interval])) * 60",
                            "timers",
                        ),
                        Prom(
                            "sum(rate(exporter_journal_append_errors_total"
                            "[$__rate_interval])) * 60",
                            "journal append",
                        ),
                        Prom(
                            "sum(rate(exporter_checkpoint_errors_total[$__rate_interval])) * 60",
                            "checkpoint",
                        ),
                        Prom(
                            "sum(rate(exporter_apply_errors_total[$__rate_interval])) * 60",
                            "records that cannot be counted",
                        ),
                    ],
                ),
            ],
        ),
    ],
)

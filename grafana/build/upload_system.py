"""The parts under uploading: the API, the storage, the clients, and the exporter."""

from __future__ import annotations

from typing import Final

from grafana.build import kpis
from grafana.build.style import (
    BYTES,
    BYTES_PER_SECOND,
    COUNT,
    PER_MINUTE,
    PER_SECOND,
    SECONDS,
    SHARE,
    Board,
    Choice,
    Column,
    Listing,
    Number,
    Prom,
    Row,
    Series,
    of_exporter,
)

ROUTES: Final = 'route=~"$route"'
CALLS: Final = "video_api_calls_total"


def _client_p95(family: str) -> str:
    return (
        "histogram_quantile(0.95, sum by (device, le)"
        f' (rate({family}_bucket{{device=~"$device"}}[$__rate_interval]))) >= 0'
    )


BOARD: Final = Board(
    uid="upload-system",
    title="Upload: system",
    question="Are the API, the storage, the clients and the exporter well?",
    folder="upload",
    runbook="upload",
    variables=[
        Choice("route", CALLS),
        Choice("operation", "video_storage_operations_total"),
        Choice("device", "video_upload_ended_total"),
    ],
    rows=[
        Row(
            "Are the parts well?",
            [
                kpis.now("api_error_ratio", span=5),
                kpis.now("response_time_p95_seconds"),
                kpis.now("storage_available", span=4),
                kpis.now("storage_efficiency_ratio", span=5),
                Number(
                    title="Exporter up",
                    question="Since when does the youngest exporter process run?",
                    good="Since the last release; minutes, again and again, are a crash loop.",
                    unit=SECONDS,
                    span=4,
                    queries=[
                        Prom(f"min({of_exporter('time() - process_start_time_seconds')})", "up for")
                    ],
                ),
            ],
        ),
        Row(
            "Does the API answer well?",
            [
                kpis.over_time("api_error_ratio", span=8),
                kpis.by_segment("api_error_ratio", "route", span=8, chosen=True),
                Series(
                    title="API calls per second, by route",
                    question="How much is asked of each route?",
                    good="Follows the time of day; chunks are the most.",
                    unit=PER_SECOND,
                    by="route",
                    stacked=True,
                    queries=[
                        Prom(
                            f"sum by (route) (rate({CALLS}{{{ROUTES}}}[$__rate_interval]))",
                            "{{route}}",
                        )
                    ],
                ),
                *(
                    Series(
                        title=f"API response time by route, {name}",
                        question=f"Within which time does each route answer {share} of 100 calls?",
                        good="Flat. One route alone: its code; all together: the database, the"
                        " network or the host.",
                        unit=SECONDS,
                        by="route",
                        queries=[
                            Prom(
                                f"histogram_quantile({quantile}, sum by (route, le) (rate("
                                f"video_api_duration_seconds_bucket{{{ROUTES}}}"
                                # Not the routes that nobody calls, which are NaN.
                                "[$__rate_interval]))) >= 0",
                                "{{route}}",
                            )
                        ],
                    )
                    for quantile, name, share in ((0.5, "p50", 50), (0.95, "p95", 95))
                ),
                Series(
                    title="API calls within 200 ms, by route",
                    question="Which share of the calls of each route is answered within 200 ms?"
                    " Exact, because 200 ms is the bound of a bucket.",
                    good="Nearly all, except where a route carries a file.",
                    unit=SHARE,
                    by="route",
                    most=1,
                    queries=[
                        Prom(
                            "sum by (route) (rate(video_api_duration_seconds_bucket"
                            f'{{{ROUTES}, le="0.2"}}[$__rate_interval])) / (sum by (route) (rate('
                            f"video_api_duration_seconds_count{{{ROUTES}}}"
                            "[$__rate_interval])) > 0)",
                            "{{route}}",
                        )
                    ],
                ),
                Series(
                    title="API errors per minute, by type",
                    question="What kind of error do failed calls end with?",
                    good="Few and mixed; timeouts alone mean load, storage alone means storage.",
                    unit=PER_MINUTE,
                    span=11,
                    by="upload error_type",
                    stacked=True,
                    queries=[
                        Prom(
                            f"sum by (error_type) (rate(video_api_errors_total{{{ROUTES}}}"
                            "[$__rate_interval])) * 60",
                            "{{error_type}}",
                        )
                    ],
                ),
                Listing(
                    title="API errors by route and type",
                    question="Which route failed with which error in the chosen time, and how"
                    " often?",
                    good="Empty, or single figures; the top row is the first thing to look into.",
                    unit=COUNT,
                    span=13,
                    queries=[
                        Prom(
                            f"sum by (route, error_type) (increase(video_api_errors_total"
                            f"{{{ROUTES}}}[$__range])) > 0"
                        )
                    ],
                    columns=[
                        Column("route", "route"),
                        Column("error_type", "error type"),
                        Column("Value", "errors"),
                    ],
                    sort=("errors", True),
                ),
            ],
        ),
        Row(
            "Does the storage work?",
            [
                kpis.over_time("storage_available", span=8),
                Series(
                    title="Storage operations per second",
                    question="What is asked of the storage?",
                    good="Follows the uploads; check never stops.",
                    unit=PER_SECOND,
                    by="operation",
                    stacked=True,
                    queries=[
                        Prom(
                            "sum by (operation) (rate(video_storage_operations_total"
                            '{operation=~"$operation"}[$__rate_interval]))',
                            "{{operation}}",
                        )
                    ],
                ),
                Series(
                    title="Storage operations that fail",
                    question="Which share of each operation fails?",
                    good="Zero; put alone failing is a full or read-only bucket.",
                    unit=SHARE,
                    by="operation",
                    most=1,
                    queries=[
                        Prom(
                            "sum by (operation) (rate(video_storage_operations_total"
                            '{operation=~"$operation", result="failed"}[$__rate_interval]))'
                            " / (sum by (operation) (rate(video_storage_operations_total"
                            '{operation=~"$operation"}[$__rate_interval])) > 0)',
                            "{{operation}}",
                        )
                    ],
                ),
                Series(
                    title="Storage time by operation, p95",
                    question="Within which time are 95 of 100 operations done?",
                    good="Flat; check rising with the others means the storage, not the files.",
                    unit=SECONDS,
                    by="operation",
                    queries=[
                        Prom(
                            "histogram_quantile(0.95, sum by (operation, le) (rate("
                            'video_storage_duration_seconds_bucket{operation=~"$operation"}'
                            "[$__rate_interval])))",
                            "{{operation}}",
                        )
                    ],
                ),
                kpis.over_time("storage_efficiency_ratio", span=8),
                Series(
                    title="Bytes uploaded and stored",
                    question="How much is uploaded each second, and how much of it is kept?",
                    good="Stored below uploaded, in a steady proportion.",
                    unit=BYTES_PER_SECOND,
                    queries=[
                        Prom(f"sum(rate(video_storage_{kind}_bytes_total[$__rate_interval]))", word)
                        for kind, word in (("original", "uploaded"), ("stored", "stored"))
                    ],
                ),
            ],
        ),
        Row(
            "What does uploading take on the clients?",
            [
                Series(
                    title="Client CPU during upload by device, p95",
                    question="How much more CPU do 95 of 100 uploads take at most, on each device?",
                    good="Flat; a step after a release of the page is that release's.",
                    unit=SHARE,
                    span=12,
                    by="device",
                    queries=[
                        Prom(_client_p95("video_upload_cpu_increase_ratio"), "{{device}}"),
                        Prom('kpi:target{kpi="upload_cpu_increase_ratio"}', "target", line=True),
                    ],
                ),
                Series(
                    title="Client memory during upload by device, p95",
                    question="How much does the heap of 95 of 100 clients grow at most, on each"
                    " device?",
                    good="Below the target line; growth with the file size means that the file"
                    " is held whole.",
                    unit=BYTES,
                    span=12,
                    by="device",
                    queries=[
                        Prom(_client_p95("video_upload_memory_increase_bytes"), "{{device}}"),
                        Prom('kpi:target{kpi="upload_memory_increase_bytes"}', "target", line=True),
                    ],
                ),
            ],
        ),
        Row(
            "Is the exporter itself well?",
            [
                Series(
                    title="Exporter CPU",
                    question="How many cores does each exporter process use?",
                    good="Well below one: a process uses one core at the most, then it lags.",
                    unit=SHARE,
                    span=8,
                    queries=[
                        Prom(
                            of_exporter("rate(process_cpu_seconds_total[$__rate_interval])"),
                            "{{instance}}",
                        )
                    ],
                ),
                Series(
                    title="Exporter memory",
                    question="How much memory does each exporter process hold?",
                    good="Level; it grows with the open sessions and remembered ids, not"
                    " with time.",
                    unit=BYTES,
                    span=8,
                    queries=[Prom(of_exporter("process_resident_memory_bytes"), "{{instance}}")],
                ),
                Series(
                    title="Exporter file descriptors",
                    question="Which share of its file descriptors does each process use?",
                    good="Below a half; near 100 % it can take no more connections.",
                    unit=SHARE,
                    span=8,
                    most=1,
                    queries=[
                        Prom(
                            of_exporter("process_open_fds / process_max_fds"),
                            "{{instance}}",
                        )
                    ],
                ),
            ],
        ),
    ],
)

"""Platform, fourth tab: the services behind it, and what they use."""

from __future__ import annotations

from typing import Final

from grafana.build import kpis
from grafana.build.style import (
    COUNT,
    PER_MINUTE,
    SECONDS,
    SHARE,
    YES_NO,
    Board,
    Choice,
    Number,
    Panel,
    Prom,
    Row,
    Series,
)


def _used(kpi: str, family: str, title: str) -> list[Panel]:
    return [
        kpis.over_time(kpi),
        Series(
            title=f"{title} by service, now and then",
            question=f"How much of its {title.lower()} does each service use?",
            good="Lines that stay level, below the target.",
            unit=SHARE,
            span=12,
            most=1,
            by="service",
            queries=[Prom(f'max by (service) ({family}{{service=~"$service"}})', "{{service}}")],
        ),
    ]


BOARD: Final = Board(
    uid="platform-system",
    title="Platform: system",
    question="Are the services behind the product up, and do they have room?",
    folder="platform",
    runbook="platform",
    variables=[Choice("service", "video_service_checks_total")],
    rows=[
        Row(
            "Is everything up?",
            [
                Number(
                    title="Services up",
                    question="What did the last health check of each service say?",
                    good="Yes everywhere; a service that is missing here is not checked.",
                    unit=YES_NO,
                    span=24,
                    height=5,
                    steps=((None, "#D55E00"), (1.0, "#009E73")),
                    queries=[
                        Prom(
                            'min by (service) (video_service_up{service=~"$service"})',
                            "{{service}}",
                        )
                    ],
                ),
                kpis.over_time("service_availability_ratio"),
                kpis.by_segment("service_availability_ratio", "service", span=12, chosen=True),
                Series(
                    title="Health checks per minute",
                    question="Who looks at the services, and how often?",
                    good="Level lines: a probe that stops looking sees no outage.",
                    unit=PER_MINUTE,
                    span=12,
                    by="platform source",
                    queries=[
                        Prom(
                            'sum by (source) (rate(video_service_checks_total{service=~"$service"}'
                            "[$__rate_interval])) * 60",
                            "{{source}}",
                        )
                    ],
                ),
                Series(
                    title="Time of a health check, mean",
                    question="How long do health checks take?",
                    good="Level; a rise comes before an outage.",
                    unit=SECONDS,
                    span=12,
                    by="service",
                    queries=[
                        Prom(
                            "sum by (service) (rate(video_service_check_seconds_sum"
                            '{service=~"$service"}[$__rate_interval])) / (sum by (service) (rate('
                            'video_service_check_seconds_count{service=~"$service"}'
                            "[$__rate_interval])) > 0)",
                            "{{service}}",
                        )
                    ],
                ),
            ],
        ),
        Row(
            "Is there room?",
            [
                *_used("memory_used_ratio", "video_service_memory_used_ratio", "Memory"),
                *_used("cpu_used_ratio", "video_service_cpu_used_ratio", "CPU"),
                *_used("disk_used_ratio", "video_service_disk_used_ratio", "Disk"),
                Series(
                    title="Disk in a day, if it goes on like this",
                    question="How full will the disk of each service be in 24 hours?",
                    good="Well below 100 %, where the alert of full disks starts.",
                    unit=SHARE,
                    span=24,
                    height=6,
                    by="service",
                    empty="known after two hours",
                    queries=[
                        Prom(
                            'sum by (service) (service:disk_used:predicted{service=~"$service"})',
                            "{{service}}",
                        )
                    ],
                ),
            ],
        ),
        Row(
            "Does work pile up?",
            [
                Series(
                    title="Queues",
                    question="How much waits in the queue of each service?",
                    good="Close to nothing, or a level line.",
                    unit=COUNT,
                    span=24,
                    by="service",
                    queries=[
                        Prom(
                            'max by (service) (video_service_queue_length{service=~"$service"})',
                            "{{service}}",
                        )
                    ],
                ),
            ],
        ),
    ],
)

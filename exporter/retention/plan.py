"""What there should be in InfluxDB: three buckets, two tasks, three mappings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from exporter.settings import Influx

DAY: Final = 86_400

DROPPED: Final = ("age_class", "browser", "os", "resolution")
"""Tags that summaries do without: with them, most hours would have one point per summary."""

FLUX: Final = """\
// Made by `python -m exporter influx setup`, which writes it again; do not edit.
import "date"
import "types"

option task = {{name: "{target}", every: {every}, offset: {offset}}}

// What arrives late is counted too: the same windows are written again, at the same times.
begin = date.truncate(t: -{late}, unit: {every})
end = date.truncate(t: now(), unit: {every})

points =
    from(bucket: "{source}")
        |> range(start: begin, stop: end)
        |> filter(fn: (r) => types.isNumeric(v: r._value))
        |> drop(columns: [{dropped}])

summary = (tables=<-, name, fn) =>
    tables
        |> aggregateWindow(every: {every}, fn: fn, createEmpty: false, timeSrc: "_start")
        |> toFloat()
        |> map(fn: (r) => ({{r with _field: r._field + "_" + name}}))

union(
    tables: [
        points |> summary(name: "count", fn: count),
        points |> summary(name: "sum", fn: sum),
        points |> summary(name: "mean", fn: mean),
        points |> summary(name: "max", fn: max),
    ],
)
    |> to(bucket: "{target}", org: "{org}")
"""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket, and for how many days it keeps a point."""

    name: str
    days: int
    description: str

    @property
    def seconds(self) -> int:
        """The same as InfluxDB says it."""
        return self.days * DAY


@dataclass(frozen=True, slots=True)
class Task:
    """A script that InfluxDB runs by itself."""

    name: str
    flux: str


@dataclass(frozen=True, slots=True)
class Mapping:
    """Under which database and retention policy InfluxQL finds a bucket."""

    database: str
    policy: str
    bucket: str
    default: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """All of it."""

    buckets: tuple[Bucket, ...]
    tasks: tuple[Task, ...]
    mappings: tuple[Mapping, ...]


def plan(settings: Influx) -> Plan:
    """What the settings ask for. Every name begins with that of the bucket of the points."""
    detail = settings.bucket
    hourly, daily = f"{detail}_hourly", f"{detail}_daily"
    return Plan(
        buckets=(
            Bucket(detail, settings.detail_days, "Every point."),
            Bucket(hourly, settings.hourly_days, "Count, sum, mean and maximum of each hour."),
            Bucket(daily, settings.daily_days, "Count, sum, mean and maximum of each day (UTC)."),
        ),
        tasks=(
            Task(hourly, _flux(settings, hourly, every="1h", offset="10m", late="1d")),
            Task(daily, _flux(settings, daily, every="1d", offset="30m", late="3d")),
        ),
        mappings=(
            Mapping(detail, "autogen", detail, default=True),
            Mapping(detail, "hourly", hourly, default=False),
            Mapping(detail, "daily", daily, default=False),
        ),
    )


def _flux(settings: Influx, target: str, *, every: str, offset: str, late: str) -> str:
    return FLUX.format(
        source=_quoted(settings.bucket),
        target=_quoted(target),
        org=_quoted(settings.org),
        every=every,
        offset=offset,
        late=late,
        dropped=", ".join(_tags()),
    )


def _tags() -> Iterator[str]:
    return (f'"{tag}"' for tag in DROPPED)


def _quoted(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"')

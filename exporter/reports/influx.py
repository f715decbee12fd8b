"""Asks InfluxDB what Prometheus does not know: countries, videos, samples. By InfluxQL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import aiohttp

from exporter.influxql import ask
from exporter.reports.quantity import Quantity, Unit
from exporter.reports.questions import Period
from exporter.reports.report import Column, Table
from exporter.settings import Influx, without_password

MOST_ROWS: Final = 15
LONGEST_CELL: Final = 120
STATEMENTS: Final = {
    "countries": (
        "SELECT COUNT(duration_seconds) AS count, PERCENTILE(duration_seconds, 95) AS p95,"
        " MEAN(throughput_bytes_per_second) AS speed"
        " FROM upload WHERE outcome = 'completed' AND {between} GROUP BY country"
    ),
    "samples": (
        'SELECT SUM("count") AS count, MIN(first_seen) AS first_seen, MAX(last_seen) AS last_seen,'
        " LAST(sample) AS sample"
        " FROM web_error WHERE {between} GROUP BY error_type, fingerprint"
    ),
    "videos": (
        "SELECT TOP(views, video, 15), watched, completions, ended FROM"
        " (SELECT SUM(views) AS views, SUM(watched_seconds) AS watched,"
        " SUM(completions) AS completions, SUM(ended) AS ended"
        " FROM video_minute WHERE preview = 'no' AND {between} GROUP BY video)"
    ),
}


async def details(
    http: aiohttp.ClientSession, settings: Influx, period: Period
) -> dict[str, Table | str]:
    """Tables by name, or a sentence where InfluxDB did not answer; nothing without an address."""
    if not settings.url:
        return {}
    between = f"time >= {_nanoseconds(period.first)} AND time < {_nanoseconds(period.last)}"
    statements = {name: each.format(between=between) for name, each in STATEMENTS.items()}
    found: dict[str, Table | str] = {}
    for name, statement in statements.items():
        try:
            series = await ask(http, settings, statement, epoch="s")
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as failure:
            why = str(failure) if isinstance(failure, ValueError) else type(failure).__name__
            found[name] = f"InfluxDB at {without_password(settings.url)} did not answer: {why}."
        else:
            found[name] = _TABLES[name](series, period)
    return found


def _nanoseconds(at: float) -> int:
    return int(at) * 1_000_000_000


def _values(each: Any) -> dict[str, Any]:
    """The first line of a series, by column."""
    return dict(zip(each["columns"], each["values"][0], strict=True))


def _countries(series: list[Any], period: Period) -> Table:
    columns = (
        Column("country", "Country"),
        Column("count", "Completed uploads"),
        Column("p95", "p95"),
        Column("speed", "Mean speed"),
    )
    found = [(each["tags"]["country"] or "unknown", _values(each)) for each in series]
    found.sort(key=lambda each: -each[1]["count"])
    rows = tuple(
        (
            country,
            Quantity(values["count"], Unit.COUNT),
            Quantity(values["p95"], Unit.SECONDS),
            Quantity(_bits(values["speed"]), Unit.SPEED),
        )
        for country, values in found[:MOST_ROWS]
    )
    return Table(columns, rows)


def _bits(size: float | None) -> float | None:
    return None if size is None else size * 8


def _samples(series: list[Any], period: Period) -> Table:
    columns = (
        Column("fingerprint", ""),
        Column("error_type", "Error"),
        Column("count", "Count"),
        Column("first_seen", "First seen"),
        Column("last_seen", "Last seen"),
        Column("sample", "Sample"),
    )
    found = [(each["tags"], _values(each)) for each in series]
    found.sort(key=lambda each: -each[1]["count"])
    rows = tuple(
        (
            tags["fingerprint"],
            tags["error_type"],
            Quantity(values["count"], Unit.COUNT),
            _moment(values["first_seen"], period),
            _moment(values["last_seen"], period),
            str(values["sample"])[:LONGEST_CELL],
        )
        for tags, values in found[:MOST_ROWS]
    )
    return Table(columns, rows)


def _moment(milliseconds: float, period: Period) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, period.end.tzinfo)


def _videos(series: list[Any], period: Period) -> Table:
    columns = (
        Column("video", "Video"),
        Column("views", "Views"),
        Column("watched_seconds", "Watched"),
        Column("completion_ratio", "Completed"),
    )
    lines = [
        dict(zip(each["columns"], line, strict=True)) for each in series for line in each["values"]
    ]
    lines.sort(key=lambda line: (-line["top"], line["video"]))
    rows = tuple(
        (
            line["video"],
            Quantity(line["top"], Unit.COUNT),
            Quantity(line["watched"], Unit.SECONDS),
            Quantity(line["completions"] / line["ended"] if line["ended"] else None, Unit.SHARE),
        )
        for line in lines
    )
    return Table(columns, rows)


_TABLES: Final[Mapping[str, Any]] = {
    "countries": _countries,
    "samples": _samples,
    "videos": _videos,
}

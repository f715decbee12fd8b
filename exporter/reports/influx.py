"""Asks InfluxDB what Prometheus does not know: countries and samples. InfluxQL, as Grafana does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import aiohttp

from exporter.reports.quantity import Quantity, Unit
from exporter.reports.questions import Period
from exporter.reports.report import Cell, Column, Table
from exporter.settings import Influx, without_password

MOST_ROWS: Final = 15
LONGEST_CELL: Final = 120
STATEMENTS: Final = {
    "countries": (
        "SELECT COUNT(duration_seconds) AS count, PERCENTILE(duration_seconds, 95) AS p95,"
        " MEAN(throughput_bytes_per_second) AS speed"
        " FROM upload WHERE outcome = 'completed' AND {between} GROUP BY country"
    ),
    "samples": "SELECT * FROM error_sample WHERE {between} ORDER BY time DESC LIMIT 15",
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
            series = await _ask(http, settings, statement)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as failure:
            why = str(failure) if isinstance(failure, ValueError) else type(failure).__name__
            found[name] = f"InfluxDB at {without_password(settings.url)} did not answer: {why}."
        else:
            found[name] = _TABLES[name](series, period)
    return found


def _nanoseconds(at: float) -> int:
    return int(at) * 1_000_000_000


async def _ask(http: aiohttp.ClientSession, settings: Influx, statement: str) -> list[Any]:
    async with http.get(
        settings.url.rstrip("/") + "/query",
        params={"db": settings.bucket, "q": statement, "epoch": "s"},
        headers=settings.authorisation(),
    ) as answer:
        text = await answer.text()
    try:
        (result,) = json.loads(text)["results"]
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"status {answer.status}") from None
    if "error" in result:
        raise ValueError(result["error"])
    return list(result.get("series", []))


def _countries(series: list[Any], period: Period) -> Table:
    columns = (
        Column("country", "Country"),
        Column("count", "Completed uploads"),
        Column("p95", "p95"),
        Column("speed", "Mean speed"),
    )
    rows = []
    for each in series:
        values = dict(zip(each["columns"], each["values"][0], strict=True))
        speed = values["speed"]
        rows.append(
            (
                each["tags"]["country"] or "unknown",
                Quantity(values["count"], Unit.COUNT),
                Quantity(values["p95"], Unit.SECONDS),
                Quantity(speed if speed is None else speed * 8, Unit.SPEED),
            )
        )
    rows.sort(key=lambda row: -(row[1].value or 0))
    return Table(columns, tuple(rows[:MOST_ROWS]))


def _samples(series: list[Any], period: Period) -> Table:
    """Whatever the samples have: their fields are the exporter's, and told apart by the domain."""
    if not series:
        return Table((), ())
    names = series[0]["columns"]
    filled = zip(*series[0]["values"], strict=True)
    used = [place for place, cells in enumerate(filled) if not {None, ""}.issuperset(cells)]
    columns = tuple(
        Column(names[place], names[place].replace("_", " ").capitalize()) for place in used
    )
    rows = tuple(
        tuple(_cell(names[place], row[place], period) for place in used)
        for row in series[0]["values"]
    )
    return Table(columns, rows)


def _cell(name: str, value: Any, period: Period) -> Cell:
    if name == "time":
        return datetime.fromtimestamp(value, period.end.tzinfo)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None if value is None else str(value)[:LONGEST_CELL]
    return Quantity(value, Unit.NUMBER)


_TABLES: Final[Mapping[str, Any]] = {"countries": _countries, "samples": _samples}

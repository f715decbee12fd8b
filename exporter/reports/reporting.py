"""Makes reports: on demand, and by the clock, which files them and tells Alertmanager."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import aiohttp

from exporter.reports.alertmanager import tell
from exporter.reports.bulletin import bulletin
from exporter.reports.facts import Facts, facts
from exporter.reports.formats import FORMATS
from exporter.reports.influx import details
from exporter.reports.kinds import KINDS, Kind
from exporter.reports.prometheus import Prometheus
from exporter.reports.questions import (
    DEVICES,
    ERRORS,
    Answers,
    Period,
    Question,
    found,
    questions,
)
from exporter.reports.report import Report
from exporter.settings import Influx, Reports

log = logging.getLogger(__name__)

FILED: Final = ("html", "pdf", "json")
"""The formats in which scheduled reports are kept."""


class Reporting:
    """The reports of one platform."""

    def __init__(self, settings: Reports, influx: Influx, now: Callable[[], float]) -> None:
        self._settings = settings
        self._influx = influx
        self._now = now
        self._zone = ZoneInfo(settings.zone)
        self._published: dict[str, date] = {}

    async def report(self, name: str, at: datetime) -> Report:
        """The report of a name, up to a moment; AwayError where Prometheus does not answer."""
        kind = KINDS[name]
        async with self._client() as http:
            return kind.write(await self._facts(http, kind, at.astimezone(self._zone)))

    async def publish(self, name: str) -> None:
        """File today's report and tell it, unless that is done; AwayError where it cannot be."""
        now = datetime.fromtimestamp(self._now(), self._zone)
        if self._published.get(name) == now.date():
            return
        at = now.replace(hour=self._settings.hour, minute=0, second=0, microsecond=0)
        kind = KINDS[name]
        async with self._client() as http:
            told = await self._facts(http, kind, at)
            report = kind.write(told)
            if self._settings.directory is not None:
                # Rendering takes a second of a processor that beacons need as well.
                await asyncio.to_thread(_file, report, self._settings.directory)
            if self._settings.alertmanager_url:
                await tell(http, self._settings.alertmanager_url, bulletin(kind, told, report))
        self._published[name] = now.date()
        log.info("published a report", extra={"report": name, "day": str(now.date())})

    def _client(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self._settings.timeout_seconds)
        )

    async def _facts(self, http: aiohttp.ClientSession, kind: Kind, at: datetime) -> Facts:
        prometheus = Prometheus(http, self._settings.prometheus_url)
        period = Period(at, kind.days)
        names = found(
            await prometheus.ask_all(
                {
                    "errors": Question(ERRORS, period.last),
                    "devices": Question(DEVICES, period.last),
                }
            )
        )
        said = await prometheus.ask_all(questions(period, names))
        answers = Answers(said, await prometheus.domains())
        return facts(period, answers, names, await details(http, self._influx, period))


def _file(report: Report, directory: Path) -> None:
    """Write a report in all kept formats; a reader never sees half of one."""
    directory.mkdir(parents=True, exist_ok=True)
    for kept in FILED:
        path = directory / f"{report.name}-{report.end:%Y-%m-%d}.{kept}"
        part = path.with_suffix(f".{kept}.part")
        part.write_bytes(FORMATS[kept](report))
        part.replace(path)

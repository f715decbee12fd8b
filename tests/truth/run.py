"""A run: a real exporter, a real Prometheus with the project's rules, and traffic with a truth."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.dashboards.engines import Prometheus, prometheus
from tests.durability.processes import ROOT, Exporter, until
from tests.programs import binary
from tests.truth.domains.told import Told
from tests.truth.expected import Sample
from tests.truth.facts import Facts
from tests.truth.plans import Random
from tests.truth.sending import LATEST, Courier, Story
from tests.truth.services import Services
from tests.truth.stories import Uploads

RULES = sorted((ROOT / "rules").glob("*.yml"))
SETTLE = LATEST
SILENCE = LATEST + 5.0
"""Longer than the longest pause of a story, however late it is told."""

DAY_BEFORE = 20.0
"""Seconds that uploads took on the day before, each of them."""

COUNTED = '{__name__=~"video_.+|exporter_events_.+"}'
QUIET = 12.0
"""Seconds after the last scrape that saw a change, until the numbers are read."""

LATELY = "8s"
"""A scrape may come between two rules of one evaluation, which then do not match: of the last
evaluations, all of the same numbers, the middle one is read."""


@dataclass
class Run:
    """What happened in a run, and what Prometheus says of it."""

    facts: Facts
    history: dict[Sample, list[tuple[float, float]]]
    """Every counted sample at every scrape: when, and its value."""
    values: dict[tuple[str, str], float]
    """``kpi:value`` by kpi and window."""
    events: dict[tuple[str, str], float]
    """``kpi:events`` by kpi and window."""
    segment_values: dict[tuple[str, str, str], float]
    """``kpi:segment_value`` by kpi, segment and member."""
    segment_events: dict[tuple[str, str, str], float]
    messages: int
    repeats: int
    open_uploads: float
    seconds: float
    """From the first scrape to the last."""

    @property
    def page(self) -> dict[Sample, float]:
        """Every counted sample at the end."""
        return {key: values[-1][1] for key, values in self.history.items()}


class Stage:
    """An exporter, somebody who sends to it, and a Prometheus that watches."""

    def __init__(
        self, exporter: Exporter, engine: Prometheus, seed: int, lifecycles: Sequence[str]
    ) -> None:
        self._lifecycles = lifecycles
        self.exporter = exporter
        self.engine = engine
        self.courier = Courier(exporter.url, seed)

    async def tell(self, stories: Iterable[Story]) -> None:
        """Send stories, wait until nothing goes on any more, and send what comes late."""
        told = list(stories)
        await self.courier.send([story.steps for story in told])
        await until(self._over, 60)
        await self.courier.send([story.later for story in told if story.later])
        await until(self._over, 60)
        for story in told:
            story.tell(self.courier.facts)

    async def _over(self) -> bool:
        page = await self.exporter.samples()
        received = page["exporter_events_received_total", frozenset()]
        going_on = sum(
            page["exporter_open_sessions", frozenset({("lifecycle", name)})]
            for name in self._lifecycles
        )
        return going_on == 0 and received == self.courier.facts.received

    async def ask(self, expr: str) -> list[dict[str, Any]]:
        return await asyncio.to_thread(self.engine.now, expr)

    async def result(self) -> Run:
        """Read everything once it stands still."""
        await asyncio.sleep(QUIET)
        history = {
            _sample(each["metric"]): [(at, float(value)) for at, value in each["values"]]
            for each in await self.ask(f"{COUNTED}[10m]")
        }
        times = [at for values in history.values() for at, _ in values]
        going_on = await self.exporter.value("exporter_open_sessions", lifecycle="upload")
        return Run(
            facts=self.courier.facts,
            history=history,
            values=await self._read("kpi:value", "kpi", "window"),
            events=await self._read("kpi:events", "kpi", "window"),
            segment_values=await self._read("kpi:segment_value", "kpi", "segment", "member"),
            segment_events=await self._read("kpi:segment_events", "kpi", "segment", "member"),
            messages=self.courier.messages,
            repeats=self.courier.repeats,
            open_uploads=going_on,
            seconds=max(times) - min(times),
        )

    async def _read(self, record: str, *labels: str) -> dict[Any, float]:
        found = await self.ask(f"quantile_over_time(0.5, {record}[{LATELY}])")
        return {
            tuple(each["metric"][label] for label in labels): float(each["value"][1])
            for each in found
        }


def _sample(metric: Mapping[str, str]) -> Sample:
    labels = {k: v for k, v in metric.items() if k not in {"__name__", "job", "instance"}}
    if "le" in labels:
        labels["le"] = str(float(labels["le"]))
    return metric["__name__"], frozenset(labels.items())


@asynccontextmanager
async def stage(
    folder: Path,
    source: str,
    seed: int,
    lifecycles: Sequence[str] = ("upload",),
    hours: Mapping[str, float] = MappingProxyType({}),
) -> AsyncIterator[Stage]:
    """Everything runs, and Prometheus has seen every counter at 0."""
    exporter = Exporter(
        folder / "exporter",
        {
            "SESSIONS__SETTLE_SECONDS": SETTLE,
            "GENERATION__RETRY_SECONDS": SETTLE,
            **{f"SESSIONS__SILENCE_SECONDS__{name.upper()}": SILENCE for name in lifecycles},
            "RECEIVER__PROXIES": "127.0.0.0/8",
            "RECEIVER__COUNTRY_HEADER": "X-Country",
            "RECEIVER__RATE_PER_SECOND": 20,
            "RECEIVER__RATE_BURST": 60,
        },
    )
    watching = folder / "prometheus"
    watching.mkdir()
    _write_past(watching, "day-before", _uploads_before(exporter.target, source))
    if hours:
        _write_past(watching, "days-before", _hours_before(hours))
    async with exporter:
        with prometheus(watching, exporter.target, RULES) as engine:
            ready = Stage(exporter, engine, seed, lifecycles)
            await until(lambda: _seen(ready))
            yield ready


async def _seen(ready: Stage) -> bool:
    return len(await ready.ask("count_over_time(video_upload_started_total[1m]) > 2")) == 1


def _uploads_before(target: str, source: str) -> list[str]:
    """Uploads of some hours ago, for the one KPI that compares with the day before.

    They ended more than an hour ago, so that no other window has them.
    """
    labels = f'job="exporter",instance="{target}",source="{source}",size_class="10-30MB"'
    now = int(time.time())
    return [
        f"video_upload_duration_seconds_{part}{{{labels}}} {minute * each} {at}"
        for part, each in (("sum", DAY_BEFORE), ("count", 1))
        for minute, at in enumerate(range(now - 5 * 3600, now - 2 * 3600, 60))
    ]


def _hours_before(hours: Mapping[str, float]) -> list[str]:
    """What was recorded at some full hours more than a day ago, for what compares with the usual.

    Each series is as its labels are written, and was the same at each of them.
    """
    last = int(time.time()) // 3600 * 3600 - 26 * 3600
    return [
        f"{series} {value} {at}"
        for series, value in hours.items()
        for at in range(last - 4 * 3600, last + 1, 3600)
    ]


def _write_past(folder: Path, name: str, lines: Sequence[str]) -> None:
    """Give Prometheus what it has not seen."""
    text = folder / f"{name}.txt"
    text.write_text("\n".join((*lines, "# EOF", "")))
    command = (binary("promtool", "prometheus"), "tsdb", "create-blocks-from", "openmetrics")
    subprocess.run(
        (*command, str(text), str(folder / "data")), check=True, capture_output=True, timeout=60
    )


async def everything(folder: Path) -> Run:
    """Thousands of uploads of every kind, and all that goes on beside them."""
    async with stage(folder, "lifecycle", seed=7) as ready:
        services = Services(8, time.time())
        await ready.courier.flood(services.flood(200))
        stories = [*Uploads(9, time.time()).stories(), *services.everything()]
        Random(10).shuffle(stories)
        await ready.tell(stories)
        return await ready.result()


async def reports_only(folder: Path) -> Run:
    """Nothing but reports that name no upload."""
    async with stage(folder, "report", seed=11) as ready:
        services = Services(12, time.time())
        await ready.tell([services.report() for _ in range(300)])
        return await ready.result()


async def others(folder: Path, told: Sequence[Told], lifecycles: Sequence[str]) -> Run:
    """Everything that is told of the other domains, and nothing of uploads."""
    hours = {series: value for each in told for series, value in each.hours.items()}
    async with stage(folder, "lifecycle", 13, lifecycles, hours) as ready:
        stories = [story for each in told for story in each.stories]
        Random(14).shuffle(stories)
        await ready.tell(stories)
        return await ready.result()


def both(folder: Path) -> tuple[Run, Run]:
    """Both runs at once, since each of them mostly waits."""

    async def run(which: Callable[[Path], Any], name: str) -> Run:
        (folder / name).mkdir()
        found: Run = await which(folder / name)
        return found

    async def runs() -> tuple[Run, Run]:
        first, second = await asyncio.gather(
            run(everything, "everything"), run(reports_only, "reports")
        )
        return first, second

    return asyncio.run(runs())

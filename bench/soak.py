"""Half an hour of everything: what grows although nothing more goes on than at the beginning.

Waits and memories are set short, so that as much is forgotten as is learned soon after the start;
names come from pools for the same reason. A line through what is left is the leak.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import uvloop

from bench import load, mix, servers
from bench.latency import family, metrics, value

EVERY: Final = 5.0
BLOCKS: Final = 10
"""Samples lie on one another's shoulders; the means of this many stretches hardly do."""

T_95: Final = 2.306
"""Student's t for a confidence of 95 % and ``BLOCKS - 2`` degrees of freedom."""

SETTINGS: Final = {
    "SESSIONS__SILENCE_SECONDS": '{"play": 120, "upload": 120, "generation": 120, '
    '"page_view": 60, "web_session": 120, "web_request": 60, "vital": 60}',
    "SESSIONS__REMEMBER_SECONDS": "120",
    "DEDUP__WINDOW_SECONDS": "240",
}

MEGABYTE: Final = 1e6


class Sample(NamedTuple):
    """The process and its files at one moment, ``at`` hours after the start."""

    at: float
    resident: float
    descriptors: float
    threads: float
    journal: float
    state: float
    sessions: float
    ids: float
    outbox: float


class Line(NamedTuple):
    """A slope an hour, and by how much it may be wrong with a confidence of 95 %."""

    slope: float
    error: float


def fit(points: Sequence[tuple[float, float]]) -> Line:
    """The line through the means of stretches of equal length."""
    size = len(points) // BLOCKS
    blocks = [points[size * n : size * (n + 1)] for n in range(BLOCKS)]
    xs = [statistics.fmean(x for x, _ in block) for block in blocks]
    ys = [statistics.fmean(y for _, y in block) for block in blocks]
    slope, intercept = statistics.linear_regression(xs, ys)
    rest = sum((y - intercept - slope * x) ** 2 for x, y in zip(xs, ys, strict=True))
    middle = statistics.fmean(xs)
    spread = sum((x - middle) ** 2 for x in xs)
    return Line(slope, T_95 * (rest / (BLOCKS - 2) / spread) ** 0.5)


def _size(*files: Path) -> float:
    return sum(file.stat().st_size for file in files if file.exists()) / MEGABYTE


def _sample(server: servers.Server, directory: Path, began: float) -> Sample:
    text = metrics(server.operations)
    return Sample(
        (time.monotonic() - began) / 3600,
        server.process.memory_info().rss / MEGABYTE,
        server.process.num_fds(),
        server.process.num_threads(),
        _size(*directory.glob("journal.db*")),
        _size(*directory.glob("state.db*")),
        family(text, "exporter_remembered_sessions"),
        value(text, "exporter_remembered_ids"),
        family(text, "exporter_outbox_points"),
    )


async def _watch(
    server: servers.Server, directory: Path, samples: list[Sample], said: Callable[[Sample], None]
) -> None:
    began = time.monotonic()
    for number in itertools.count(1):
        try:
            samples.append(await asyncio.to_thread(_sample, server, directory, began))
        except OSError as error:
            print(f"no sample: {error}", flush=True)
        else:
            said(samples[-1])
        await asyncio.sleep(began + number * EVERY - time.monotonic())


async def _soak(
    server: servers.Server, directory: Path, minutes: float, rate: float
) -> tuple[load.Outcome, list[Sample]]:
    samples: list[Sample] = []
    step = max(1, round(minutes * 60 / EVERY / 15))

    def say(sample: Sample) -> None:
        if len(samples) % step == 1 or step == 1:
            print(
                f"{sample.at * 60:6.1f}  {sample.resident:6.1f}  {sample.descriptors:11.0f}  "
                f"{sample.threads:7.0f}  {sample.journal:10.1f}  {sample.state:8.1f}  "
                f"{sample.sessions:8.0f}  {sample.ids:7.0f}  {sample.outbox:6.0f}",
                flush=True,
            )

    watching = asyncio.get_running_loop().create_task(_watch(server, directory, samples, say))
    outcome = await load.drive(
        [server.port], rate=rate, seconds=minutes * 60, connections=64, beacon=mix.requests()
    )
    watching.cancel()
    return outcome, samples


def run(minutes: float, rate: float, warm_up: float) -> None:
    """Print what was sampled, and the lines through it from ``warm_up`` minutes on."""
    with servers.folder() as directory, servers.victoria_metrics("0,1") as store:
        settings = {**SETTINGS, "INFLUX__URL": f"http://127.0.0.1:{store.port}"}
        with servers.exporter("0,1", settings, directory) as server:
            print(f"{rate:.0f} beacons/s of every format for {minutes:g} minutes")
            print(
                "minute  RSS MB  descriptors  threads  journal MB  state MB"
                "  sessions      ids  outbox"
            )
            outcome, samples = uvloop.run(_soak(server, directory, minutes, rate))
            kept = [sample for sample in samples if sample.at * 60 >= warm_up]
            _report(outcome, kept, metrics(server.operations))


def _report(outcome: load.Outcome, samples: Sequence[Sample], text: str) -> None:
    print(
        f"sent {outcome.sent:,}, taken {outcome.accepted:,}, "
        f"p50 {outcome.at(0.5) * 1e3:.1f} ms, p99 {outcome.at(0.99) * 1e3:.0f} ms; "
        f"points delivered {family(text, 'exporter_sink_points_total'):,.0f}, "
        f"set aside {family(text, 'exporter_sink_refused_points_total'):.0f}, "
        f"apply errors {family(text, 'exporter_apply_errors_total'):.0f}"
    )
    for name in Sample._fields[1:]:
        points = [(sample.at, float(getattr(sample, name))) for sample in samples]
        line = fit(points)
        values = [y for _, y in points]
        print(
            f"{name:11} {min(values):10.1f} to {max(values):10.1f}, "
            f"slope {line.slope:+9.2f} ± {line.error:.2f} an hour"
        )

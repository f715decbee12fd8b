"""Kill the exporter again and again under load, and count what is left of its promises.

``python -m tests.durability.kill --kills 50`` prints the figures of docs/promises.md.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.durability import model
from tests.durability.processes import (
    Exporter,
    Prometheus,
    Samples,
    VictoriaMetrics,
    accepted,
    until,
)
from tests.durability.traffic import Oracle
from tests.sinks.server import Sink

CHECKPOINTS = (0.05, 0.3, 1.0)
"""Seconds between checkpoints; another choice after each kill."""

LONG_SILENCE = 600
"""Nobody waits for the end of a longer one; those uploads go on."""

Sample = tuple[str, frozenset[tuple[str, str]], int]
"""Of VictoriaMetrics: name, labels, milliseconds."""


@dataclass
class Figures:
    """What a run did and what it found."""

    seed: int
    seconds: float = 0.0
    kills: int = 0
    kills_while_starting: int = 0
    records_replayed: int = 0
    acknowledged_beacons: int = 0
    acknowledged_events: int = 0
    repeated_beacons: int = 0
    unanswered_requests: int = 0
    answer_p50_ms: float = 0.0
    answer_p99_ms: float = 0.0
    series_compared: int = 0
    series_that_differ: int = 0
    difference_of_events: float = 0.0
    uploads_open: int = 0
    uploads_open_expected: int = 0
    points_expected: int = 0
    points_delivered: int = 0
    points_missing: int = 0
    points_too_many: int = 0
    answers_lost_by_sink: int = 0
    samples_in_victoria_metrics: int = 0
    samples_missing: int = 0
    samples_too_many: int = 0
    scrapes: int = 0
    scrapes_that_failed: int = 0
    resets_seen_by_prometheus: float = 0.0
    largest_error_of_increase: float = 0.0


@dataclass
class Run:
    """Everything that tests ask about a run."""

    figures: Figures
    before: Samples
    page: Samples
    expected: Samples
    sent_events: int
    answered_events: int
    differences: dict[Any, tuple[float, float]] = field(default_factory=dict)
    resets: list[dict[str, Any]] = field(default_factory=list)


class Experiment:
    """One exporter, its load, its sink and its Prometheus, and somebody with a kill signal."""

    def __init__(self, folder: Path, *, seed: int, silence: float) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a seed, not a secret
        self._silence = silence
        self._victoria = VictoriaMetrics(folder / "victoria")
        self._sink = Sink(f"{self._victoria.url}/api/v2/write")
        self._sink.lose_answer = self._lose_answer
        self._exporter = Exporter(
            folder / "exporter",
            {
                "SESSIONS__SETTLE_SECONDS": 1,
                "SESSIONS__SILENCE_SECONDS__UPLOAD": silence,
                "INFLUX__EVERY_SECONDS": 0.2,
            },
        )
        self._prometheus = Prometheus(folder / "prometheus", self._exporter.target)
        self._oracle = Oracle(self._exporter.url, seed=seed)
        self._figures = Figures(seed)

    def _lose_answer(self) -> bool:
        lost = self._random.random() < 0.1
        self._figures.answers_lost_by_sink += lost
        return lost

    async def run(self, kills: int, longest: float, workers: int, pause: float) -> Run:
        """Load, kills, a quiet end; then compare."""
        began = time.monotonic()
        async with AsyncExitStack() as running:
            await running.enter_async_context(self._victoria)
            await running.enter_async_context(self._sink.serving())
            self._exporter.configure({"INFLUX__URL": self._sink.url})
            await running.enter_async_context(self._exporter)
            await running.enter_async_context(self._prometheus)
            await until(self._scraped)
            before = await self._exporter.samples()
            load = asyncio.create_task(self._oracle.run(workers, pause))
            for _ in range(kills):
                await self._kill(longest, load)
            await asyncio.sleep(self._random.uniform(0.5, longest))
            self._oracle.stopping = True
            await load
            await self._quiet()
            await self._exporter.delivered()
            page = await self._exporter.samples()
            await asyncio.sleep(2.5)  # Prometheus sees the end, twice
            run = self._compared(before, page)
            await self._stored()
            await self._seen_by_prometheus(run)
        self._figures.seconds = round(time.monotonic() - began, 1)
        return run

    async def _scraped(self) -> bool:
        return bool(await self._prometheus.ask("video_upload_started_total"))

    async def _kill(self, longest: float, load: asyncio.Task[None]) -> None:
        await asyncio.sleep(self._random.uniform(0, longest))
        if load.done():
            load.result()
        await self._exporter.kill()
        self._figures.kills += 1
        self._exporter.configure({"JOURNAL__CHECKPOINT_SECONDS": self._random.choice(CHECKPOINTS)})
        await self._exporter.begin()
        while self._random.random() < 0.2:
            # Again, before or while it counts what the journal holds.
            await asyncio.sleep(self._random.uniform(0.3, 1.2))
            await self._exporter.kill()
            self._figures.kills += 1
            self._figures.kills_while_starting += 1
            await self._exporter.begin()
        await self._exporter.ready()

    async def _quiet(self) -> None:
        """Wait until no upload goes on but those that only a longer silence would end.

        Where that does not come, something was lost, and the figures say what.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + 15 + (self._silence if self._silence <= LONG_SILENCE else 0)
        while True:
            if await self._open() == self._still_open() or loop.time() > end:
                return
            await asyncio.sleep(0.1)

    async def _open(self) -> int:
        return int(await self._exporter.value("exporter_open_sessions", lifecycle="upload"))

    def _still_open(self) -> int:
        return self._oracle.stories.never_ended if self._silence > LONG_SILENCE else 0

    def _compared(self, before: Samples, page: Samples) -> Run:
        oracle, figures = self._oracle, self._figures
        wait = 10.0 if self._silence > LONG_SILENCE else self._silence + 10
        counted = model.counted(oracle.acknowledged, silence=self._silence, wait=wait)
        expected = model.samples(counted.store)
        run = Run(figures, before, page, expected, oracle.sent_events, oracle.answered_events)
        run.differences = model.differences(page, expected)
        figures.records_replayed = sum(self._exporter.replayed())
        figures.acknowledged_beacons = len(oracle.acknowledged)
        figures.acknowledged_events = sum(post.events for post in oracle.acknowledged)
        figures.repeated_beacons = oracle.repeats
        figures.unanswered_requests = oracle.unanswered
        seconds = sorted(oracle.seconds)
        figures.answer_p50_ms = round(1000 * seconds[len(seconds) // 2], 1)
        figures.answer_p99_ms = round(1000 * seconds[len(seconds) * 99 // 100], 1)
        figures.series_compared = len(model.comparable(page))
        figures.series_that_differ = len(run.differences)
        figures.difference_of_events = accepted(page) - figures.acknowledged_events
        figures.uploads_open = int(
            page["exporter_open_sessions", frozenset({("lifecycle", "upload")})]
        )
        figures.uploads_open_expected = next(counted.sessions.counts())[1]
        self._delivered_points(model.contents(model.model_points(counted)))
        return run

    def _delivered_points(self, expected: Any) -> None:
        figures = self._figures
        delivered = model.contents(model.points(self._sink.taken))
        figures.points_expected = expected.total()
        figures.points_delivered = delivered.total()
        figures.points_missing = (expected - delivered).total()
        figures.points_too_many = (delivered - expected).total()

    async def _stored(self) -> None:
        """Compare with VictoriaMetrics, which keeps milliseconds, and 0 for a text."""
        sent: set[Sample] = {
            (f"{measurement}_{name}", tags, stamp // 10**6)
            for (measurement, tags, stamp), fields in model.points(self._sink.taken).items()
            for name in fields
        }
        found: list[list[Sample]] = []

        async def complete() -> bool:
            """New series are found a moment after they were taken, so this asks more than once."""
            found.append(
                [
                    (
                        each["metric"]["__name__"],
                        frozenset(pair for pair in each["metric"].items() if pair[0] != "__name__"),
                        stamp,
                    )
                    for each in await self._victoria.export()
                    for stamp in each["timestamps"]
                ]
            )
            return len(found) == 10 or sent <= set(found[-1])

        await until(complete)
        stored = found[-1]
        figures = self._figures
        figures.samples_in_victoria_metrics = len(stored)
        figures.samples_missing = len(sent - set(stored))
        figures.samples_too_many = len(stored) - len(sent & set(stored))

    async def _seen_by_prometheus(self, run: Run) -> None:
        """Resets, and the increase from the first scrape to the last against the truth."""
        (ups,) = await self._prometheus.ask("up[1h]")
        worked = [at for at, value in ups["values"] if value == "1"]
        figures = self._figures
        figures.scrapes = len(ups["values"])
        figures.scrapes_that_failed = figures.scrapes - len(worked)
        window = f"[{round((worked[-1] - worked[0]) * 1000)}ms]"
        names = sorted({name for name, _ in model.durable(run.page)})
        for name in names:
            run.resets += await self._prometheus.ask(f"resets({name}{window}) > 0", worked[-1])
        figures.resets_seen_by_prometheus = sum(float(each["value"][1]) for each in run.resets)
        figures.largest_error_of_increase = await self._largest_error(
            run, names, window, worked[-1]
        )

    async def _largest_error(self, run: Run, names: list[str], window: str, at: float) -> float:
        """Over all durable series; a window from scrape to scrape leaves nothing to guess."""
        grown: Samples = {}
        for name in names:
            for each in await self._prometheus.ask(f"increase({name}{window})", at):
                labels = each["metric"].items()
                told = frozenset(pair for pair in labels if pair[0] not in {"instance", "job"})
                grown[name, told] = float(each["value"][1])
        largest = 0.0
        for key, value in model.durable(run.page).items():
            truth = value - run.before[key]
            error = abs(grown[key] - truth)
            largest = max(largest, error / truth if truth else error)
        return largest


async def experiment(
    folder: Path,
    *,
    kills: int,
    longest: float,
    seed: int,
    silence: float,
    workers: int,
    pause: float,
) -> Run:
    """One run; ``longest`` is the longest time in seconds between two kills."""
    return await Experiment(folder, seed=seed, silence=silence).run(kills, longest, workers, pause)


def main() -> int:
    """Run and print the figures; 1 where a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--longest", type=float, default=4.0, help="seconds between two kills")
    parser.add_argument("--silence", type=float, default=30.0, help="patience of an upload, in s")
    parser.add_argument("--workers", type=int, default=32, help="stories told at the same time")
    parser.add_argument("--pause", type=float, default=0.05, help="mean pause of each, in s")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = asyncio.run(experiment(Path(folder), **vars(asked)))
    sys.stdout.write(json.dumps(asdict(run.figures), indent=2) + "\n")
    for key, (found, expected) in sorted(run.differences.items(), key=str):
        sys.stdout.write(f"{key}: {found}, should be {expected}\n")
    for reset in run.resets:
        sys.stdout.write(f"reset: {reset}\n")
    figures = run.figures
    return int(
        bool(
            run.differences
            or run.resets
            or figures.points_missing
            or figures.points_too_many
            or figures.samples_missing
            or figures.samples_too_many
            or figures.uploads_open != figures.uploads_open_expected
        )
    )


if __name__ == "__main__":
    sys.exit(main())

"""Break everything around the exporter again and again under load, and count what it promised.

``python -m tests.durability.prove --kills 500 --events 1000000`` prints the figures of
docs/promises.md. An oracle sends the load and knows every acknowledged event; the pure pipeline,
run here over them, says what every label must be.
"""

import argparse
import asyncio
import json
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack, closing, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from tests.durability import model
from tests.durability.faults import FAULTS, Faults, Order
from tests.durability.figures import Figures
from tests.durability.patience import Patience
from tests.durability.processes import (
    PATIENCE,
    Exporter,
    Prometheus,
    Samples,
    VictoriaMetrics,
    accepted,
    conserved,
    until,
)
from tests.durability.traffic import Oracle
from tests.durability.wall import WallClock
from tests.sinks.server import Sink

SILENCE = 7200
"""Patience with whatever may end, in seconds: longer than a run, so that nobody is given up."""

MINUTE = 120
"""Seconds in which what is counted by the minute is counted."""

WINDOW = 4 * SILENCE
"""An id is recognised for half of it, so through the step of the clock at the end as well."""

AGAIN = 100
"""Beacons that are sent again at the end, after the clock was stepped."""

ENDED = {
    "upload": "video_upload_ended_total",
    "play": "video_playback_ended_total",
    "generation": "video_generation_ended_total",
    "web_session": "video_web_sessions_total",
}
"""Of the lifecycles that silence ends: where their ends are counted."""

Sample = tuple[str, frozenset[tuple[str, str]], int]
"""Of VictoriaMetrics: name, labels, milliseconds."""


class Plan(NamedTuple):
    """What to do: a run ends when it has as many kills and events as are wanted."""

    seed: int
    kills: int
    events: int
    longest: float = 2.0
    """Seconds between two faults, and of one, at the most."""
    workers: int = 24
    pause: float = 0.03
    batches: int = 12
    share_of_kills: float = 0.8
    patience: float = 1800.0
    faults: AbstractSet[str] = FAULTS
    settled: float = 30.0
    """Seconds in which what was acknowledged must be in every label, on a busy machine."""
    every_label_each: int = 8
    """After so many kills every label is compared; after each other fault it always is."""


class BrokenError(AssertionError):
    """A promise was broken; the message says which, and after what."""


@dataclass
class Run:
    """Everything that tests ask about a run."""

    figures: Figures
    before: Samples
    page: Samples
    sent_events: int = 0
    answered_events: int = 0
    resets: list[dict[str, Any]] = field(default_factory=list)


class Proof:
    """One exporter, its load, its sink, its clock and its Prometheus, and what happens to them."""

    def __init__(self, folder: Path, plan: Plan, exporter: Exporter | None = None) -> None:
        self._plan = plan
        self._random = random.Random(plan.seed)  # noqa: S311 - a seed, not a secret
        # What others ask for when it suits them must not change which fault comes next.
        self._losing = random.Random(plan.seed + 1)  # noqa: S311 - the same
        self._victoria = VictoriaMetrics(folder / "victoria")
        self._sink = Sink(f"{self._victoria.url}/api/v2/write")
        self._sink.lose_answer = self._lose_answer
        self._wall = WallClock(folder / "wall")
        self._exporter = exporter or Exporter(folder / "exporter")
        self._exporter.configure(
            {
                "JOURNAL__CHECKPOINT_SECONDS": 0.3,
                "SESSIONS__SETTLE_SECONDS": 0.2,
                **model.patient(SILENCE),
                "DEDUP__WINDOW_SECONDS": WINDOW,
                "INFLUX__EVERY_SECONDS": 0.2,
                "INFLUX__TIMEOUT_SECONDS": 2,
            }
        )
        self._exporter.environment |= self._wall.environment
        self._exporter.hash_with(model.KEY)
        self._patience = Patience(folder / "patience", self._wall, plan.patience)
        self._prometheus = Prometheus(folder / "prometheus", self._exporter.target)
        self._oracle = Oracle(self._exporter.url, seed=plan.seed, batches=plan.batches)
        self._truth = model.Truth(silence=SILENCE)
        self._figures = Figures(plan.seed)
        self._leapt = 0
        self._faults = Faults(
            folder,
            exporter=self._exporter,
            sink=self._sink,
            wall=self._wall,
            oracle=self._oracle,
            figures=self._figures,
            chance=self._random,
            longest=plan.longest,
        )

    def _lose_answer(self) -> bool:
        lost = self._losing.random() < 0.1
        self._figures.answers_lost_by_sink += lost
        return lost

    async def run(self) -> Run:
        """Load and faults, an audit after each, a quiet end; then compare with everybody."""
        self._began = time.monotonic()
        async with AsyncExitStack() as running:
            await running.enter_async_context(self._victoria)
            await running.enter_async_context(self._sink.serving())
            self._exporter.configure({"INFLUX__URL": self._sink.url})
            await running.enter_async_context(self._exporter)
            await running.enter_async_context(self._patience.exporter)
            await running.enter_async_context(self._prometheus)
            await until(self._scraped)
            run = Run(self._figures, await self._exporter.samples(), {})
            await self._under_load()
            await self._patience.comes_back()
            await self._end(run)
            await self._stored()
        self._figures.seconds = round(time.monotonic() - self._began, 1)
        return run

    async def _scraped(self) -> bool:
        return bool(await self._prometheus.ask("video_upload_started_total"))

    async def _under_load(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                patient = group.create_task(self._patience.given_up())
                load = group.create_task(self._oracle.run(self._plan.workers, self._plan.pause))
                await self._attack(patient)
                self._oracle.stopping = True
                await load
        except ExceptionGroup as failures:
            # Each is tried at the same time; the first that fails ends the others.
            raise failures.exceptions[0] from failures
        self._figures.patience_seconds = self._plan.patience
        self._figures.given_up_after_seconds = patient.result()

    async def _attack(self, patient: asyncio.Task[tuple[float, float]]) -> None:
        order = Order(self._plan.faults, self._random, self._plan.share_of_kills)
        plan, figures = self._plan, self._figures
        while (
            not order.had_all
            or figures.kills < plan.kills
            or sum(self._truth.events.values()) < plan.events
            or not patient.done()
        ):
            fault = order.next()
            figures.faults[fault] = figures.faults.get(fault, 0) + 1
            try:
                await self._faults.while_it_lasts()
                await self._faults.let(fault)
                await self._audit(fault)
            except AssertionError as error:
                raise BrokenError(f"after {fault}, {figures.faults}: {error}") from error
            self._tell(fault)

    def _tell(self, fault: str) -> None:
        """One line for whoever waits."""
        figures = self._figures
        seconds = round(time.monotonic() - self._began)
        events = sum(self._truth.events.values())
        series = f"{figures.series_not_zero} of {figures.series_compared} series not 0"
        sys.stderr.write(
            f"{seconds} s, {figures.kills} kills, {events} events, {series}: {fault}\n"
        )

    async def _audit(self, fault: str) -> None:
        """Let everybody wait a moment, and compare what is counted with what was acknowledged."""
        async with asyncio.timeout(PATIENCE):
            await self._oracle.hold()
        self._learn()
        page = await self._exporter.samples()
        conserved(page)
        found = {
            dict(labels)["type"]: value
            for (name, labels), value in page.items()
            if name == "exporter_events_accepted_total" and value
        }
        expected = dict(self._truth.events)
        for kind in model.ANEW & expected.keys():
            expected[kind] = max(expected[kind], int(found.get(kind, 0)))
        assert found == expected, f"accepted {found}, acknowledged {expected}"
        if fault != "kill" or not self._figures.audits % self._plan.every_label_each:
            await self._every_label()
        if fault.startswith("sink"):
            await self._exporter.delivered()
        self._figures.audits += 1
        self._oracle.release()

    def _learn(self) -> None:
        for post in self._oracle.acknowledged[self._truth.posts :]:
            self._truth.learn(post)

    async def _every_label(self, *, minute_over: bool = False) -> Samples:
        """Compare all that survives a crash, when what has ended is counted; returns the page."""
        self._truth.wait(2.0)
        expected = model.samples(self._truth.pipeline)
        end = time.monotonic() + self._plan.settled
        while True:
            page = await self._exporter.samples()
            off = model.differences(page, expected, minute_over=minute_over)
            if not off:
                break
            assert time.monotonic() < end, f"is and should be: {off}"
            await asyncio.sleep(0.2)
        self._figures.audits_of_every_label += 1
        compared = model.comparable(page, minute_over=minute_over)
        self._figures.series_compared = len(compared)
        self._figures.series_not_zero = sum(value != 0 for value in compared.values())
        return page

    async def _end(self, run: Run) -> None:
        """Nobody sends; the clock is stepped, so everybody is given up; who repeats is known."""
        figures, oracle, exporter = self._figures, self._oracle, self._exporter
        self._learn()
        before = _ended(await self._every_label())
        going_on = {name: still for name, still, _ in self._truth.pipeline.sessions.counts()}
        figures.given_up_expected = {name: going_on[name] for name in ENDED}
        await self._leap(SILENCE + 60)
        after = _ended(await self._every_label())
        figures.given_up_at_the_end = {name: after[name] - before[name] for name in ENDED}
        # What silence has concluded belongs to a minute, which has to be over as well.
        await self._leap(MINUTE)
        page = await self._every_label(minute_over=True)
        again = await oracle.repeat(AGAIN)
        await exporter.delivered()
        run.page = await self._every_label(minute_over=True)
        duplicate = "exporter_events_duplicate_total", frozenset[tuple[str, str]]()
        assert run.page[duplicate] - page[duplicate] >= again
        await asyncio.sleep(2.5)  # Prometheus sees the end, twice
        await self._seen_by_prometheus(run)
        self._answers(run)
        assert await exporter.stop() == 0
        self._points()

    async def _leap(self, seconds: int) -> None:
        """Let the clock be so much later after a crash; nothing comes in between."""
        self._leapt += seconds
        self._wall.set(self._leapt)
        await self._exporter.kill()
        await self._exporter.start()
        self._truth.wait(seconds)

    def _answers(self, run: Run) -> None:
        figures, oracle = self._figures, self._oracle
        run.sent_events, run.answered_events = oracle.sent_events, oracle.answered_events
        figures.records_replayed = sum(self._exporter.replayed())
        figures.acknowledged_beacons = len(oracle.acknowledged)
        figures.acknowledged_events = sum(post.events for post in oracle.acknowledged)
        known = sum(post.events for post in oracle.acknowledged if not post.anew)
        figures.repeated_beacons = oracle.repeats
        figures.answers_503 = oracle.answers[503]
        figures.unanswered_requests = oracle.unanswered
        seconds = sorted(oracle.seconds)
        figures.answer_p50_ms = round(1000 * seconds[len(seconds) // 2], 1)
        figures.answer_p99_ms = round(1000 * seconds[len(seconds) * 99 // 100], 1)
        figures.difference_of_events = accepted(run.page) - model.accepted_anew(run.page) - known

    def _points(self) -> None:
        """What the sink took or refused for good against what there was to tell."""
        figures, taken = self._figures, self._sink.taken
        with closing(sqlite3.connect(self._exporter.directory / "state.db")) as db:
            aside = [line for (line,) in db.execute("SELECT line FROM set_aside ORDER BY number")]
        expected = model.contents(model.model_points(self._truth.pipeline))
        found = model.contents(model.points([*taken, *aside]))
        figures.points_expected = expected.total()
        figures.points_delivered = model.contents(model.points(taken)).total()
        figures.points_set_aside = len(aside)
        figures.points_missing = (expected - found).total()
        figures.points_too_many = (found - expected).total()

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
            found[:] = [await self._exported()]
            return sent <= set(found[0])

        with suppress(AssertionError):  # then the figures say what is missing
            await until(complete)
        stored = found[-1]
        figures = self._figures
        figures.samples_in_victoria_metrics = len(stored)
        figures.samples_missing = len(sent - set(stored))
        figures.samples_too_many = len(stored) - len(sent & set(stored))

    async def _exported(self) -> list[Sample]:
        return [
            (
                each["metric"]["__name__"],
                frozenset(pair for pair in each["metric"].items() if pair[0] != "__name__"),
                stamp,
            )
            for each in await self._victoria.export()
            for stamp in each["timestamps"]
        ]

    async def _seen_by_prometheus(self, run: Run) -> None:
        """Resets, and the increase from the first scrape to the last against the truth."""
        (ups,) = await self._prometheus.ask("up[4h]")
        worked = [at for at, value in ups["values"] if value == "1"]
        figures = self._figures
        figures.scrapes = len(ups["values"])
        figures.scrapes_that_failed = figures.scrapes - len(worked)
        window = f"[{round((worked[-1] - worked[0]) * 1000)}ms]"
        names = sorted({name for name, _ in model.counted(run.page)})
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
        for key, value in model.counted(run.page).items():
            truth = value - run.before[key]
            error = abs(grown[key] - truth)
            largest = max(largest, error / truth if truth else error)
        return largest


def _ended(page: Samples) -> dict[str, int]:
    """How many are over, by lifecycle."""
    return {
        lifecycle: int(sum(value for (name, _), value in page.items() if name == family))
        for lifecycle, family in ENDED.items()
    }


def main() -> int:
    """Run and print the figures; 1 where a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500, help="at least so many")
    parser.add_argument("--events", type=int, default=1_000_000, help="acknowledged, at least")
    parser.add_argument("--longest", type=float, default=1.5, help="seconds that a fault lasts")
    parser.add_argument("--workers", type=int, default=24, help="stories told at the same time")
    parser.add_argument("--pause", type=float, default=0.03, help="mean pause of each, in s")
    parser.add_argument("--batches", type=int, default=12, help="bodies of 20 to 50 events, of 55")
    parser.add_argument("--patience", type=float, default=1800.0, help="of an upload, in s")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    plan = Plan(**vars(parser.parse_args()))
    sys.stderr.write(f"seed {plan.seed}\n")
    with tempfile.TemporaryDirectory() as folder:
        try:
            run = asyncio.run(Proof(Path(folder), plan).run())
        except AssertionError as broken:
            sys.stderr.write(f"broken: {broken}\n")
            return 1
    sys.stdout.write(json.dumps(asdict(run.figures), indent=2) + "\n")
    for reset in run.resets:
        sys.stdout.write(f"reset: {reset}\n")
    for name in run.figures.broken:
        sys.stdout.write(f"broken: {name}\n")
    return int(bool(run.figures.broken))


if __name__ == "__main__":
    sys.exit(main())

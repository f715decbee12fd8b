"""What runs on a timer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator

import pytest

from exporter import telemetry
from exporter.clock import Clock
from exporter.jobs import Job, Jobs
from exporter.store import Store
from exporter.telemetry import ByJob, JobName
from tests.pipelines import CATALOGUE

EVERY = 0.02
SECONDS = 10.0


@pytest.fixture
def process() -> Store:
    return Store(telemetry.PROCESS, CATALOGUE.members)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Leave the level of apscheduler's log as it was."""
    log = logging.getLogger("apscheduler")
    level = log.level
    yield
    log.setLevel(level)


class Work:
    """Counts its runs and how many of them run at once."""

    def __init__(self, does: Callable[[], Awaitable[None]]) -> None:
        self._does = does
        self.runs = self.running = self.most = 0

    async def __call__(self) -> None:
        self.runs += 1
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self._does()
        finally:
            self.running -= 1

    async def until(self, runs: int) -> None:
        async with asyncio.timeout(SECONDS):
            while self.runs < runs:  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(0.005)


async def nothing() -> None:
    """Be done."""


async def fails() -> None:
    raise ValueError("c4n4ry")


def jobs(process: Store, *timetable: Job) -> Jobs:
    return Jobs(timetable, process=process, clock=Clock(lambda: 1000.0, lambda: 0.0))


async def test_a_job_runs_again_and_again_and_says_when_it_succeeded(process: Store) -> None:
    work = Work(nothing)
    found = jobs(process, Job(JobName.TICK, EVERY, work))
    found.start()
    await work.until(3)
    await found.stop(SECONDS)
    runs = work.runs
    await asyncio.sleep(3 * EVERY)

    assert found.succeeded == {JobName.TICK: 1000.0}
    assert work.runs <= runs + 1
    assert process.value(telemetry.JOB_ERRORS, ByJob(JobName.TICK)) == 0


async def test_a_job_that_fails_is_counted_and_runs_again_and_stops_no_other(
    process: Store, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = Work(fails), Work(nothing)
    found = jobs(process, Job(JobName.CHECKPOINT, EVERY, bad), Job(JobName.DELIVER, EVERY, good))
    found.start()
    await bad.until(3)
    await good.until(3)
    await found.stop(SECONDS)

    assert set(found.succeeded) == {JobName.DELIVER}
    assert process.value(telemetry.JOB_ERRORS, ByJob(JobName.CHECKPOINT)) >= 2
    assert process.value(telemetry.CHECKPOINT_ERRORS) >= 2
    assert "checkpoint failed and will run again" in caplog.text


async def test_a_job_that_takes_long_never_runs_twice_at_once(process: Store) -> None:
    async def slow() -> None:
        await asyncio.sleep(4 * EVERY)

    work = Work(slow)
    found = jobs(process, Job(JobName.DISK, EVERY, work))
    found.start()
    await work.until(3)
    await found.stop(SECONDS)

    assert work.most == 1


async def test_a_stop_lets_a_run_end_by_itself(process: Store) -> None:
    ended = []

    async def slow() -> None:
        await asyncio.sleep(4 * EVERY)
        ended.append(True)

    work = Work(slow)
    found = jobs(process, Job(JobName.CHECKPOINT, EVERY, work))
    found.start()
    await work.until(1)
    await found.stop(SECONDS)

    assert ended == [True]
    assert work.runs == 1


async def test_a_stop_does_not_wait_for_ever_and_is_no_error(
    process: Store, caplog: pytest.LogCaptureFixture
) -> None:
    work = Work(lambda: asyncio.sleep(SECONDS))
    found = jobs(process, Job(JobName.DELIVER, EVERY, work))
    found.start()
    await work.until(1)
    async with asyncio.timeout(SECONDS / 2):
        await found.stop(EVERY)
        while work.running:  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(EVERY)

    assert process.value(telemetry.JOB_ERRORS, ByJob(JobName.DELIVER)) == 0
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]

"""What runs on a timer, and what runs by the clock. apscheduler lives here.

A timer counts seconds by the monotonic clock: a step of the wall clock neither stops it nor makes
it catch up. apscheduler reads the wall clock, which is right for an hour of the day alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final, NamedTuple, cast
from zoneinfo import ZoneInfo

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from exporter import telemetry
from exporter.clock import Clock
from exporter.store import Store
from exporter.telemetry import ByJob, JobName

log = logging.getLogger(__name__)


RETRY_MINUTES: Final = 10
"""What is done by the clock is begun again this often while its hour lasts; the work knows when it
is done for the day."""


LOOK_SECONDS: Final = 60.0
"""The wall clock may have been set: so often is looked whether the hour of something has come."""


class Hour(NamedTuple):
    """An hour of each day, or of one day of the week (``mon``), by the clock of a zone."""

    zone: ZoneInfo
    hour: int
    weekday: str = "*"

    def trigger(self) -> dict[str, Any]:
        """The same as apscheduler says it."""
        return {
            "trigger": "cron",
            "day_of_week": self.weekday,
            "hour": self.hour,
            "minute": f"*/{RETRY_MINUTES}",
            "timezone": self.zone,
        }


class Job(NamedTuple):
    """What to do, and when: so many seconds after it was begun last, or in an hour of the day."""

    name: JobName
    every: float | Hour
    work: Callable[[], Awaitable[None]]


class Jobs:
    """Runs jobs, never two of one kind at once; counts failures and goes on."""

    def __init__(self, jobs: tuple[Job, ...], *, process: Store, clock: Clock) -> None:
        self._jobs = jobs
        self._process = process
        self._clock = clock
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        self.succeeded: dict[JobName, float] = {}
        self._timers: list[asyncio.Task[None]] = []
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = False

    def last_successes(self) -> Iterator[tuple[JobName, float]]:
        """When each job that runs all the time last did its work; 0 where it has not yet."""
        for job in self._jobs:
            if not isinstance(job.every, Hour):
                yield job.name, self.succeeded.get(job.name, 0.0)

    def start(self) -> None:
        """Begin, on the running loop."""
        # apscheduler tells of every turn that a slow run skips; what fails is logged here.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        for job in self._jobs:
            if isinstance(job.every, Hour):
                self._scheduler.add_job(
                    self._run,
                    args=(job,),
                    **job.every.trigger(),
                    coalesce=True,
                    max_instances=1,
                    misfire_grace_time=None,
                )
            else:
                self._timers.append(asyncio.create_task(self._repeat(job, job.every)))
        self._scheduler.start()
        self._timers.append(asyncio.create_task(self._look()))

    async def stop(self, seconds: float) -> None:
        """Begin nothing more, and give what runs so many seconds to end by itself."""
        self._stopping = True
        self._scheduler.pause()
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)
        self._scheduler.shutdown(wait=False)
        for timer in self._timers:
            timer.cancel()

    async def _repeat(self, job: Job, seconds: float) -> None:
        """Run a job so many seconds after it was begun last, or as soon as it has ended."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while not self._stopping:
            due = max(due + seconds, loop.time())
            await asyncio.sleep(due - loop.time())
            await self._run(job)

    async def _look(self) -> None:
        while not self._stopping:
            await asyncio.sleep(LOOK_SECONDS)
            self._scheduler.wakeup()

    async def _run(self, job: Job) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._running.add(task)
        try:
            await job.work()
        except asyncio.CancelledError:
            # Only a stop does this, to what did not end in time; it is no error of the job.
            log.info("the job %s was stopped", job.name)
        except Exception:
            log.exception("the job %s failed and will run again", job.name)
            self._process.count(telemetry.JOB_ERRORS, ByJob(job.name))
            if job.name is JobName.CHECKPOINT:
                self._process.count(telemetry.CHECKPOINT_ERRORS, ())
        else:
            self.succeeded[job.name] = self._clock.now()
        finally:
            self._running.discard(task)

"""What runs on a timer. apscheduler lives here."""

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


class Hour(NamedTuple):
    """An hour of each day, or of one day of the week (``mon``), by the clock of a zone."""

    zone: ZoneInfo
    hour: int
    weekday: str = "*"


class Job(NamedTuple):
    """What to do, and when: so many seconds after it was begun last, or in an hour of the day."""

    name: JobName
    every: float | Hour
    work: Callable[[], Awaitable[None]]

    def trigger(self) -> dict[str, Any]:
        """The same as apscheduler says it."""
        if isinstance(self.every, Hour):
            return {
                "trigger": "cron",
                "day_of_week": self.every.weekday,
                "hour": self.every.hour,
                "minute": f"*/{RETRY_MINUTES}",
                "timezone": self.every.zone,
            }
        return {"trigger": "interval", "seconds": self.every}


class Jobs:
    """Runs jobs, never two of one kind at once; counts failures and goes on."""

    def __init__(self, jobs: tuple[Job, ...], *, process: Store, clock: Clock) -> None:
        self._jobs = jobs
        self._process = process
        self._clock = clock
        self._scheduler = AsyncIOScheduler(timezone="UTC")
        self.succeeded: dict[JobName, float] = {}
        self._running: set[asyncio.Task[None]] = set()

    def last_successes(self) -> Iterator[tuple[JobName, float]]:
        """When each job that runs all the time last did its work; 0 where it has not yet."""
        for job in self._jobs:
            if not isinstance(job.every, Hour):
                yield job.name, self.succeeded.get(job.name, 0.0)

    def start(self) -> None:
        """Begin, on the running loop."""
        # apscheduler tells of every run, once a second, and of every turn that a slow run skips;
        # what matters of that is exporter_job_last_success_timestamp_seconds.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        for job in self._jobs:
            self._scheduler.add_job(
                self._run,
                args=(job,),
                **job.trigger(),
                coalesce=True,
                max_instances=1,
                misfire_grace_time=None,
            )
        self._scheduler.start()

    async def stop(self, seconds: float) -> None:
        """Begin nothing more, and give what runs so many seconds to end by itself."""
        self._scheduler.pause()
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)
        self._scheduler.shutdown(wait=False)

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

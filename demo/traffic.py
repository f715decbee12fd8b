"""Believable traffic for an exporter, with good hours and bad hours.

Run `python -m demo.traffic --url http://127.0.0.1:8080`. It goes on until Ctrl-C, or until what
--uploads or --seconds asks for is sent; then --truth writes what must have been counted.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import heapq
import json
import math
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from random import Random
from typing import Final

import aiohttp

from demo.hours import Hour
from demo.message import Message
from demo.model import HOSTILE, PEACE, Model, Run
from demo.scenes import SCENES
from demo.scenes.flow import Scene, Times
from demo.truth import Truth

AT_ONCE: Final = 64
"""Requests under way."""

TIMEOUT: Final = aiohttp.ClientTimeout(total=10.0)

RETRY_SECONDS: Final = 0.5


class NotTakenError(Exception):
    """The exporter refused a beacon for good."""


class Sender:
    """Sends the messages of a run when they are due; what is not taken is sent again."""

    def __init__(self, url: str, run: Run, speed: float) -> None:
        self._url = url.rstrip("/")
        self._run = run
        self._speed = speed
        self._room = asyncio.Semaphore(AT_ONCE)
        self._hour = -1
        self._away = False
        self.answers: Counter[int] = Counter()

    async def send(self, messages: Iterable[Message]) -> None:
        """Send everything; returns when the last one is answered."""
        began = time.monotonic()
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT) as http,
            asyncio.TaskGroup() as tasks,
        ):
            for message in messages:
                await asyncio.sleep(began + message.at / self._speed - time.monotonic())
                self._announce(self._run.hour(message.at))
                await self._room.acquire()
                tasks.create_task(self._deliver(http, message))

    async def _deliver(self, http: aiohttp.ClientSession, message: Message) -> None:
        """Until it is acknowledged: the same bytes again are recognised, so nothing doubles."""
        try:
            while True:
                if await self._post(http, message):
                    return
                await asyncio.sleep(RETRY_SECONDS)
        finally:
            self._room.release()

    async def _post(self, http: aiohttp.ClientSession, message: Message) -> bool:
        url = self._url + message.path
        try:
            async with http.post(url, data=message.body, headers=message.headers) as answer:
                status, text = answer.status, await answer.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            self._tell_reachable(type(error).__name__)
            return False
        self.answers[status] += 1
        if status in {429, 503}:
            self._tell_reachable(f"it answers {status}")
            return False
        self._tell_reachable("")
        # Some clients are answered in words of their own, and players in none.
        said = json.loads(text) if text else {}
        if status >= HTTPStatus.BAD_REQUEST or said.get("rejected"):
            raise NotTakenError(f"{message.path} answered {status} {text}")
        return True

    def _tell_reachable(self, why_not: str) -> None:
        if bool(why_not) != self._away:
            self._away = bool(why_not)
            say(
                f"{self._url} takes nothing: {why_not}. Trying again."
                if why_not
                else "Taken again."
            )

    def _announce(self, hour: Hour) -> None:
        if hour.number == self._hour:
            return
        was_quiet = self._hour >= 0 and not self._run.hour(hour.begins - 1e-6).bad
        self._hour = hour.number
        if hour.bad:
            say(f"A BAD HOUR BEGINS: {hour.weather.story}.")
            say("Alerts come when uploads that start now have ended, and a minute after that.")
        elif not was_quiet:
            say(f"A good hour begins: {hour.weather.story}. {self._forecast(hour)}")

    def _forecast(self, hour: Hour) -> str:
        run = self._run
        begins = hour.begins + run.hour_seconds * (0.5 if hour.number == 0 else 1.0)
        while not run.hour(begins + 1e-6).bad:
            begins += run.hour_seconds
        wait = timedelta(seconds=(begins - hour.begins) / self._speed)
        return f"The next bad one begins at {datetime.now().astimezone() + wait:%H:%M:%S}."


def say(text: str) -> None:
    """Tell whoever watches."""
    sys.stdout.write(f"{datetime.now().astimezone():%H:%M:%S} {text}\n")
    sys.stdout.flush()


async def traffic(url: str, run: Run, speed: float, scenes: Sequence[Scene]) -> Truth | None:
    """Send a run; returns the truth of it, or None where somebody stopped it before its end."""
    sender, model = Sender(url, run, speed), Model(run)
    times = Times(run.epoch, run.hour_seconds, run.seconds)
    others = (scene(times, Random(f"{run.seed}-{n}")) for n, scene in enumerate(scenes))
    messages = heapq.merge(model.messages(), *others, key=lambda message: message.at)
    sending = asyncio.ensure_future(sender.send(messages))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, sending.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await sending
    said = ", ".join(
        f"{count} answers {status}" for status, count in sorted(sender.answers.items())
    )
    say(f"Sent: {said or 'nothing'}.")
    return None if sending.cancelled() else model.truth


def main() -> None:
    """Read the command line and send."""
    options = argparse.ArgumentParser(prog="python -m demo.traffic", description=__doc__)
    options.add_argument("--url", default="http://127.0.0.1:8080", help="the public port")
    options.add_argument("--hour-seconds", type=float, default=120.0, help="how long an hour takes")
    options.add_argument("--rate", type=float, default=2.0, help="uploads a second")
    options.add_argument("--speed", type=float, default=1.0, help="times as fast; inf: no waiting")
    options.add_argument("--seed", type=int, default=1, help="another seed, other people")
    options.add_argument("--uploads", type=float, default=math.inf, help="so many, then stop")
    options.add_argument("--seconds", type=float, default=math.inf, help="begin none after that")
    options.add_argument("--uploads-only", action="store_true", help="no other domain")
    options.add_argument("--hostile", action="store_true", help="repeat, shuffle, wrong clocks")
    options.add_argument("--truth", type=Path, help="write here what must have been counted")
    chosen = options.parse_args()
    if chosen.truth and math.isinf(min(chosen.uploads, chosen.seconds)):
        options.error("--truth needs an end: --uploads or --seconds")
    run = Run(
        epoch=time.time(),
        seed=chosen.seed,
        rate=chosen.rate,
        hour_seconds=chosen.hour_seconds,
        uploads=chosen.uploads,
        seconds=chosen.seconds,
        hostility=HOSTILE if chosen.hostile else PEACE,
    )
    try:
        # Of the other domains nobody keeps a truth, and a number of uploads ends them alone.
        alone = chosen.uploads_only or chosen.truth or math.isfinite(chosen.uploads)
        scenes = () if alone else SCENES
        truth = asyncio.run(traffic(chosen.url, run, chosen.speed, scenes))
    except* NotTakenError as errors:
        raise SystemExit(str(errors.exceptions[0])) from errors
    if chosen.truth and truth is None:
        raise SystemExit("Stopped before its end, so nobody knows the truth of it.")
    if chosen.truth and truth:
        chosen.truth.write_text(json.dumps(truth.document(), indent=1) + "\n")


if __name__ == "__main__":
    main()

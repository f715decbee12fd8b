"""What can happen to an exporter, one thing at a time; each ends with nothing in its way."""

import asyncio
import random
import shutil
import signal
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

from aiohttp import web

from tests.durability.disk import MEGABYTE, Filler, small_disk
from tests.durability.figures import Figures
from tests.durability.processes import Exporter, until
from tests.durability.traffic import Oracle
from tests.durability.wall import DAY, WallClock
from tests.sinks.server import Fault, Sink, always, hang, refuse

CHECKPOINTS = (0.05, 0.3, 1.0)
"""Seconds between checkpoints; another choice after each kill."""

ONE_LINE_IN = 23
"""The sink refuses one line of so many, for good, while it refuses any."""

ROOM = 16 * MEGABYTE
"""Of the small disk, beside what the exporter brings."""


FAULTS = frozenset(
    {
        "kill",
        "freeze",
        "stop",
        "disk",
        "clock ahead",
        "clock behind",
        "sink refused",
        "sink hanging",
        "sink slow",
        "sink 500",
        "sink 400 on one line",
        "sink cuts requests",
        "sink cuts answers",
    }
)


class Faults:
    """Everything that may happen. ``longest`` is how long one may last, in seconds."""

    def __init__(
        self,
        folder: Path,
        *,
        exporter: Exporter,
        sink: Sink,
        wall: WallClock,
        oracle: Oracle,
        figures: Figures,
        chance: random.Random,
        longest: float,
    ) -> None:
        self._folder = folder
        self._exporter = exporter
        self._sink = sink
        self._wall = wall
        self._oracle = oracle
        self._figures = figures
        self._random = chance
        self._longest = longest
        self._all: dict[str, Callable[[], Awaitable[None]]] = {
            "kill": self._kill,
            "freeze": self._freeze,
            "stop": self._stop,
            "disk": self._disk,
            "clock ahead": self._clock_ahead,
            "clock behind": self._clock_behind,
            "sink refused": self._sink_refused,
            "sink hanging": lambda: self._sink_says(hang(60)),
            "sink slow": lambda: self._sink_says(hang(self._random.uniform(0.2, 1))),
            "sink 500": lambda: self._sink_says(always(HTTPStatus.INTERNAL_SERVER_ERROR)),
            "sink 400 on one line": self._sink_refuses_lines,
            "sink cuts requests": lambda: self._sink_cuts("cut_request"),
            "sink cuts answers": lambda: self._sink_cuts("cut_answer"),
        }

        assert self._all.keys() == FAULTS

    async def let(self, fault: str) -> None:
        """Let one happen."""
        await self._all[fault]()

    async def while_it_lasts(self) -> None:
        """Load, for a random time."""
        await asyncio.sleep(self._random.uniform(0.1, 1) * self._longest)

    def _maybe(self, probability: float) -> bool:
        return self._random.random() < probability

    async def _kill(self) -> None:
        await self._end_by_kill()
        while self._maybe(0.2):
            # Again, before or while it counts what the journal holds.
            await asyncio.sleep(self._random.uniform(0.3, 1.2))
            await self._end_by_kill()
            self._figures.kills_while_starting += 1
        await self._exporter.ready()

    async def _end_by_kill(self) -> None:
        """Kill it and begin another."""
        await self._exporter.kill()
        self._figures.kills += 1
        self._exporter.configure({"JOURNAL__CHECKPOINT_SECONDS": self._random.choice(CHECKPOINTS)})
        await self._exporter.begin()

    async def _freeze(self) -> None:
        """Frozen, and then it goes on, or is killed as it is."""
        process = self._exporter.process
        process.send_signal(signal.SIGSTOP)
        await self.while_it_lasts()
        if self._maybe(0.3):
            await self._kill()
        else:
            process.send_signal(signal.SIGCONT)
        await self._more_acknowledged()

    async def _stop(self) -> None:
        await self._end_by_stop()
        await self._exporter.start()
        assert self._exporter.replayed()[-1] == 0, "a stop left something to replay"

    async def _end_by_stop(self) -> None:
        began = time.monotonic()
        code = await self._exporter.stop()
        assert code == 0, f"a stop ended with {code}: {self._exporter.log.read_text()[-2000:]}"
        seconds = round(time.monotonic() - began, 2)
        self._figures.longest_stop_seconds = max(self._figures.longest_stop_seconds, seconds)

    async def _disk(self) -> None:
        """On a small disk that is full when it starts, is so no longer, and becomes full."""
        async with self._oracle.candid():
            await self._on_a_small_disk()
        await self._exporter.start()

    async def _on_a_small_disk(self) -> None:
        await self._end_by_stop()
        home = self._exporter.directory
        size = sum(file.stat().st_size for file in home.iterdir()) + ROOM
        with small_disk(self._folder / "disk", size) as disk:
            try:
                floor = self._random.choice((0, 4 * MEGABYTE))
                self._move(home, disk / "state", floor)
                filler = Filler(disk)
                filler.fill()
                await self._exporter.start()
                await self._refused()
                await self._taken_again(filler)
                await self.while_it_lasts()
                filler.fill(leave=floor // 2)
                await self._refused()
                if self._maybe(0.5):
                    await self._kill()
                    await self._refused()
                await self._taken_again(filler)
                await self.while_it_lasts()
                await self._end_by_stop()
                self._move(disk / "state", home, 0)
            finally:
                # What has failed must not keep the disk busy.
                if self._exporter.process.returncode is None:
                    await self._exporter.kill()

    def _move(self, old: Path, new: Path, floor: int) -> None:
        shutil.move(old, new)
        self._exporter.configure({"JOURNAL__DIRECTORY": new, "JOURNAL__FLOOR_BYTES": floor})

    async def _refused(self) -> None:
        """Beacons get 503, everything else is answered, and it stays up."""
        before = self._oracle.answers[503]
        await until(lambda: self._oracle.answers[503] > before)
        await self.while_it_lasts()
        await self._exporter.samples()
        assert (await self._exporter.health("live"))[0] == 200
        assert (await self._exporter.health("ready"))[0] == 503
        self._figures.times_full += 1

    async def _taken_again(self, filler: Filler) -> None:
        filler.remove()
        seconds = round(await self._more_acknowledged(), 2)
        figures = self._figures
        figures.longest_until_taken_again_seconds = max(
            figures.longest_until_taken_again_seconds, seconds
        )

    async def _more_acknowledged(self) -> float:
        before = self._oracle.answers[202]
        return await until(lambda: self._oracle.answers[202] > before)

    async def _clock_ahead(self) -> None:
        """A step ahead and back, while it runs: nothing is given up, and timers go on."""
        self._wall.set(self._random.randrange(60, DAY))
        await self._goes_on()
        self._wall.set(0)
        await self._goes_on()

    async def _clock_behind(self) -> None:
        """A step back, a restart there, and a step ahead."""
        self._wall.set(-self._random.randrange(60, DAY))
        await self._goes_on()
        if self._maybe(0.5):
            await self._kill()
        else:
            await self._stop()
        self._wall.set(0)
        await self._goes_on()

    async def _goes_on(self) -> None:
        self._figures.clock_steps += 1
        await self.while_it_lasts()
        await self._exporter.saved()

    async def _sink_refused(self) -> None:
        async def noticed() -> bool:
            _, health = await self._exporter.health("ready")
            return bool(health["checks"]["influx"] == "unreachable")

        async with self._sink.away():
            await self._maybe_killed()
            await until(noticed)

    async def _sink_says(self, fault: Fault) -> None:
        met: list[int] = []

        async def counted(lines: Sequence[str]) -> web.Response | None:
            met.append(len(lines))
            return await fault(lines)

        async with self._sink_is("fault", counted):
            await self._maybe_killed()
            await until(lambda: len(met) > 0)

    async def _sink_refuses_lines(self) -> None:
        culprits: list[str] = []

        def is_culprit(line: str) -> bool:
            found = zlib.crc32(line.encode()) % ONE_LINE_IN == 0
            if found:
                culprits.append(line)
            return found

        async with self._sink_is("fault", refuse(is_culprit)):
            await self._maybe_killed()
            await until(lambda: len(culprits) > 0)

    async def _sink_cuts(self, what: str) -> None:
        cut: list[bool] = []
        cutting = random.Random(self._random.random())  # noqa: S311 - a seed, not a secret

        def cuts() -> bool:
            cut.append(cutting.random() < 0.7)
            return cut[-1]

        async with self._sink_is(what, cuts):
            await self._maybe_killed()
            await until(lambda: any(cut))

    @asynccontextmanager
    async def _sink_is(self, what: str, how: object) -> AsyncIterator[None]:
        usual = getattr(self._sink, what)
        setattr(self._sink, what, how)
        try:
            yield
        finally:
            setattr(self._sink, what, usual)

    async def _maybe_killed(self) -> None:
        """With the sink as it is, load, and every other time a crash."""
        await self.while_it_lasts()
        if self._maybe(0.5):
            await self._kill()
            await self.while_it_lasts()


class Order:
    """Which fault comes next: first each once, in any order, and then mostly kills."""

    def __init__(self, faults: AbstractSet[str], chance: random.Random, kills: float) -> None:
        self._faults = sorted(faults)
        self._random = chance
        self._kills = kills
        self._left = chance.sample(self._faults, len(self._faults))

    @property
    def had_all(self) -> bool:
        """Whether each came once."""
        return not self._left

    def next(self) -> str:
        """The name of the next one."""
        if self._left:
            return self._left.pop()
        if self._random.random() < self._kills:
            return "kill"
        return self._random.choice(self._faults)

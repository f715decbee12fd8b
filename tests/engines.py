"""An engine on real files under a clock that the test sets; one may be dropped, as a crash does."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from exporter import checkpoint, telemetry
from exporter.checkpoint import StateFile
from exporter.clock import Clock
from exporter.database import Kind
from exporter.dedup import Dedup
from exporter.engine import Engine
from exporter.event import Patience
from exporter.journal import Journal
from exporter.pipeline import Pipeline
from exporter.sessions import Sessions
from exporter.sinks.influx import line
from exporter.sinks.prometheus import Exposition
from exporter.store import Store
from tests.pipelines import (
    CATALOGUE,
    LIFECYCLES,
    START,
    Series,
    codec,
    conserved,
    nonzero,
    told,
)


class Engines:
    """Starts engines one after the other on the files of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = START
        self._started: list[Engine] = []

    def start(self) -> Engine:
        """Recover from what is on disk, and take entries."""
        state = StateFile(self.folder / "state.db", most_outbox_bytes=2**20)
        engine = Engine(
            journal=Journal(self.folder / "journal.db", codec()),
            state=state,
            pipeline=Pipeline(
                store=Store(CATALOGUE.durable, CATALOGUE.members),
                dedup=Dedup(7200.0),
                sessions=Sessions(LIFECYCLES, {each.name: Patience() for each in LIFECYCLES}),
            ),
            process=Store(telemetry.PROCESS, CATALOGUE.members),
            clock=Clock(lambda: self.now, lambda: 0.0),
            line=line,
        )
        self._started.append(engine)
        engine.recover()
        engine.start()
        return engine

    def wait(self, engine: Engine, seconds: float) -> None:
        """Move the clock; the next entry is that much later."""
        self.now += seconds
        engine.clock.not_before(self.now)

    def outbox(self) -> list[str]:
        """The lines that wait on disk."""
        state = StateFile(self.folder / "state.db", most_outbox_bytes=2**20)
        parcel = state.next_parcel()
        state.close()
        return [] if parcel is None else list(parcel.lines)

    async def stop(self) -> None:
        for engine in self._started:
            with suppress(Exception):  # one that was dropped may be in any state
                await asyncio.to_thread(engine.journal.close)
            engine._state_thread.shutdown()
            engine._state.close()
            conserved(engine.pipeline.store)


@asynccontextmanager
async def engines(folder: Path) -> AsyncIterator[Engines]:
    found = Engines(folder)
    try:
        yield found
    finally:
        await found.stop()


async def tell(engine: Engine, *events: Mapping[str, Any]) -> None:
    """Let a server tell, and wait until it is acknowledged."""
    await engine.write(told(*events))


def series(engine: Engine) -> Series:
    """Every series of the pipeline that is not 0."""
    families = Exposition((engine.pipeline.store,), {}, engine.clock.now).families()
    return nonzero(s for each in families for s in each.samples if "process_" not in each.name)


def upgraded(statements: tuple[str, ...]) -> Kind:
    """State files of a release that has one schema more."""
    return checkpoint.KIND._replace(upgrades=(*checkpoint.KIND.upgrades, statements))

"""From the outbox to the sink: oldest first, again and again while the sink is away."""

from __future__ import annotations

import logging

from exporter import telemetry
from exporter.checkpoint import StateFile
from exporter.engine import Engine
from exporter.sink import Sink, SinkAwayError, SinkBusyError, deliver
from exporter.telemetry import BySink, BySinkError, SinkError, SinkName

log = logging.getLogger(__name__)


class Delivery:
    """Empties the outbox of one sink. Without a sink, points wait."""

    def __init__(self, *, engine: Engine, state: StateFile, sink: Sink | None) -> None:
        self._engine = engine
        self._state = state
        self._sink = sink
        self.status = "not configured" if sink is None else "ok"

    @property
    def configured(self) -> bool:
        """Whether there is somewhere to deliver to."""
        return self._sink is not None

    async def run(self) -> None:
        """Deliver all that waits, or as much as the sink takes."""
        if self._sink is None:
            return
        while await self._one(self._sink):
            pass

    async def _one(self, sink: Sink) -> bool:
        """Deliver one parcel; whether it makes sense to go on at once."""
        engine = self._engine
        parcel = await engine.in_state_thread(self._state.next_parcel)
        if parcel is None:
            self._now("ok")
            return False
        try:
            refused = await deliver(sink, parcel.lines)
        except SinkAwayError as error:
            return self._later(SinkError.UNREACHABLE, error)
        except SinkBusyError as error:
            return self._later(SinkError.BUSY, error)
        await engine.in_state_thread(self._state.delivered, parcel, refused, engine.clock.now())
        engine.backlog = await engine.in_state_thread(self._state.backlog)
        self._count(len(parcel.lines), len(refused))
        self._now("ok")
        return True

    def _count(self, lines: int, refused: int) -> None:
        count = self._engine.process.count
        labels = BySink(SinkName.INFLUX)
        count(telemetry.DELIVERED, labels, float(lines - refused))
        if refused:
            log.error("the sink refuses points; they are set aside", extra={"points": refused})
            count(telemetry.SET_ASIDE, labels, float(refused))
            count(telemetry.SINK_ERRORS, BySinkError(SinkName.INFLUX, SinkError.REFUSED))

    def _later(self, kind: SinkError, error: Exception) -> bool:
        labels = BySinkError(SinkName.INFLUX, kind)
        self._engine.process.count(telemetry.SINK_ERRORS, labels)
        self._now(kind.value, error)
        return False

    def _now(self, status: str, error: Exception | None = None) -> None:
        if status != self.status:
            self.status = status
            log.warning("the sink is %s", status, extra={"error": str(error) if error else ""})

    async def close(self) -> None:
        """Let go of the sink's connections."""
        if self._sink is not None:
            await self._sink.close()

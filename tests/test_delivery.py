"""From the outbox to the sink: oldest first, and again while the sink is away."""

import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from exporter import checkpoint, telemetry
from exporter.delivery import Delivery
from exporter.engine import Engine
from exporter.metric import AnyMetric
from exporter.sink import SinkAwayError, SinkBusyError
from exporter.telemetry import BySink, BySinkError, SinkError, SinkName
from tests.engines import Engines, engines, tell
from tests.fakes import FakeSink, refuses

LABELS = BySink(SinkName.INFLUX)


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[Engines]:
    async with engines(tmp_path) as found:
        yield found


@pytest.fixture
async def engine(files: Engines) -> Engine:
    return files.start()


async def ended(files: Engines, engine: Engine, *uploads: str) -> None:
    """Let uploads end, so that their points wait in the outbox."""
    await tell(engine, *({"type": "upload.completed", "upload_id": each} for each in uploads))
    files.wait(engine, 10.0)
    await tell(engine)
    await engine.checkpoint()


def delivery(engine: Engine, sink: FakeSink | None) -> Delivery:
    return Delivery(engine=engine, state=engine._state, sink=sink)


def count(engine: Engine, metric: AnyMetric, kind: SinkError | None = None) -> float:
    labels = LABELS if kind is None else BySinkError(SinkName.INFLUX, kind)
    return engine.process.value(metric, labels)


async def test_points_are_delivered_and_leave_the_outbox(files: Engines, engine: Engine) -> None:
    await ended(files, engine, "u1", "u2")
    waiting = files.outbox()
    sink = FakeSink()
    delivers = delivery(engine, sink)
    await delivers.run()

    assert list(sink.kept) == waiting
    assert len(waiting) == 2
    assert files.outbox() == []
    assert engine.backlog == (0, 0, None)
    assert delivers.status == "ok"
    assert count(engine, telemetry.DELIVERED) == 2


async def test_an_empty_outbox_asks_nobody(engine: Engine) -> None:
    sink = FakeSink()
    await delivery(engine, sink).run()

    assert sink.asked == []


async def test_without_a_sink_points_wait(files: Engines, engine: Engine) -> None:
    await ended(files, engine, "u1")
    delivers = delivery(engine, None)
    await delivers.run()
    await delivers.close()

    assert len(files.outbox()) == 1
    assert not delivers.configured
    assert delivers.status == "not configured"
    assert count(engine, telemetry.DELIVERED) == 0


async def test_everything_that_waits_goes_in_one_run_in_parcels(
    files: Engines, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "PARCEL_POINTS", 3)
    for turn in range(4):
        await ended(files, engine, f"u{turn}a", f"u{turn}b")
    sink = FakeSink()
    await delivery(engine, sink).run()

    assert [len(parcel) for parcel in sink.asked] == [2, 2, 2, 2]
    assert len(sink.kept) == 8


@pytest.mark.parametrize(
    ("error", "kind"),
    [(SinkAwayError, SinkError.UNREACHABLE), (SinkBusyError, SinkError.BUSY)],
)
async def test_points_wait_while_the_sink_is_away_and_are_filled_in(
    files: Engines,
    engine: Engine,
    error: type[Exception],
    kind: SinkError,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def away(lines: Sequence[str]) -> None:
        raise error("nobody is there")

    sink = FakeSink(away)
    delivers = delivery(engine, sink)
    with caplog.at_level(logging.WARNING):
        for turn in range(3):
            await ended(files, engine, f"u{turn}")
            await delivers.run()
    assert delivers.status == kind
    assert [len(parcel) for parcel in sink.asked] == [1, 2, 3]
    assert count(engine, telemetry.SINK_ERRORS, kind) == 3
    assert len(caplog.records) == 1, "an outage is said once"
    waiting = files.outbox()
    sink.plan = lambda lines: None
    await delivers.run()

    assert list(sink.kept) == waiting
    assert delivers.status == "ok"
    assert engine.backlog.points == 0


async def test_points_that_are_refused_are_set_aside_and_nothing_is_held_up(
    files: Engines, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    await ended(files, engine, *(f"u{number}" for number in range(10)))
    bad = files.outbox()[6]
    sink = FakeSink(refuses(bad))
    delivers = delivery(engine, sink)
    await delivers.run()

    assert len(sink.kept) == 9
    assert files.outbox() == []
    assert delivers.status == "ok"
    assert count(engine, telemetry.DELIVERED) == 9
    assert count(engine, telemetry.SET_ASIDE) == 1
    assert count(engine, telemetry.SINK_ERRORS, SinkError.REFUSED) == 1
    assert "set aside" in caplog.text
    rows = engine._state._db.execute("SELECT reason, line FROM set_aside").fetchall()
    assert rows == [(f"400: {bad}", bad)]


async def test_what_was_delivered_before_a_crash_is_delivered_again_and_is_the_same(
    files: Engines, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ended(files, engine, "u1", "u2")
    sink = FakeSink()
    monkeypatch.setattr(engine._state, "delivered", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        await delivery(engine, sink).run()
    again = files.start()
    await delivery(again, sink).run()

    assert [len(parcel) for parcel in sink.asked] == [2, 2]
    assert len(sink.kept) == 2


async def test_closing_lets_go_of_the_sink(engine: Engine) -> None:
    sink = FakeSink()
    await delivery(engine, sink).close()

    assert sink.closed

"""SIGTERM under load: everybody gets an answer or a closed door, and the next start has no past."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.durability import model
from tests.durability.processes import Exporter, accepted
from tests.durability.traffic import Oracle

pytestmark = pytest.mark.alone

DRAIN = 5.0


async def test_a_stop_under_load_loses_nothing_and_leaves_nothing_to_replay(
    tmp_path: Path,
) -> None:
    async with Exporter(tmp_path, {"SESSIONS__SETTLE_SECONDS": 0.1}) as exporter:
        oracle = Oracle(exporter.url, seed=5)
        load = asyncio.create_task(oracle.run(12, 0.01))
        # In the middle of a checkpoint, and long before the first.
        for checkpoint_seconds in (0.01, 60):
            await asyncio.sleep(0.5)
            assert await stopped(exporter) < DRAIN
            exporter.configure({"JOURNAL__CHECKPOINT_SECONDS": checkpoint_seconds})
            await exporter.start()
        await asyncio.sleep(0.5)
        slow = await half_a_request(exporter)
        assert await stopped(exporter) < DRAIN
        slow.close()
        await exporter.start()
        oracle.stopping = True
        await load
        assert set(oracle.answers) == {202, 204}
        assert oracle.unanswered > 0
        assert exporter.replayed() == [0, 0, 0, 0]
        page = await exporter.samples()
        known = sum(post.events for post in oracle.acknowledged if not post.anew)
        assert accepted(page) - model.accepted_anew(page) == known
        assert await stopped(exporter) < DRAIN
    lines = model.outbox(exporter.directory)
    assert len(lines) > 100
    assert len(lines) == len(set(lines))


async def stopped(exporter: Exporter) -> float:
    """Stop it by SIGTERM; returns how long that took."""
    began = time.monotonic()
    assert await exporter.stop() == 0
    return time.monotonic() - began


async def half_a_request(exporter: Exporter) -> asyncio.StreamWriter:
    """A client that begins a beacon and never ends it."""
    host, port = exporter.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
    await writer.drain()
    return writer

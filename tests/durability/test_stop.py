"""SIGTERM under load: everybody gets an answer or a closed door, and the next start has no past."""

import asyncio
import time
from pathlib import Path

import aiohttp
import pytest

from tests.durability import model
from tests.durability.processes import Exporter
from tests.durability.traffic import Oracle

DRAIN = 5.0


@pytest.mark.parametrize("checkpoint_seconds", [0.01, 10.0])
async def test_a_stop_under_load_loses_nothing_and_leaves_nothing_to_replay(
    tmp_path: Path, checkpoint_seconds: float
) -> None:
    settings = {
        "JOURNAL__CHECKPOINT_SECONDS": checkpoint_seconds,
        "SESSIONS__SETTLE_SECONDS": 0.1,
    }
    async with Exporter(tmp_path, settings) as exporter:
        oracle = Oracle(exporter.url, seed=5)
        load = asyncio.create_task(oracle.run(24, 0.01))
        for _ in range(2):
            await asyncio.sleep(0.6)
            began = time.monotonic()
            assert await exporter.stop() == 0
            assert time.monotonic() - began < DRAIN
            await exporter.start()
        oracle.stopping = True
        await load
        assert set(oracle.answers) == {202}
        assert oracle.unanswered > 0
        assert exporter.replayed() == [0, 0, 0]
        accepted = sum(
            value
            for (name, _), value in (await exporter.samples()).items()
            if name == "exporter_events_accepted_total"
        )
        assert accepted == sum(post.events for post in oracle.acknowledged)
        assert await exporter.stop() == 0
    lines = model.outbox(exporter.directory)
    assert len(lines) > 100
    assert len(lines) == len(set(lines))


async def test_a_client_that_never_finishes_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    async with Exporter(tmp_path) as exporter, aiohttp.ClientSession() as idle:
        async with idle.post(f"{exporter.url}/api/analytics", json={"clicks": 1}) as answer:
            assert answer.status == 202
        host, port = exporter.url.removeprefix("http://").split(":")
        _, slow = await asyncio.open_connection(host, int(port))
        slow.write(b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
        await slow.drain()
        began = time.monotonic()
        assert await exporter.stop() == 0
        assert time.monotonic() - began < DRAIN
        slow.close()
        await exporter.start()
        assert exporter.replayed() == [0, 0]

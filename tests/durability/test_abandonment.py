"""Given up by silence, by our clock, exactly once; who comes back later is counted beside it."""

import asyncio
import time
from pathlib import Path
from typing import Any

import aiohttp

from tests.durability.processes import Exporter, until

PATIENCE = 1.5
TICK = 1.0
UPLOADS = 40
SETTINGS = {
    "SESSIONS__SILENCE_SECONDS__UPLOAD": PATIENCE,
    "SESSIONS__SETTLE_SECONDS": 0.2,
    "JOURNAL__CHECKPOINT_SECONDS": 0.2,
}


async def tell(exporter: Exporter, *events: dict[str, Any]) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{exporter.url}/v1/events", json={"events": events}) as answer,
    ):
        assert answer.status == 202
        assert (await answer.json())["rejected"] == []


def started(number: int) -> dict[str, Any]:
    """By clocks that are decades off."""
    at = 1e9 if number % 2 else 4e9
    return {"type": "upload.started", "id": f"s{number}", "upload_id": f"u{number}", "at": at}


def completed(number: int, again: int = 0) -> dict[str, Any]:
    return {"type": "upload.completed", "id": f"c{number}.{again}", "upload_id": f"u{number}"}


async def ended(exporter: Exporter) -> dict[str, int]:
    """How many uploads ended, by outcome, and how many came back; each family says the same."""
    page = await exporter.samples()
    found: dict[str, dict[str, int]] = {}
    for (name, labels), value in page.items():
        if name.startswith("video_upload_ended_"):
            outcomes = found.setdefault(name, {})
            outcome = dict(labels)["outcome"]
            outcomes[outcome] = outcomes.get(outcome, 0) + int(value)
    first, *others = found.values()
    assert all(other == first for other in others), found
    came_back = page["video_upload_recovered_after_end_total", frozenset()]
    return first | {"came back": int(came_back)}


async def test_an_upload_is_given_up_after_its_patience_and_not_before(tmp_path: Path) -> None:
    async with Exporter(tmp_path, SETTINGS) as exporter:
        await tell(exporter, started(0))
        await asyncio.sleep(PATIENCE / 3)
        chunk = {"type": "upload.chunk_received", "upload_id": "u0", "index": 0, "ok": True}
        await tell(exporter, chunk)
        told = time.monotonic()

        async def given_up() -> bool:
            return (await ended(exporter))["abandoned"] == 1

        await until(given_up, PATIENCE + 5 * TICK)
        assert time.monotonic() - told > PATIENCE
        await tell(exporter, completed(0), completed(0, again=1))
        expected = {"completed": 0, "failed": 0, "abandoned": 1, "came back": 1}
        assert await ended(exporter) == expected
        await asyncio.sleep(PATIENCE + TICK)
        assert await ended(exporter) == expected


async def test_crashes_around_the_moment_give_nobody_up_twice(tmp_path: Path) -> None:
    async with Exporter(tmp_path, SETTINGS) as exporter:
        for number in range(UPLOADS):
            await tell(exporter, started(number))
        before = 0
        for pause in (PATIENCE - 0.5, 0.0, 0.3):
            await asyncio.sleep(pause)
            before = max(before, (await ended(exporter))["abandoned"])
            await exporter.kill()
            await exporter.start()
            assert (await ended(exporter))["abandoned"] >= before
        await until(lambda: all_given_up(exporter))
        await tell(exporter, *map(completed, range(UPLOADS // 2)))
        await exporter.kill()
        await exporter.start()
        await tell(exporter, *(completed(number, again=1) for number in range(UPLOADS // 2)))
        assert await ended(exporter) == {
            "completed": 0,
            "failed": 0,
            "abandoned": UPLOADS,
            "came back": UPLOADS // 2,
        }
        assert await exporter.value("video_upload_started_total") == UPLOADS
        assert await exporter.value("exporter_open_sessions", lifecycle="upload") == 0


async def all_given_up(exporter: Exporter) -> bool:
    return (await ended(exporter))["abandoned"] == UPLOADS

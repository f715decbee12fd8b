"""Uploads that nobody ends, and how long it takes until they are given up."""

import asyncio
import re
import time
from pathlib import Path

import aiohttp

from tests.durability.processes import Exporter
from tests.durability.wall import WallClock

UPLOADS = 20
NEAR = 10.0
"""Seconds around the end of the patience in which is looked often."""

GIVEN_UP = re.compile(r'^video_upload_ended_total\{.*outcome="abandoned".*\} (\d+)', re.MULTILINE)


class Patience:
    """An exporter that is left in peace, but for its wall clock."""

    def __init__(self, folder: Path, wall: WallClock, seconds: float) -> None:
        self.seconds = seconds
        self.exporter = Exporter(
            folder,
            {"SESSIONS__SILENCE_SECONDS__UPLOAD": seconds, "SESSIONS__SETTLE_SECONDS": 0.2},
        )
        self.exporter.environment |= wall.environment

    async def given_up(self) -> tuple[float, float]:
        """Begin uploads; after how many seconds the first was given up, and the last.

        The first counts from the earliest moment at which any may have begun, the last from the
        latest, so neither is too far from the patience by the time that asking takes.
        """
        began = time.monotonic()
        await self._tell("started")
        told = time.monotonic()
        first = 0.0
        while True:
            found = await self._found()
            now = time.monotonic()
            if found and not first:
                first = now - began
            if found >= UPLOADS:
                assert found == UPLOADS, f"{found} of {UPLOADS} were given up"
                return round(first, 1), round(now - told, 1)
            assert now - told < self.seconds + 60, f"only {found} of {UPLOADS} were given up"
            left = self.seconds - (now - told)
            await asyncio.sleep(0.3 if abs(left) < NEAR else max(1.0, min(30.0, left - NEAR)))

    async def comes_back(self) -> None:
        """Whoever was given up comes back, and is counted beside it: nobody is given up again."""
        await self._tell("completed")
        await asyncio.sleep(2)
        assert await self._found() == UPLOADS
        assert await self.exporter.value("video_upload_recovered_after_end_total") == UPLOADS

    async def _tell(self, what: str) -> None:
        events = [
            {"type": f"upload.{what}", "id": f"{what}.{number}", "upload_id": f"patient.{number}"}
            for number in range(UPLOADS)
        ]
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{self.exporter.url}/v1/events", json={"events": events}) as answer,
        ):
            assert answer.status == 202

    async def _found(self) -> int:
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"{self.exporter.operations}/metrics") as answer,
        ):
            return sum(map(int, GIVEN_UP.findall(await answer.text())))

"""A full disk: beacons get a polite no, nothing acknowledged is lost, and it ends by itself."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.durability.disk import MEGABYTE, Filler, small_disk
from tests.durability.processes import Exporter, accepted, until

pytestmark = pytest.mark.alone

SIZE = 8 * MEGABYTE
RECOVERY = 2.0  # seconds from space to the first beacon taken


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """An empty disk of 8 MB."""
    with small_disk(tmp_path / "disk", SIZE) as mounted:
        yield mounted


class Client:
    """Posts numbered beacons and remembers which were acknowledged."""

    def __init__(self, http: aiohttp.ClientSession, exporter: Exporter) -> None:
        self._http = http
        self._exporter = exporter
        self._number = 0
        self.acknowledged = 0
        self.refused = 0

    async def post(self) -> int:
        """Send one beacon of a kilobyte; returns the status."""
        self._number += 1
        events = [
            {"type": "upload.completed", "id": f"{self._number}.{each}", "upload_id": "x" * 100}
            for each in range(5)
        ]
        async with self._http.post(
            f"{self._exporter.url}/v1/events", json={"events": events}
        ) as answer:
            assert answer.status in {202, 503}
            if answer.status == 202:
                self.acknowledged += len(events)
            else:
                self.refused += 1
                assert int(answer.headers["Retry-After"]) >= 1
                assert await answer.json() == {"error": "unavailable"}
            return answer.status

    async def taken(self) -> bool:
        return await self.post() == 202


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def refuses_politely(exporter: Exporter, client: Client) -> None:
    """All that can be asked of it is answered, and nothing is taken."""
    for _ in range(20):
        assert await client.post() == 503
    assert (await exporter.health("live"))[0] == 200
    status, health = await exporter.health("ready")
    assert (status, health["checks"]["journal"]) == (503, "not writable")
    assert await exporter.value("exporter_journal_writable") == 0
    assert exporter.process.returncode is None


async def counted_to_the_last(exporter: Exporter, client: Client) -> None:
    """What was acknowledged is counted, now and after a crash."""
    assert accepted(await exporter.samples()) == client.acknowledged
    await exporter.kill()
    await exporter.start()
    assert accepted(await exporter.samples()) == client.acknowledged


@pytest.mark.parametrize("floor", [0, MEGABYTE])
async def test_a_disk_that_fills_up_refuses_beacons_until_there_is_room(
    disk: Path, tmp_path: Path, http: aiohttp.ClientSession, floor: int
) -> None:
    settings = {"JOURNAL__FLOOR_BYTES": floor, "JOURNAL__DIRECTORY": disk / "state"}
    async with Exporter(tmp_path, settings) as exporter:
        client, filler = Client(http, exporter), Filler(disk)
        for _ in range(50):
            assert await client.taken()
        filler.fill(leave=floor // 2)

        async def refused() -> bool:
            return not await client.taken()

        await until(refused, 10)
        await asyncio.sleep(1.5)  # two ticks: the full disk is tried again
        await refuses_politely(exporter, client)
        filler.remove()
        assert await until(client.taken, 10) < RECOVERY
        for _ in range(50):
            assert await client.taken()
        await until(lambda: known(exporter, client), 5)
        await counted_to_the_last(exporter, client)


async def known(exporter: Exporter, client: Client) -> bool:
    """Whether every refusal is counted; it is written down with what comes next."""
    return await exporter.value("exporter_events_refused_total") == client.refused


@pytest.mark.parametrize("ended", ["by a crash", "by a stop"])
async def test_a_start_on_a_full_disk_comes_up_and_waits_for_room(
    disk: Path, tmp_path: Path, http: aiohttp.ClientSession, ended: str
) -> None:
    settings = {
        "JOURNAL__FLOOR_BYTES": 0,
        "JOURNAL__DIRECTORY": disk / "state",
        "JOURNAL__CHECKPOINT_SECONDS": 60,
    }
    async with Exporter(tmp_path, settings) as exporter:
        client, filler = Client(http, exporter), Filler(disk)
        for _ in range(50):
            assert await client.taken()
        if ended == "by a crash":
            await exporter.kill()
        else:
            filler.fill()
            assert await exporter.stop() == 0
        filler.fill()
        await exporter.start()
        assert accepted(await exporter.samples()) == client.acknowledged
        await refuses_politely(exporter, client)
        filler.remove()
        assert await until(client.taken, 10) < RECOVERY
        assert accepted(await exporter.samples()) == client.acknowledged


async def test_a_first_start_on_a_full_disk_says_so(disk: Path, tmp_path: Path) -> None:
    Filler(disk).fill()
    exporter = Exporter(tmp_path, {"JOURNAL__DIRECTORY": disk / "state"})
    await exporter.begin()
    code, said = await exporter.wait()
    assert code == 2
    assert len(said.splitlines()) == 1
    assert str(disk / "state") in said

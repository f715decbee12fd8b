"""A disk whose syncs fail or hang: 503, and what was acknowledged before and after stays.

``strace`` does that to the system call in a running exporter; the file it syncs is the journal's.
"""

from pathlib import Path

import aiohttp

from tests.durability.processes import Exporter, accepted, until
from tests.programs import binary

BEFORE = 20
FAILING = 5
HANGING_SECONDS = 10


class Client:
    """Posts numbered events, one in a beacon."""

    def __init__(self, http: aiohttp.ClientSession, exporter: Exporter) -> None:
        self._http = http
        self._exporter = exporter
        self.sent = 0
        self.acknowledged: list[int] = []
        self.refused: list[int] = []

    async def post(self, number: int) -> int:
        """Send one; returns the status."""
        event = {"type": "upload.preview_shown", "id": f"e{number}", "upload_id": f"u{number}"}
        async with self._http.post(
            f"{self._exporter.url}/v1/events", json={"events": [event]}
        ) as answer:
            if answer.status == 503:
                assert int(answer.headers["Retry-After"]) >= 1
                assert await answer.json() == {"error": "unavailable"}
                self.refused.append(number)
            else:
                assert answer.status == 202
                self.acknowledged.append(number)
            return answer.status

    async def next(self) -> int:
        self.sent += 1
        return await self.post(self.sent)

    async def taken(self) -> bool:
        return await self.next() == 202

    async def is_refused(self) -> bool:
        return not await self.taken()

    async def send_refused_again(self) -> None:
        """All are taken, and counted once."""
        for number in list(self.refused):
            assert await self.post(number) == 202
        assert accepted(await self._exporter.samples()) == self.sent


def injected(folder: Path, what: str) -> Exporter:
    """An exporter to whose syncs of the journal, and to no others, something happens."""
    journal = folder / "state" / "journal.db-wal"
    wrapper = [binary("strace", "strace"), "-D", "-f", "-o", str(folder / "trace")]
    wrapper += ["-P", str(journal), "-e", "trace=fdatasync"]
    wrapper += ["-e", f"inject=fdatasync:{what}", "-e", "signal=none"]
    return Exporter(folder, {"JOURNAL__CHECKPOINT_SECONDS": 60}, wrapper)


async def says_it_cannot_write(exporter: Exporter) -> None:
    status, health = await exporter.health("ready")
    assert (status, health["checks"]["journal"]) == (503, "not writable")
    assert (await exporter.health("live"))[0] == 200


async def test_what_a_failing_sync_covers_is_refused_and_nothing_acknowledged_is_lost(
    tmp_path: Path,
) -> None:
    last = BEFORE + FAILING - 1
    exporter = injected(tmp_path, f"error=EIO:when={BEFORE}..{last}")
    async with exporter, aiohttp.ClientSession() as http:
        client = Client(http, exporter)
        await until(client.is_refused)
        await says_it_cannot_write(exporter)
        assert await exporter.value("exporter_journal_append_errors_total") >= 1
        await until(client.taken)
        for _ in range(50):
            assert await client.taken()
        trace = (tmp_path / "trace").read_text()
        assert trace.count("EIO") == FAILING, trace
        assert client.refused
        assert accepted(await exporter.samples()) == len(client.acknowledged)

        await exporter.kill()
        exporter.unwrap()
        await exporter.start()
        # A record whose sync failed may be on the disk all the same, and is counted then.
        counted = accepted(await exporter.samples())
        assert len(client.acknowledged) <= counted <= client.sent
        await client.send_refused_again()
        for number in range(1, client.sent + 1):
            assert await client.post(number) == 202
        assert accepted(await exporter.samples()) == client.sent


async def test_while_a_sync_hangs_who_waits_and_who_comes_is_told_so(tmp_path: Path) -> None:
    exporter = injected(tmp_path, f"delay_enter={HANGING_SECONDS}s:when={BEFORE}")
    async with exporter, aiohttp.ClientSession() as http:
        client = Client(http, exporter)
        await until(client.is_refused)
        assert await client.is_refused()
        await says_it_cannot_write(exporter)
        assert await exporter.value("exporter_journal_writable") == 0
        await until(client.taken)
        await client.send_refused_again()

        await exporter.kill()
        exporter.unwrap()
        await exporter.start()
        assert accepted(await exporter.samples()) == client.sent

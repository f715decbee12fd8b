"""Real uploads through a real tusd whose hooks come to a real exporter, as people upload."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.beacons import CHROME
from tests.clients.snippets import PAGES
from tests.clients.uploads import Line, Tusd, Uploading, line, total, upload
from tests.durability.processes import Exporter, until
from tests.programs import free_port

STILL = 16.0  # seconds that an upload stands still; more than ten of them make it an interruption
SILENCE = 45  # seconds without a hook after which an upload is abandoned, in these tests
MB = 1_000_000
LARGE = 20 * MB  # so that it is not all on its way already, in buffers, when something happens
ALL = "pre-create,post-create,post-receive,pre-finish,post-finish,pre-terminate,post-terminate"


def command(exporter: str) -> str:
    """What the page says to start tusd with."""
    page = (PAGES / "tusd.md").read_text()
    (block,) = re.findall(r"^```sh\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    return str(block.replace("COLLECTOR_URL", exporter).replace("\\\n", " "))


class Place:
    """An exporter and the tusd that tells it of its uploads."""

    def __init__(self, exporter: Exporter, tusd: Tusd) -> None:
        self.exporter = exporter
        self.tusd = tusd

    async def counted(self, name: str, **labels: str) -> float:
        """The sum of the series of a family that have these labels."""
        return total(await self.exporter.samples(), name, **labels)

    @asynccontextmanager
    async def upload(
        self, size: int, rate: float = 1e9, **options: Any
    ) -> AsyncIterator[tuple[Uploading, Line]]:
        """An upload that runs, over a line of its own."""
        async with (
            line(self.tusd.port, rate) as (way, url),
            upload(url, size, headers={"User-Agent": CHROME}, **options) as uploading,
        ):
            yield uploading, way


@asynccontextmanager
async def place(folder: Path, *flags: str, **settings: object) -> AsyncIterator[Place]:
    """An exporter with these settings, and a tusd with more flags than those of the page."""
    waits = {
        "SESSIONS__SETTLE_SECONDS": 2,
        "SESSIONS__SILENCE_SECONDS": f'{{"upload": {SILENCE}}}',
    }
    exporter = Exporter(folder / "exporter", waits | settings)
    pasted = command(exporter.url)
    tusd = Tusd(folder / "tusd", pasted, "-progress-hooks-interval", "500ms", *flags)
    async with exporter, tusd:
        yield Place(exporter, tusd)


async def completes(place: Place) -> None:
    async with place.upload(3 * MB, rate=MB) as (uploading, _):
        await uploading.until("finished")


async def is_paused(place: Place) -> None:
    async with place.upload(LARGE, rate=2 * MB) as (uploading, _):
        await uploading.until("created")
        await asyncio.sleep(2)
        uploading.tell("pause")
        await uploading.until("paused")
        await asyncio.sleep(STILL)
        uploading.tell("start")
        await uploading.until("finished")


async def stalls(place: Place) -> None:
    async with place.upload(LARGE, rate=2 * MB) as (uploading, way):
        await uploading.until("created")
        await asyncio.sleep(2)
        way.free.clear()
        await asyncio.sleep(STILL)
        way.free.set()
        await uploading.until("finished")


async def is_terminated(place: Place) -> None:
    async with place.upload(LARGE, rate=2 * MB) as (uploading, _):
        await uploading.until("created")
        await asyncio.sleep(2)
        uploading.tell("terminate")
        await uploading.until("terminated")


async def is_left(place: Place) -> None:
    async with place.upload(LARGE, rate=2 * MB) as (uploading, _):
        await uploading.until("created")
        await asyncio.sleep(2)


async def comes_in_parts(place: Place) -> None:
    async with place.upload(3 * MB, parallelUploads=3) as (uploading, _):
        await uploading.until("finished")


async def test_what_people_do_with_their_uploads_is_what_is_counted(tmp_path: Path) -> None:
    async with place(tmp_path / "place") as there:
        async with asyncio.TaskGroup() as all_at_once:
            for story in (
                completes,
                is_paused,
                stalls,
                is_terminated,
                is_left,
                comes_in_parts,
            ):
                all_at_once.create_task(story(there))

        async def all_are_over() -> bool:
            return await there.counted("video_upload_ended_total") == 6

        await until(all_are_over, 2 * SILENCE)
        samples = await there.exporter.samples()

        assert total(samples, "video_upload_started_total") == 6
        ended = "video_upload_ended_total"
        assert total(samples, ended, outcome="completed", size_class="0-10MB") == 2
        assert total(samples, ended, outcome="completed", size_class="10-30MB") == 2
        assert total(samples, ended, outcome="abandoned", size_class="10-30MB") == 2
        # Whoever is only known by what came first, because hooks overtake each other, is too.
        assert total(samples, ended, device="desktop") == 6
        assert total(samples, "video_upload_cancelled_total") == 1
        # Nobody knows how long the parts took.
        took = "video_upload_duration_seconds"
        assert total(samples, f"{took}_count") == 3
        assert total(samples, f"{took}_sum") > 2 * STILL
        still = "video_upload_interruption_seconds"
        for kind in ("stalled", "resumed"):
            assert total(samples, f"{still}_count", kind=kind) == 1, kind
            # What is in buffers still comes for a while after the pause began.
            assert 10 < total(samples, f"{still}_sum", kind=kind) < STILL + 20
        assert total(samples, "exporter_events_rejected_total") == 0
        assert await there.tusd.failed_hooks() == 0


PATIENT = ("-hooks-http-retry", "60", "-hooks-http-timeout", "60s")
"""Where an exporter takes long to start, as on a machine that runs tests."""


async def test_an_exporter_that_crashes_and_comes_back_costs_no_upload_and_counts_it_once(
    tmp_path: Path,
) -> None:
    flags = (*PATIENT, "-request-completion-timeout", "60s")
    async with (
        place(tmp_path / "place", *flags) as there,
        there.upload(LARGE, rate=2 * MB) as (uploading, _),
    ):
        await uploading.until("created")
        await asyncio.sleep(1)
        await there.exporter.kill()
        await there.exporter.start()
        await asyncio.sleep(1)
        await there.exporter.kill()
        await uploading.until("finished")
        await there.exporter.start()

        async def is_over() -> bool:
            return await there.counted("video_upload_ended_total") == 1

        await until(is_over, 2 * SILENCE)
        assert await there.counted("video_upload_started_total") == 1
        assert await there.counted("video_upload_ended_total", outcome="completed") == 1
        assert await there.counted("exporter_events_rejected_total") == 0
        assert await there.tusd.failed_hooks() == 0


async def test_an_exporter_that_is_not_there_costs_nobody_an_upload(tmp_path: Path) -> None:
    nobody = command(f"http://127.0.0.1:{free_port()}")
    async with Tusd(tmp_path / "tusd", nobody) as tusd:
        async with upload(tusd.url, MB, retryDelays=[]) as uploading:
            await uploading.until("finished")
        async with upload(tusd.url, 2, parallelUploads=2, retryDelays=[]) as uploading:
            await uploading.until("finished")
        await until(lambda: tusd.failed_hooks_are(3), SILENCE)


async def test_that_is_why_the_page_leaves_pre_create_out(tmp_path: Path) -> None:
    nobody = command(f"http://127.0.0.1:{free_port()}")
    async with (
        Tusd(tmp_path / "tusd", nobody, "-hooks-enabled-events", ALL) as tusd,
        upload(tusd.url, MB, retryDelays=[]) as uploading,
    ):
        await uploading.until("failed")


TROUBLES: dict[str, dict[str, object]] = {
    "a full disk": {"JOURNAL__FLOOR_BYTES": 2**60},
    "a wrong key": {"RECEIVER__KEYS": "another"},
    "a limit": {"RECEIVER__RATE_PER_SECOND": 0.001, "RECEIVER__RATE_BURST": 1},
    "bodies that are too large": {"RECEIVER__BEACON_BYTES": 1024},
}


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_no_trouble_here_fails_a_hook_or_an_upload(tmp_path: Path, trouble: str) -> None:
    """With all hooks, so that tusd asks before everything."""
    flags = ("-hooks-enabled-events", ALL)
    padding = {"metadata": {"filename": "x" * 600}}
    async with place(tmp_path / "place", *flags, **TROUBLES[trouble]) as there:
        async with there.upload(MB, retryDelays=[], **padding) as (uploading, _):
            await uploading.until("finished")
        async with there.upload(MB, MB, retryDelays=[], **padding) as (uploading, _):
            await uploading.until("progress", sent=MB // 10)
            uploading.tell("terminate")
            await uploading.until("terminated")

        assert await there.tusd.failed_hooks() == 0
        page = await there.exporter.samples()
        answers = total(page, "exporter_http_responses_total")
        assert answers == total(page, "exporter_http_responses_total", code="200") > 6

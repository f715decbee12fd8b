"""The snippets for pages, in Chromium, through a line that breaks, to a real tusd with hooks."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.clients.browser import HERE, NODE, NODE_MODULES, Browser
from tests.clients.scripted import Pages
from tests.clients.snippets import snippets
from tests.clients.test_tusd import LARGE, MB, SILENCE, Place, place
from tests.clients.uploads import line, total
from tests.durability.processes import Samples, until
from tests.programs import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIBRARY = "tus-js-client/dist/tus.min.js"
IN_UPPY = """
uppy.addFile({{ name: "clip.mp4", type: "video/mp4", data: new Blob(["x".repeat({size})]) }});
export const finished = uppy.upload().then(({{ failed }}) => failed.length ? "failed" : "finished");
"""
END = """
const { onSuccess, onError } = upload.options;
return new Promise((resolve) => {
  upload.options.onSuccess = (it) => { onSuccess(it); resolve("finished"); };
  upload.options.onError = (it) => { onError(it); resolve("failed"); };
});
"""


@pytest_asyncio.fixture(loop_scope="module")
async def there(tmp_path: Path) -> AsyncIterator[Place]:
    async with place(tmp_path / "place") as found:
        yield found


class Page:
    """A page with the snippet, that uploads so many bytes to an address."""

    def __init__(self, browser: Browser, site: Pages, there: Place) -> None:
        self._browser = browser
        self._site = site
        self._there = there

    async def uploads(self, size: int, tus: str, end: str = END) -> Any:
        """What it came to."""
        watched, alone, _ = self._pasted(tus)
        file = f"const file = new Blob(['x'.repeat({size})]);\n"
        url = self._site.page(file + watched + alone + end, LIBRARY)
        return await self._browser.visit(url, seconds=100.0, may_break=True)

    async def uploads_in_uppy(self, size: int, tus: str) -> Any:
        """The same, by a bundle of the snippet for Uppy."""
        watched, _, uppy = self._pasted(tus)
        bundle = await asyncio.to_thread(bundled, watched + uppy + IN_UPPY.format(size=size))
        url = self._site.page(f"{bundle}\nreturn page.finished;")
        return await self._browser.visit(url, seconds=100.0, may_break=True)

    def _pasted(self, tus: str) -> list[str]:
        blocks = snippets("tus-js-client.md", self._there.exporter.url)
        return [block.replace("TUS_URL", tus) for block in blocks]

    async def samples(self, ends: int, family: str = "video_upload_ended_total") -> Samples:
        """What was counted, once so many uploads are over."""

        async def are_over() -> bool:
            return await self._there.counted(family) == ends

        await until(are_over, 2 * SILENCE)
        return await self._there.exporter.samples()


def bundled(code: str) -> str:
    """A script with all that the code imports; what it exports is in ``page``."""
    assert (NODE_MODULES / "@uppy" / "tus").is_dir(), "make clients installs what is missing"
    esbuild = NODE_MODULES / "esbuild" / "bin" / "esbuild"
    flags = ("--bundle", "--format=iife", "--global-name=page", "--log-level=error")
    done = subprocess.run(
        [NODE, esbuild, *flags], input=code.encode(), capture_output=True, cwd=HERE, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@pytest.fixture
def page(browser: Browser, site: Pages, there: Place) -> Page:
    return Page(browser, site, there)


@pytest.mark.parametrize("uploads", [Page.uploads, Page.uploads_in_uppy], ids=["alone", "in Uppy"])
async def test_page_and_server_tell_of_one_upload_that_met_an_error(
    page: Page, there: Place, uploads: Callable[[Page, int, str], Coroutine[Any, Any, Any]]
) -> None:
    async with line(there.tusd.port, 2 * MB) as (way, url):
        uploading = asyncio.create_task(uploads(page, LARGE, url))

        async def has_begun() -> bool:
            kind = "upload.progressed"
            return await there.counted("exporter_events_accepted_total", type=kind) > 0

        await until(has_begun, 60.0)
        way.cut()
        assert await uploading == "finished"
    samples = await page.samples(1)

    assert total(samples, "video_upload_started_total") == 1
    ended = "video_upload_ended_total"
    told = {"outcome": "completed", "device": "desktop", "size_class": "10-30MB"}
    assert total(samples, ended, **told) == 1
    by_client = "video_upload_ended_by_client_total"
    assert total(samples, by_client, browser="chrome", network="4g") == 1
    for family in ("duration_seconds", "ttfb_seconds"):
        assert total(samples, f"video_upload_{family}_count", source="lifecycle") == 1
    assert total(samples, "video_upload_throughput_utilisation_ratio_count") == 1
    assert total(samples, "video_upload_errors_total", error_type="network") == 1
    assert total(samples, "video_upload_recoveries_total", error_type="network", result="ok") == 1
    assert total(samples, "video_upload_chunks_total", first_try="no") == 1
    assert total(samples, "video_upload_chunks_total", first_try="yes") == 0
    assert total(samples, "video_upload_abandon_hints_total") == 0
    assert total(samples, "exporter_events_rejected_total") == 0


async def test_an_upload_that_cannot_be_created_is_a_report_of_a_failure(page: Page) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    assert await page.uploads(MB, nobody) == "failed"
    samples = await page.samples(1, "video_upload_reports_total")

    assert total(samples, "video_upload_reports_total", result="failed") == 1
    assert total(samples, "video_upload_started_total") == 0


async def test_a_page_that_goes_away_is_a_hint_and_silence_an_abandonment(
    page: Page, there: Place
) -> None:
    leaves = "await new Promise((done) => setTimeout(done, 3000)); return 'left';"
    async with line(there.tusd.port, 2 * MB) as (_, url):
        assert await page.uploads(LARGE, url, leaves) == "left"
    samples = await page.samples(1)

    assert total(samples, "video_upload_ended_total", outcome="abandoned") == 1
    assert total(samples, "video_upload_abandon_hints_total") == 1
    assert total(samples, "video_upload_cancelled_total") == 0

"""The real web-vitals library in a real Chromium, from another origin, to a real exporter."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.clients.browser import Browser
from tests.clients.passage import Passage, passage
from tests.clients.scripted import Pages
from tests.clients.snippets import snippet
from tests.durability.processes import Exporter, Samples, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIBRARY = "web-vitals/dist/web-vitals.iife.js"
QUIET = 2.0  # seconds after which a page view is over, here
KNOWS = """
const sleep = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
const loaded = new Promise((resolve) => addEventListener("load", resolve));
const seen = { lcp: 0, cls: 0 };
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) seen.lcp = entry.startTime;
}).observe({ type: "largest-contentful-paint", buffered: true });
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) seen.cls += entry.value;
}).observe({ type: "layout-shift", buffered: true });
document.body.append(Object.assign(document.createElement("p"), { textContent: "A film." }));
"""
SHIFTS = """
await loaded;
await sleep(0.4);
const banner = Object.assign(document.createElement("div"), { textContent: "News" });
banner.style.height = "200px";
document.body.prepend(banner);
await sleep(0.4);
const [navigation] = performance.getEntriesByType("navigation");
seen.ttfb = navigation.responseStart;
seen.fcp = performance.getEntriesByName("first-contentful-paint")[0].startTime;
"""
# What the README of the library suggests for those who send each metric by itself.
README = """
const send = ({ name, value, id }) => navigator.sendBeacon(
  "COLLECTOR_URL/web-vitals",
  JSON.stringify({ name, value, id, page_location: location.href }),
);
webVitals.onCLS(send);
webVitals.onFCP(send);
webVitals.onLCP(send);
webVitals.onTTFB(send);
"""


def total(samples: Samples, name: str, **labels: str) -> float:
    wanted = labels.items()
    return sum(v for (n, have), v in samples.items() if n == name and wanted <= set(have))


async def reached(exporter: Exporter, name: str, at_least: float) -> Samples:
    """The numbers, once one of them is there."""
    found: Samples = {}

    async def there() -> bool:
        nonlocal found
        found = await exporter.samples()
        return total(found, name) >= at_least

    await until(there)
    return found


@asynccontextmanager
async def collecting(folder: Path) -> AsyncIterator[tuple[Exporter, Passage]]:
    exporter = Exporter(
        folder,
        {
            "LABELS__PAGES": "/:number",
            "SESSIONS__SILENCE_SECONDS__PAGE_VIEW": QUIET,
            "SESSIONS__SILENCE_SECONDS__VITAL": QUIET,
        },
    )
    async with exporter, passage(exporter.url) as way:
        yield exporter, way


def check(found: Samples, seen: dict[str, float], times: int) -> None:
    """The numbers are what one page knows of itself, so many times."""
    for vital in ("lcp", "fcp", "ttfb", "cls"):
        name = "video_web_cls_score" if vital == "cls" else f"video_web_{vital}_seconds"
        assert total(found, f"{name}_count") == times, vital
        assert total(found, "video_web_vitals_by_page_total", vital=vital) == times
    assert total(found, "video_web_vitals_total") == 4 * times  # nobody touched it: no INP
    if times == 1:
        for vital in ("lcp", "fcp", "ttfb"):
            measured = total(found, f"video_web_{vital}_seconds_sum")
            assert measured == pytest.approx(seen[vital] / 1000, abs=0.001), vital
        assert total(found, "video_web_cls_score_sum") == pytest.approx(seen["cls"], abs=0.001)
        assert seen["cls"] > 0


async def test_what_a_page_knows_of_itself_is_what_is_counted(
    tmp_path: Path, browser: Browser, site: Pages
) -> None:
    """The page is closed at once: what is only known then goes out with its last words."""
    async with collecting(tmp_path) as (exporter, way):
        code = snippet("web-vitals.md", way.address)
        seen = await browser.visit(site.page(KNOWS + code + SHIFTS + "return seen;", LIBRARY))
        found = await reached(exporter, "video_web_page_views_total", 1)
        journal = (exporter.directory / "journal.db").read_bytes()

    check(found, seen, 1)
    assert total(found, "video_web_page_views_total", page="/:number", erred="no") == 1
    assert total(found, "exporter_events_rejected_total") == 0
    assert b"v6-" not in journal
    (post,) = way.passed  # no preflight
    assert post.headers["Content-Type"] == "text/plain;charset=UTF-8"


async def test_metrics_that_are_told_again_count_once(
    tmp_path: Path, browser: Browser, site: Pages
) -> None:
    """A page that tells every change, of a layout that goes on shifting."""
    async with collecting(tmp_path) as (exporter, way):
        code = README.replace("COLLECTOR_URL", way.address).replace(
            "(send)", "(send, { reportAllChanges: true })"
        )
        shifts = """
            for (const height of ["300px", "400px"]) {
              banner.style.height = height;
              await sleep(0.4);
            }
            return seen;
        """
        seen = await browser.visit(site.page(KNOWS + code + SHIFTS + shifts, LIBRARY))
        found = await reached(exporter, "video_web_vitals_total", 4)

    check(found, seen, 1)
    told = [json.loads(post.body) for post in way.passed]
    assert len([metric for metric in told if metric["name"] == "CLS"]) > 2
    assert len({metric["id"] for metric in told}) == 4


async def test_two_people_with_one_browser_are_counted_as_two_without_page_view_ids(
    tmp_path: Path, browser: Browser, site: Pages
) -> None:
    """As the library's README sends it, which names nothing but the metric and the page."""
    async with collecting(tmp_path) as (exporter, way):
        code = README.replace("COLLECTOR_URL", way.address)
        page = site.page(KNOWS + code + SHIFTS + "return seen;", LIBRARY)
        for _ in range(2):
            await browser.visit(page)
        found = await reached(exporter, "video_web_vitals_total", 8)

    check(found, {}, 2)
    assert {post.status for post in way.passed} == {202}
    assert len(way.passed) == 8

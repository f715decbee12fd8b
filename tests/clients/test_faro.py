"""Grafana Faro's real SDK in a real Chromium, from another origin, to a real exporter."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.clients.browser import Browser
from tests.clients.passage import Passage, Passed, passage
from tests.clients.scripted import Pages
from tests.clients.snippets import snippet
from tests.durability.processes import Exporter, Samples, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SDK = "@grafana/faro-web-sdk/dist/bundle/faro-web-sdk.iife.js"
QUIET = 2.0  # seconds after which a page view is over, here
SCRIPT_HEAD = """
const sleep = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
const loaded = new Promise((resolve) => addEventListener("load", resolve));
"""
KNOWLEDGE = """
// What the page itself knows of how fast it was, from the browser and not from the SDK.
const seen = { lcp: 0, cls: 0 };
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) seen.lcp = entry.startTime;
}).observe({ type: "largest-contentful-paint", buffered: true });
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) seen.cls += entry.value;
}).observe({ type: "layout-shift", buffered: true });

document.body.append(Object.assign(document.createElement("p"), { textContent: "A film." }));
await loaded;
await sleep(0.4);
const banner = Object.assign(document.createElement("div"), { textContent: "News" });
banner.style.height = "200px";
document.body.prepend(banner);
await sleep(0.4);
const [navigation] = performance.getEntriesByType("navigation");
seen.load = navigation.duration;
seen.ttfb = navigation.responseStart;
seen.fcp = performance.getEntriesByName("first-contentful-paint")[0].startTime;
"""


class Setting(NamedTuple):
    """Where one test happens."""

    exporter: Exporter
    way: Passage
    browser: Browser
    site: Pages

    async def visit(self, script: str, *, sdk: str = "", **options: Any) -> Any:
        """Open a page with the SDK as its documentation sets it up; ``sdk`` configures it more."""
        collected = snippet("faro.md", self.way.address)
        assert collected.count("  app: {") == 1
        collected = collected.replace("  app: {", f"  {sdk}\n  app: {{")
        page = self.site.page(SCRIPT_HEAD + collected + script, SDK)
        return await self.browser.visit(page, **options)

    async def reached(self, name: str, at_least: float = 1.0, **labels: str) -> Samples:
        """The numbers, once one of them is there."""
        found: Samples = {}

        async def there() -> bool:
            nonlocal found
            found = await self.exporter.samples()
            return total(found, name, **labels) >= at_least

        await until(there)
        return found


def total(samples: Samples, name: str, **labels: str) -> float:
    wanted = labels.items()
    return sum(v for (n, have), v in samples.items() if n == name and wanted <= set(have))


def keys(posts: list[Passed]) -> list[str]:
    return [post.headers["Idempotency-Key"] for post in posts]


@asynccontextmanager
async def settled(
    folder: Path, browser: Browser, site: Pages, **settings: object
) -> AsyncIterator[Setting]:
    exporter = Exporter(
        folder,
        {
            "RECEIVER__ORIGINS": site.origin,
            "LABELS__PAGES": "/:number,/watch/:id",
            "SESSIONS__SETTLE_SECONDS": 1,
            "SESSIONS__SILENCE_SECONDS__PAGE_VIEW": QUIET,
            "SESSIONS__SILENCE_SECONDS__WEB_SESSION": 2 * QUIET,
            **settings,
        },
    )
    async with exporter, passage(exporter.url) as way:
        yield Setting(exporter, way, browser, site)


async def test_what_a_page_knows_of_itself_is_what_is_counted(
    tmp_path: Path, browser: Browser, site: Pages
) -> None:
    async with settled(tmp_path, browser, site) as setting:
        seen = await setting.visit(
            KNOWLEDGE
            + """
            faro.api.setUser({ id: "u-4711", email: "ann@example.com", fullName: "Ann Archer" });
            measure(812);
            faro.api.pushMeasurement({ type: "search", values: { hits: 40 } });
            faro.api.pushEvent("video_play", { cid: "c1" });
            faro.api.pushLog(["hello, Ann Archer"], { level: "warn" });
            faro.api.pushError(new Error("the player broke"), { fatal: true });
            setTimeout(() => { throw new TypeError("boom for ann@example.com"); });
            Promise.reject("no reason");
            await fetch("/npm/web-vitals/package.json");
            await fetch("/nothing");
            await sleep(1);
            return seen;
            """,
            may_break=True,
        )
        found = await setting.reached("video_web_sessions_total")
        journal = (setting.exporter.directory / "journal.db").read_bytes()

    for vital, name in (("lcp", "lcp_seconds"), ("fcp", "fcp_seconds"), ("ttfb", "ttfb_seconds")):
        assert total(found, "video_web_vitals_total", vital=vital, rating="good") == 1
        measured = total(found, f"video_web_{name}_sum")
        assert measured == pytest.approx(seen[vital] / 1000, abs=0.001), vital
    assert total(found, "video_web_vitals_total", vital="cls") == 1
    assert seen["cls"] > 0
    assert total(found, "video_web_cls_score_sum") == pytest.approx(seen["cls"], abs=0.001)
    assert total(found, "video_web_vitals_total") == 4  # nobody touched the page: no INP
    assert total(found, "video_web_load_seconds_sum") == pytest.approx(
        seen["load"] / 1000, abs=0.001
    )
    assert total(found, "video_web_page_views_total") == 1
    assert total(found, "video_web_page_views_total", page="/:number", erred="yes") == 1
    assert total(found, "video_web_sessions_total", bounced="yes") == 1
    assert total(found, "video_web_measured_seconds_count") == 1
    assert total(
        found, "video_web_measured_seconds_sum", measurement="video_startup.startup_ms"
    ) == pytest.approx(0.812)
    assert total(found, "video_web_custom_events_total") == 1
    assert total(found, "video_web_logs_total") == 1
    assert total(found, "video_web_logs_total", level="warn") == 1
    assert total(found, "video_web_errors_total", error_type="javascript") == 2
    assert total(found, "video_web_errors_total", error_type="promise_rejection") == 1
    assert total(found, "video_web_fatal_errors_total") == 1
    assert total(found, "video_web_requests_total", result="ok") == 1
    assert total(found, "video_web_requests_total", result="failed") == 1
    assert total(found, "video_web_requests_total") == 2
    assert total(found, "exporter_events_rejected_total") == 0
    for somebody in (b"ann@example.com", b"Ann Archer", b"u-4711", b"HeadlessChrome"):
        assert somebody not in journal

    (preflight, *_), posts = setting.way.all("OPTIONS"), setting.way.all("POST")
    asked = preflight.headers["Access-Control-Request-Headers"].split(",")
    assert {"content-type", "idempotency-key", "x-faro-session-id"} <= set(asked)
    assert {post.status for post in posts} == {202}
    assert len(keys(posts)) == len(set(keys(posts)))


async def test_batches_whose_answers_are_lost_count_once(
    tmp_path: Path, browser: Browser, site: Pages
) -> None:
    async with settled(tmp_path, browser, site) as setting:
        setting.way.lost = 2
        await setting.visit("""
            await loaded;
            for (let number = 0; number < 5; number += 1) measure(100 * number);
            faro.api.pushError(new Error("the player broke"));
            await sleep(5);
            return true;
        """)
        found = await setting.reached("video_web_page_views_total")

    posts = setting.way.all("POST")
    first, second, third, *rest = posts
    assert [post.status for post in posts] == [500, 500, 202, *(202 for _ in rest)]
    assert keys(posts)[0] == keys(posts)[1] == keys(posts)[2] not in keys(rest)
    assert first.body == second.body == third.body
    said = [json.loads(post.answer) for post in posts]
    assert [each["accepted"] for each in said[1:3]] == [0, 0]
    assert said[0]["accepted"] == said[1]["duplicate"] == said[2]["duplicate"] > 5
    assert total(found, "exporter_events_duplicate_total") == 2 * said[0]["accepted"]
    assert total(found, "video_web_measured_seconds_count") == 5
    assert total(found, "video_web_measured_seconds_sum") == pytest.approx(1.0)
    assert total(found, "video_web_errors_total") == 1
    assert total(found, "video_web_page_views_total") == 1
    assert total(found, "video_web_load_seconds_count") == 1


async def test_a_page_that_is_told_to_wait_waits_and_loses_nothing(
    tmp_path: Path, browser: Browser, site: Pages
) -> None:
    slow = {"RECEIVER__RATE_PER_SECOND": 0.4, "RECEIVER__RATE_BURST": 1}
    async with settled(tmp_path, browser, site, **slow) as setting:
        await setting.visit("""
            await loaded;
            await sleep(1);
            measure(100);
            await sleep(8);
            return true;
        """)
        found = await setting.reached("video_web_measured_seconds_count")

    posts = setting.way.all("POST")
    assert 429 in {post.status for post in posts}
    assert {key for key, post in zip(keys(posts), posts, strict=True) if post.status == 202} == set(
        keys(posts)
    )
    assert total(found, "video_web_measured_seconds_count") == 1


async def test_compressed_batches_with_a_key_are_read(
    tmp_path: Path, browser: Browser, site: Pages
) -> None:
    async with settled(tmp_path, browser, site, RECEIVER__KEYS="k-1") as setting:
        await setting.visit(
            """
            await loaded;
            measure(100);
            await sleep(2);
            return true;
            """,
            sdk='apiKey: "k-1", requestCompression: true,',
        )
        await setting.visit("measure(200); await sleep(2); return true;", sdk='apiKey: "k-2",')
        found = await setting.reached("video_web_page_views_total")

    posts = setting.way.all("POST")
    (compressed, *_), (refused, *_) = (
        [post for post in posts if post.headers["X-Api-Key"] == key] for key in ("k-1", "k-2")
    )
    assert compressed.headers["Content-Encoding"] == "gzip"
    assert compressed.body[:2] == b"\x1f\x8b"
    assert (compressed.status, refused.status) == (202, 401)
    assert total(found, "video_web_measured_seconds_sum") == pytest.approx(0.1)


async def test_a_page_that_is_closed_at_once_has_said_everything(
    tmp_path: Path, browser: Browser, site: Pages
) -> None:
    async with settled(tmp_path, browser, site) as setting:
        await setting.visit("""
            document.body.append("A film.");
            await loaded;
            await sleep(1);
            faro.api.pushEvent("left_early");
            measure(300);
            return true;
        """)
        found = await setting.reached("video_web_vitals_total", vital="cls")

    assert total(found, "video_web_custom_events_total") == 1
    assert total(found, "video_web_measured_seconds_sum") == pytest.approx(0.3)
    assert total(found, "video_web_vitals_total", vital="lcp") == 1
    assert total(found, "video_web_page_views_total") == 1


async def test_a_change_of_route_is_another_page_view(
    tmp_path: Path, browser: Browser, site: Pages
) -> None:
    async with settled(tmp_path, browser, site) as setting:
        await setting.visit("""
            await loaded;
            await sleep(1);
            document.body.dispatchEvent(new PointerEvent("pointerdown", { bubbles: true }));
            history.pushState(null, "", "/watch/77?token=4711");
            document.body.append("Another film.");
            await sleep(2);
            return true;
        """)
        found = await setting.reached("video_web_sessions_total")

    assert total(found, "video_web_page_views_total", page="/:number") == 1
    assert total(found, "video_web_page_views_total", page="/watch/:id") == 1
    assert total(found, "video_web_page_views_total") == 2
    assert total(found, "video_web_actions_total", action="route_change") == 1
    assert total(found, "video_web_sessions_total", bounced="no") == 1
    posts = [json.loads(post.body) for post in setting.way.all("POST")]
    assert len({post["meta"]["page"]["id"] for post in posts}) == 2

"""How pages send, in a real Chromium and from another origin: preflights, budgets, last words."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.apps import Running, running
from tests.clients.browser import Browser
from tests.clients.scripted import Pages
from tests.pipelines import Series

pytestmark = pytest.mark.asyncio(loop_scope="module")

BUDGET = 65_536  # bytes that a page may have on the way without waiting for an answer
VITAL = {"name": "TTFB", "value": 120.5, "rating": "good", "id": "v6-1-1"}
ACCEPTED = 'exporter_events_accepted_total{type="web.vital_measured"}'
PREFLIGHTED = 'exporter_http_responses_total{code="204"}'
TAKEN = 'exporter_http_responses_total{code="202"}'


@pytest_asyncio.fixture(loop_scope="module")
async def app(tmp_path: Path, site: Pages) -> AsyncIterator[Running]:
    async with running(tmp_path / "state", receiver={"origins": (site.origin,)}) as app:
        yield app


class Page:
    """Sends to one exporter."""

    def __init__(self, browser: Browser, site: Pages, app: Running) -> None:
        self._browser = browser
        self._site = site
        self._app = app

    async def runs(self, script: str, **options: Any) -> Any:
        """Run a script, in which `url` is where web vitals go and `body` is one, in JSON."""
        head = f"""
            const url = {json.dumps(self._app.public + "/web-vitals")};
            const body = {json.dumps(json.dumps(VITAL))};
            const sleep = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));
            const long = (bytes) => body.slice(0, -1) + ' '.repeat(bytes - body.length) + '}}';
        """
        return await self._browser.visit(self._site.page(head + script), **options)


@pytest.fixture
def page(browser: Browser, site: Pages, app: Running) -> Page:
    return Page(browser, site, app)


async def counted(app: Running, series: str, value: float) -> Series:
    """What was counted, once a series has a value."""
    async with asyncio.timeout(10.0):
        while (found := await app.scrape()).get(series, 0.0) != value:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return found


@pytest.mark.parametrize(
    "send",
    [
        pytest.param("navigator.sendBeacon(url, body)", id="beacon of a string"),
        pytest.param("navigator.sendBeacon(url, new Blob([body]))", id="blob without a type"),
        pytest.param(
            "navigator.sendBeacon(url, new Blob([body], {type: 'text/plain'}))", id="blob of text"
        ),
        pytest.param(
            "navigator.sendBeacon(url, new TextEncoder().encode(body))", id="beacon of bytes"
        ),
        pytest.param(
            "(await fetch(url, {method: 'POST', body, keepalive: true})).ok", id="fetch of a string"
        ),
        pytest.param(
            "(await fetch(url, {method: 'POST', body, mode: 'no-cors'})).type === 'opaque'",
            id="fetch whose answer nobody reads",
        ),
    ],
)
async def test_what_needs_no_preflight_is_counted(page: Page, app: Running, send: str) -> None:
    assert await page.runs(f"return {send};")

    found = await counted(app, ACCEPTED, 1.0)
    assert PREFLIGHTED not in found


@pytest.mark.parametrize(
    "send",
    [
        pytest.param(
            "navigator.sendBeacon(url, new Blob([body], {type: 'application/json'}))",
            id="beacon, which has credentials",
        ),
        pytest.param(
            "(await fetch(url, {method: 'POST', body, credentials: 'include',"
            " headers: {'Content-Type': 'application/json'}})).ok",
            id="fetch with credentials",
        ),
        pytest.param(
            "(await fetch(url, {method: 'POST', body, headers: {"
            " 'X-Api-Key': '1', 'X-Faro-Session-Id': '1', 'Idempotency-Key': '1',"
            " 'Traceparent': '1', 'CMCD-Request': 'v=2', 'X-EPAS-Event': 'init'}})).ok",
            id="fetch with the headers of clients",
        ),
        pytest.param(
            "(await fetch(url, {method: 'POST', headers: {'Content-Encoding': 'gzip'},"
            " body: await new Response(new Blob([body]).stream()"
            ".pipeThrough(new CompressionStream('gzip'))).blob()})).ok",
            id="compressed",
        ),
    ],
)
async def test_what_needs_a_preflight_gets_one_and_is_counted(
    page: Page, app: Running, send: str
) -> None:
    assert await page.runs(f"return {send};")

    found = await counted(app, ACCEPTED, 1.0)
    assert found[PREFLIGHTED] == 1.0


@pytest.mark.parametrize("kind", ["application/cmcd", "text/cmcd"])
async def test_reports_of_players_may_come_under_their_own_type(
    page: Page, app: Running, kind: str
) -> None:
    address = json.dumps(app.public + "/cmcd/hls.js")
    assert await page.runs(f"""
        const report = `e=ps,sid="1",sn=0,sta=s,ts=${{Date.now()}},v=2\\n`;
        return navigator.sendBeacon({address}, new Blob([report], {{type: '{kind}'}}));
    """)

    found = await counted(app, 'exporter_events_accepted_total{type="playback.sampled"}', 1.0)
    # The answer to the preflight, and that to the report.
    assert found[PREFLIGHTED] == 2.0


async def test_a_page_asks_once_and_not_before_every_beacon(page: Page, app: Running) -> None:
    await page.runs("""
        for (let number = 0; number < 5; number += 1) {
          const body = JSON.stringify({name: 'TTFB', value: 100 + number, id: `v6-2-${number}`});
          const headers = {'Content-Type': 'application/json'};
          await fetch(url, {method: 'POST', body, headers});
        }
        return true;
    """)

    found = await counted(app, ACCEPTED, 5.0)
    assert found[PREFLIGHTED] == 1.0


async def test_beacons_with_credentials_pass_where_every_origin_may_send(
    browser: Browser, site: Pages, tmp_path: Path
) -> None:
    """Browsers refuse the wildcard for them, so the origin itself must come back."""
    async with running(tmp_path / "open", receiver={"origins": ("*",)}) as app:
        await Page(browser, site, app).runs(
            "return navigator.sendBeacon(url, new Blob([body], {type: 'application/json'}));"
        )

        await counted(app, ACCEPTED, 1.0)


async def test_a_page_of_a_strange_origin_is_stopped_by_its_own_browser(
    browser: Browser, site: Pages, tmp_path: Path
) -> None:
    strangers = {"origins": ("https://elsewhere.example",)}
    async with running(tmp_path / "closed", receiver=strangers) as app:
        told = await Page(browser, site, app).runs("""
            const headers = {'Content-Type': 'application/json'};
            return fetch(url, {method: 'POST', body, headers}).catch((error) => error.name);
        """)

        found = await counted(app, PREFLIGHTED, 1.0)
        assert told == "TypeError"
        assert TAKEN not in found


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("new URLSearchParams({body})", id="a form"),
        pytest.param(
            "(() => {const f = new FormData(); f.set('a', body); return f})()", id="parts"
        ),
    ],
)
async def test_forms_are_refused_by_their_type_and_not_guessed_at(
    page: Page, app: Running, body: str
) -> None:
    told = await page.runs(f"return (await fetch(url, {{method: 'POST', body: {body}}})).status;")

    assert told == 415
    await counted(app, 'exporter_events_rejected_total{reason="unsupported_type"}', 1.0)


async def test_the_largest_beacon_that_a_page_can_send_is_taken(page: Page, app: Running) -> None:
    told = await page.runs(f"""
        const fits = navigator.sendBeacon(url, long({BUDGET}));
        await sleep(1);
        return [fits, navigator.sendBeacon(url, long({BUDGET} + 1))];
    """)

    assert told == [True, False]
    found = await counted(app, ACCEPTED, 1.0)
    assert found[TAKEN] == 1.0


async def test_what_is_on_its_way_shares_the_budget_of_a_page(page: Page, app: Running) -> None:
    told = await page.runs("""
        const large = long(40000);
        const beacons = [navigator.sendBeacon(url, large), navigator.sendBeacon(url, large)];
        const kept = await fetch(url, {method: 'POST', body: large, keepalive: true}).catch(
          (error) => error.name,
        );
        return [...beacons, kept];
    """)

    assert told == [True, False, "TypeError"]
    found = await counted(app, ACCEPTED, 1.0)
    assert found[TAKEN] == 1.0


async def test_more_than_the_budget_is_refused_where_a_page_can_wait(
    page: Page, app: Running
) -> None:
    told = await page.runs(
        f"return (await fetch(url, {{method: 'POST', body: long({BUDGET} + 1)}})).status;"
    )

    assert told == 413
    await counted(app, 'exporter_events_rejected_total{reason="too_large"}', 1.0)


@pytest.mark.parametrize("kind", ["text/plain", "application/json"])
async def test_the_last_words_of_a_page_are_counted(page: Page, app: Running, kind: str) -> None:
    """It sends while it is hidden for good, as libraries do, and is closed at once."""
    await page.runs(f"""
        addEventListener('pagehide', () => {{
          navigator.sendBeacon(url, new Blob([body], {{type: '{kind}'}}));
        }});
        return true;
    """)

    await counted(app, ACCEPTED, 1.0)


async def test_a_request_that_outlives_its_page_is_counted(page: Page, app: Running) -> None:
    await page.runs("""
        addEventListener('pagehide', () => {
          fetch(url, {method: 'POST', body, keepalive: true});
        });
        return true;
    """)

    await counted(app, ACCEPTED, 1.0)


async def test_a_request_that_dies_with_its_document_is_no_event_and_harms_nobody(
    page: Page, app: Running
) -> None:
    """On a slow line, the document is gone when half of the body is on its way."""
    await page.runs(
        """
        const frame = document.body.appendChild(document.createElement('iframe'));
        frame.contentWindow.fetch(url, {method: 'POST', body: long(60000)});
        await sleep(2);
        frame.remove();
        return true;
        """,
        upload=10_000,
    )

    found = await counted(app, 'exporter_http_responses_total{code="408"}', 1.0)
    assert ACCEPTED not in found
    assert await page.runs("return navigator.sendBeacon(url, body);")
    await counted(app, ACCEPTED, 1.0)


async def test_a_page_is_told_when_to_come_again(
    browser: Browser, site: Pages, tmp_path: Path
) -> None:
    """A header that is not exposed does not exist for a script."""
    limited = {"origins": (site.origin,), "rate_per_second": 0.001, "rate_burst": 1.0}
    async with running(tmp_path / "limited", receiver=limited) as app:
        told = await Page(browser, site, app).runs("""
            await fetch(url, {method: 'POST', body});
            const answer = await fetch(url, {method: 'POST', body});
            return [answer.status, Number(answer.headers.get('Retry-After')) > 0];
        """)

    assert told == [429, True]

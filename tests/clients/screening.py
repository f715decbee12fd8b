"""One page with a player that posts to a real exporter, and a film of which a part can be held."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.clients import film
from tests.clients.browser import NODE_MODULES, Browser, chromium
from tests.clients.snippets import snippet
from tests.durability.processes import Exporter, Samples, until

SETTLE = 1.0
APART = 1.5  # seconds between two beginnings, so that no player starts while another one does
PAGE = """<!doctype html>
<meta charset="utf-8">
<title>screening</title>
<script type="importmap">{imports}</script>
<script>
window.finished = new Promise((fulfil) => {{ window.finish = fulfil; }});
const broken = (error) => window.finish({{ broken: `${{error.stack ?? error}}` }});
window.addEventListener("error", (event) => broken(event.error ?? event.message));
window.addEventListener("unhandledrejection", (event) => broken(event.reason));
</script>
{body}
<script type="module">
const now = () => (performance.timeOrigin + performance.now()) / 1000;
const sleep = (seconds) => new Promise((fulfil) => setTimeout(fulfil, 1000 * seconds));
const seen = [];
const watch = (video) => {{
  for (const name of ["loadstart", "loadeddata", "canplay", "canplaythrough", "playing", "waiting",
    "pause", "seeking", "seeked", "ended", "error"]) {{
    video.addEventListener(name, () => seen.push([name, now()]));
  }}
}};
const next = (video, name) =>
  new Promise((fulfil) => video.addEventListener(name, fulfil, {{ once: true }}));
const reached = async (video, position) => {{
  while (video.currentTime < position) await sleep(0.02);
}};
const release = () => fetch("/release", {{ method: "POST" }});
{before}
{snippet}
{scenario}
</script>
"""


class Screening:
    """What happened on the page, and what was counted of it."""

    def __init__(self, told: Mapping[str, Any], counted: Samples) -> None:
        assert "broken" not in told, told["broken"]
        self.told = told
        self.seen: list[tuple[str, float]] = [(name, at) for name, at in told["seen"]]
        self.counted = counted

    def at(self, name: str, since: float = 0.0) -> float:
        """When the ``<video>`` element first said something, or first after a moment."""
        return next(at for each, at in self.seen if each == name and at >= since)

    def value(self, name: str, **labels: str) -> float:
        """A number of the exporter."""
        return self.counted[name, frozenset(labels.items())]

    def counts(self, name: str) -> dict[str, float]:
        """Every series of a family that is not 0, by the values of its labels."""
        return {
            ",".join(value for _, value in sorted(labels)): number
            for (each, labels), number in self.counted.items()
            if each == name and number
        }


class Room:
    """A film in one browser, before one exporter; each page is visited by itself."""

    def __init__(self, browser: Browser, exporter: Exporter, folder: Path) -> None:
        self._browser = browser
        self._film = folder
        self._page = ""
        self.exporter = exporter
        self.address = ""
        self.held = ""
        self.released = asyncio.Event()

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_static("/npm", NODE_MODULES)
        app.router.add_get("/", self._get)
        app.router.add_post("/release", self._release)
        app.router.add_get("/film/{file}", self._file)
        app.router.add_get("/json/{path:.*}", self._module)
        return app

    async def show(
        self,
        page: str,
        *,
        body: str,
        scenario: str,
        before: str = "",
        imports: Mapping[str, str] = {},
        held: str = "",
        may_break: bool = False,
    ) -> dict[str, Any]:
        """Visit a page with the snippet of a page of the docs; what it came to."""
        self.held = held
        self.released.clear()
        self._page = PAGE.format(
            imports=json.dumps({"imports": imports}),
            body=body,
            before=before,
            snippet=snippet(page, self.exporter.url),
            scenario=scenario,
        )
        told: dict[str, Any] = await self._browser.visit(
            f"{self.address}/", seconds=150, may_break=may_break
        )
        return told

    async def _get(self, request: web.Request) -> web.Response:
        return web.Response(text=self._page, content_type="text/html")

    async def _release(self, request: web.Request) -> web.Response:
        self.released.set()
        return web.Response(status=204)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        file = request.match_info["file"]
        if file == self.held:
            await self.released.wait()
        path = self._film / file
        if not path.exists():
            return web.Response(status=404)
        return web.FileResponse(path, headers={"Cache-Control": "no-store"})

    async def _module(self, request: web.Request) -> web.Response:
        """JSON of a package as a module, which is what every bundler makes of it."""
        text = (NODE_MODULES / request.match_info["path"]).read_text()
        return web.Response(text=f"export default {text}", content_type="text/javascript")


@asynccontextmanager
async def room(
    browser: Browser, folder: Path, shown: Path, **settings: object
) -> AsyncIterator[Room]:
    """A site, and an exporter that takes beacons of its pages, until the block ends."""
    exporter = Exporter(folder, {"SESSIONS__SETTLE_SECONDS": SETTLE, **settings})
    found = Room(browser, exporter, shown)
    runner = web.AppRunner(found.application(), shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        found.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        exporter.configure({"RECEIVER__ORIGINS": found.address})
        await exporter.start()
        yield found
    finally:
        await exporter.stop()
        await runner.cleanup()


Scene = Callable[[Room], Coroutine[Any, Any, Screening]]


async def screen(
    folder: Path,
    scenes: Mapping[str, Scene],
    prepare: Callable[[Path], None] = lambda shown: None,
    **settings: object,
) -> dict[str, Screening]:
    """Every scene in a room of its own, in one browser, begun one after the other.

    ``prepare`` may make another film of the one in a folder.
    """
    (folder / "film").mkdir()
    shown = film.make(folder / "film")
    prepare(shown)
    (folder / "browser").mkdir()
    async with AsyncExitStack() as stack:
        # Nothing plays while anything else is starting: that would be a stall of the machine's.
        browser = await stack.enter_async_context(chromium(folder / "browser"))
        rooms = {
            name: await stack.enter_async_context(room(browser, folder / name, shown, **settings))
            for name in scenes
        }
        async with asyncio.TaskGroup() as group:
            tasks = {}
            for name, scene in scenes.items():
                tasks[name] = group.create_task(scene(rooms[name]))
                await asyncio.sleep(APART)
    return {name: task.result() for name, task in tasks.items()}


async def ended(it: Room) -> Samples:
    """What is counted once a play is over."""

    async def over() -> bool:
        samples = await it.exporter.samples()
        return any(v for (n, _), v in samples.items() if n == "video_playback_ended_total")

    await until(over)
    return await it.exporter.samples()

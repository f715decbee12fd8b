"""The site that a player is on: its page, the film, and a way to the exporter that can be broken.

The page has one origin, the collector another, as in the world: browsers ask before they post.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from aiohttp import ClientSession, hdrs, web

from tests.clients.browser import HERE, NODE_MODULES

_OF_CONNECTION = {hdrs.CONNECTION, hdrs.CONTENT_LENGTH, hdrs.DATE, hdrs.SERVER}

PAGE = """<!doctype html>
<meta charset="utf-8">
<title>play</title>
<video muted playsinline width="320" height="180"></video>
<script type="application/json" id="play">{play}</script>
<script src="/npm/{library}"></script>
<script src="/page.js"></script>
<script type="module">
const {{ source }} = JSON.parse(document.querySelector("#play").textContent);
const video = document.querySelector("video");
{before}
window.called = performance.now();
// Which comes when the call gives the page its turn again.
queueMicrotask(() => {{ window.returned = performance.now(); }});
{call}
</script>
"""


class Post(NamedTuple):
    """One beacon that a player posted, and what it was told."""

    at: float
    body: str
    status: int


class Stage:
    """What the site does in one play; ``posts`` are those that came so far."""

    def __init__(
        self,
        *,
        library: str,
        scenario: str,
        manifest: str,
        exporter: str,
        held: str = "",
        slow: tuple[str, float] = ("", 0.0),
        broken: bool = False,
        stormy_seconds: float = 0.0,
    ) -> None:
        self.library = library
        self.number = 0
        self.snippet = ""
        self.scenario = scenario
        self.manifest = manifest
        self.exporter = exporter
        self.held = held
        self.slow = slow
        self.broken = broken
        self.stormy_seconds = stormy_seconds
        self.released = asyncio.Event()
        self.posts: list[Post] = []

    @property
    def stormy(self) -> bool:
        """Whether answers to players are lost now."""
        return bool(self.posts) and time.time() < self.posts[0].at + self.stormy_seconds


class Site:
    """Serves any number of plays at the same time, each under a number of its own."""

    def __init__(self, film: Path, client: ClientSession) -> None:
        self._film = film
        self._client = client
        self._stages: list[Stage] = []
        self.pages = ""
        self.collectors = ""

    def collector(self, stage: Stage) -> str:
        """Where the player of a play posts to."""
        return f"{self.collectors}/{stage.number}"

    def put_on(self, stage: Stage) -> str:
        """Add a play; the address of its page."""
        stage.number = len(self._stages)
        self._stages.append(stage)
        return f"{self.pages}/{stage.number}/"

    def application(self) -> web.Application:
        """The site's own pages and files."""
        app = web.Application()
        app.router.add_static("/npm", NODE_MODULES)
        app.router.add_get("/page.js", self._script)
        app.router.add_get("/{number}/", self._page)
        app.router.add_post("/{number}/release", self._release)
        app.router.add_get("/{number}/film/{file}", self._file)
        return app

    def passage(self) -> web.Application:
        """The way to the exporter."""
        app = web.Application()
        app.router.add_route("*", "/{number}/{path:.*}", self._pass)
        return app

    def _stage(self, request: web.Request) -> Stage:
        return self._stages[int(request.match_info["number"])]

    async def _script(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(HERE / "page.js")

    async def _page(self, request: web.Request) -> web.Response:
        stage = self._stage(request)
        here = f"{self.pages}/{request.match_info['number']}"
        play = {
            "scenario": stage.scenario,
            "source": f"{here}/film/{stage.manifest}",
            "release": f"{here}/release",
        }
        # All lines but the last one prepare the player; with the last one it is asked to play.
        *before, call = stage.snippet.splitlines()
        page = PAGE.format(
            play=json.dumps(play), library=stage.library, before="\n".join(before), call=call
        )
        return web.Response(text=page, content_type="text/html")

    async def _release(self, request: web.Request) -> web.Response:
        self._stage(request).released.set()
        return web.Response(status=204)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        stage, file = self._stage(request), request.match_info["file"]
        if file == stage.held:
            await stage.released.wait()
        if file == stage.slow[0]:
            await asyncio.sleep(stage.slow[1])
        if file == stage.manifest and stage.broken:
            return web.Response(text="This is no film.")
        return web.FileResponse(self._film / file, headers={"Cache-Control": "no-store"})

    async def _pass(self, request: web.Request) -> web.Response:
        """Hand a request on, and its answer back; in a storm the answer is lost on the way."""
        stage, at = self._stage(request), time.time()
        body = await request.read()
        path = request.path_qs.removeprefix(f"/{request.match_info['number']}")
        headers = {k: v for k, v in request.headers.items() if k != hdrs.HOST}
        async with self._client.request(
            request.method, stage.exporter + path, data=body, headers=headers
        ) as answer:
            told = {k: v for k, v in answer.headers.items() if k not in _OF_CONNECTION}
            response = web.Response(status=answer.status, body=await answer.read(), headers=told)
        if request.method == hdrs.METH_POST:
            if stage.stormy or (stage.stormy_seconds and not stage.posts):
                response.set_status(500)
            stage.posts.append(Post(at, body.decode(), response.status))
        return response


@asynccontextmanager
async def site(film: Path) -> AsyncIterator[Site]:
    """Serve on two free ports of the loopback until the block ends."""
    async with ClientSession() as client:
        found = Site(film, client)
        runners = [
            web.AppRunner(app, shutdown_timeout=0.1)
            for app in (found.application(), found.passage())
        ]
        try:
            ports = []
            for runner in runners:
                await runner.setup()
                await web.TCPSite(runner, "127.0.0.1", 0).start()
                ports.append(runner.addresses[0][1])
            found.pages, found.collectors = (f"http://127.0.0.1:{port}" for port in ports)
            yield found
        finally:
            for runner in runners:
                await runner.cleanup()

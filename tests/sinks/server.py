"""A sink that can be told to misbehave: it speaks /api/v2/write, and may pass on what it takes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

Fault = Callable[[Sequence[str]], Awaitable[web.Response | None]]
"""An answer instead of taking the lines, or None to take them."""


class Sink:
    """Takes line protocol; ``forward`` is where it is written to, such as ``…/write?db=video``."""

    def __init__(self, forward: str | None = None) -> None:
        self._forward = forward
        self.url = ""
        self.fault: Fault = _no_fault
        self.lose_answer: Callable[[], bool] = lambda: False
        """Whether the connection is cut after lines were taken, before that is said."""
        self.cut_request: Callable[[], bool] = lambda: False
        """Whether the connection is cut in the middle of what comes; nothing of it is taken."""
        self.cut_answer: Callable[[], bool] = lambda: False
        """Whether it is cut in the middle of the answer, after lines were taken."""
        self.requests: list[list[str]] = []
        """The lines of each request, whatever became of it."""
        self.taken: list[str] = []
        self.tokens: set[str] = set()

    async def _write(self, request: web.Request) -> web.StreamResponse:
        if self.cut_request():
            await request.content.readany()
            _abort(request)
            return web.Response()
        lines = (await request.read()).decode().split("\n")
        self.requests.append(lines)
        self.tokens.add(request.headers.get("Authorization", ""))
        fault = await self.fault(lines)
        if fault is not None:
            return fault
        if self._forward is not None:
            async with (
                aiohttp.ClientSession() as http,
                http.post(self._forward, data="\n".join(lines).encode()) as answer,
            ):
                if answer.status != 204:
                    return web.Response(status=answer.status, body=await answer.read())
        self.taken += lines
        if self.lose_answer():
            _abort(request)
        if self.cut_answer() and request.transport is not None:
            request.transport.write(b"HTTP/1.1 204 No Con")
            request.transport.close()
        return web.Response(status=204)

    async def _query(self, request: web.Request) -> web.StreamResponse:
        """Ask the one to whom lines are written."""
        assert self._forward is not None
        address = self._forward.partition("/write")[0] + "/query"
        async with (
            aiohttp.ClientSession() as http,
            http.get(address, params=request.query) as answer,
        ):
            return web.Response(
                status=answer.status,
                body=await answer.read(),
                content_type=answer.content_type,
            )

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator["Sink"]:
        """Listen until the end of the block."""
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/api/v2/write", self._write)
        app.router.add_get("/query", self._query)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        self._runner = runner
        await web.TCPSite(runner, "127.0.0.1", port).start()
        self._port = int(runner.addresses[0][1])
        self.url = f"http://127.0.0.1:{self._port}"
        try:
            yield self
        finally:
            await runner.cleanup()

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """Refuse every connection until the end of the block, and cut those that there are."""
        (site,) = self._runner.sites
        await site.stop()
        usual, self.cut_request = self.cut_request, lambda: True
        try:
            yield
        finally:
            self.cut_request = usual
            await web.TCPSite(self._runner, "127.0.0.1", self._port).start()


def _abort(request: web.Request) -> None:
    """Cut the connection, unless whoever asked has gone already."""
    if request.transport is not None:
        request.transport.abort()


async def _no_fault(lines: Sequence[str]) -> None:
    return None


def always(status: int, body: str = "") -> Fault:
    """Answer everything with ``status``."""

    async def fault(lines: Sequence[str]) -> web.Response:
        return web.Response(status=status, text=body)

    return fault


def hang(seconds: float) -> Fault:
    """Say nothing for a while, then take the lines."""

    async def fault(lines: Sequence[str]) -> None:
        await asyncio.sleep(seconds)

    return fault


def refuse(culprit: Callable[[str], bool]) -> Fault:
    """Refuse every request that holds a culprit, as InfluxDB does; the reason names no line."""

    async def fault(lines: Sequence[str]) -> web.Response | None:
        if any(map(culprit, lines)):
            return web.Response(status=400, text='{"code":"invalid","message":"partial write"}')
        return None

    return fault

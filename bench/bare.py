"""The other side of the throughput ratio: aiohttp reads the body and answers, and that is all."""

from __future__ import annotations

import asyncio
import sys

import uvloop
from aiohttp import web

ANSWER = b'{"success":true,"accepted":1,"duplicate":0,"rejected":[]}'


async def _take(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(body=ANSWER, status=202, content_type="application/json")


async def _serve(port: int) -> None:
    app = web.Application()
    for path in ("/api/analytics/upload-performance", "/v1/events"):
        app.router.add_post(path, _take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))

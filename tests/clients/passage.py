"""The way from pages to an exporter, which sees what passes and can lose answers."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import NamedTuple

from aiohttp import ClientSession, hdrs, web

_OF_CONNECTION = {hdrs.CONNECTION, hdrs.CONTENT_LENGTH, hdrs.DATE, hdrs.SERVER}


class Passed(NamedTuple):
    """A request, what the exporter said to it, and the status that its page was told."""

    method: str
    headers: Mapping[str, str]
    body: bytes
    answer: bytes
    status: int


class Passage:
    """Hands requests on; ``lost`` answers to posts are a 500, although the exporter took them."""

    def __init__(self, exporter: str, client: ClientSession) -> None:
        self._exporter = exporter
        self._client = client
        self.address = ""
        self.lost = 0
        self.passed: list[Passed] = []

    def all(self, method: str) -> list[Passed]:
        """The requests of a method, in their order."""
        return [each for each in self.passed if each.method == method]

    async def answer(self, request: web.Request) -> web.Response:
        """What the exporter says, unless it is lost."""
        body = await request.read()
        headers = {name: said for name, said in request.headers.items() if name != hdrs.HOST}
        async with self._client.request(
            request.method, self._exporter + request.path_qs, data=body, headers=headers
        ) as answer:
            told = {k: v for k, v in answer.headers.items() if k not in _OF_CONNECTION}
            said = await answer.read()
            response = web.Response(status=answer.status, body=said, headers=told)
        if request.method == hdrs.METH_POST and self.lost:
            self.lost -= 1
            response.set_status(HTTPStatus.INTERNAL_SERVER_ERROR)
        self.passed.append(Passed(request.method, request.headers, body, said, response.status))
        return response


@asynccontextmanager
async def passage(exporter: str) -> AsyncIterator[Passage]:
    """Stand between pages and an exporter until the block ends."""
    async with ClientSession(auto_decompress=False) as client:
        found = Passage(exporter, client)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", found.answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1, auto_decompress=False)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            found.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield found
        finally:
            await runner.cleanup()

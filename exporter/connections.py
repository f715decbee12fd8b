"""Connections that end: aiohttp's server gives a client forever for its head; here it does not.

Also the answer to what is not HTTP at all: aiohttp would echo the offending bytes.
"""

from __future__ import annotations

import asyncio
import ssl
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from exporter.answers import problem

BACKLOG: Final = 1024


class Connection(RequestHandler):
    """One client's connection; ``head_since`` is when a head began that is not complete."""

    __slots__ = ("head_since",)

    head_since: float | None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client that connects and says nothing is waited for as for a head."""
        super().connection_made(transport)
        self.head_since = asyncio.get_running_loop().time()

    def data_received(self, data: bytes) -> None:
        """Start the clock with the first byte of a head, stop it with the last."""
        if self._current_request is None and self.head_since is None:
            self.head_since = asyncio.get_running_loop().time()
        super().data_received(data)
        if self._messages or self._current_request is not None:
            self.head_since = None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is not HTTP without a word of it."""
        word = "malformed" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "internal"
        response = problem(HTTPStatus(status), word)
        response.force_close()
        return response


class Site(web.TCPSite):
    """Listens, and closes connections whose head does not come in time."""

    def __init__(
        self,
        runner: web.BaseRunner,
        host: str,
        port: int,
        *,
        head_seconds: float,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(runner, host, port, backlog=BACKLOG, ssl_context=tls)
        self._head_seconds = head_seconds
        self._connections: set[Connection] = set()
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen."""
        await web.BaseSite.start(self)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._connection,
            self._host,
            self._port,
            backlog=self._backlog,
            ssl=self._ssl_context,
        )
        self._bound_port = self._server.sockets[0].getsockname()[1]
        self._sweeper = loop.create_task(self._sweep())

    async def stop(self) -> None:
        """Stop listening; requests that run are the runner's to wait for."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        await super().stop()

    def _connection(self) -> Connection:
        server: Any = self._runner.server
        return Connection(server, loop=asyncio.get_running_loop(), **server._kwargs)  # noqa: SLF001

    async def _sweep(self) -> None:
        server: Any = self._runner.server
        while True:
            await asyncio.sleep(self._head_seconds / 10)
            latest = asyncio.get_running_loop().time() - self._head_seconds
            for connection in server.connections:
                since = connection.head_since
                if since is not None and since < latest and connection.transport is not None:
                    connection.transport.abort()

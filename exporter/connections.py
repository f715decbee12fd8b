"""Connections that end: aiohttp's server gives a client forever for its head; here it does not.

Also the answer to what is not HTTP at all: aiohttp would echo the offending bytes. And a short
way for a request that is there whole, which is nearly every beacon: it is handled in the call that
brought its last byte, and aiohttp's task for the connection is not woken for it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.http import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import RequestHandler

from exporter.answers import MOST_UNREAD, Reply, problem
from exporter.crowd import Crowd

BACKLOG: Final = 1024

AtOnce = Callable[[web.BaseRequest, bytes, Reply], bool]
"""Takes a request and its body, and replies, now or later; or does nothing and says False."""


class Connection(RequestHandler):
    """One client's connection; ``since`` is when its last request began, or it was made.

    A request on the short way stays first in aiohttp's queue until its answer is written.
    """

    __slots__ = ("_at_once", "_crowd", "_taken", "in_head", "since")

    since: float
    in_head: bool

    def __init__(
        self, *arguments: Any, at_once: AtOnce | None, crowd: Crowd, **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self._at_once = at_once
        self._crowd = crowd
        self._taken = False
        self.in_head = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client that connects and says nothing is waited for as for a head."""
        super().connection_made(transport)
        self.since = self._loop.time()
        self._crowd.came(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """It is in nobody's way any more."""
        self._crowd.left(self)
        super().connection_lost(exc)

    @property
    def awaited_since(self) -> float:
        """When it began to keep us waiting, if it does: with a request, or after its last one."""
        if self.in_head or self._messages or self._current_request is not None:
            return self.since
        return self._next_keepalive_close_time - self._keepalive_timeout

    @property
    def awaited(self) -> bool:
        """Whether nothing can be done for it before it sends, or reads, more."""
        request = self._current_request
        if self.unread or (request is None and not self._messages):
            return True
        return request is not None and not request.content.is_eof()

    @property
    def unread(self) -> bool:
        """Whether answers wait because it does not read them."""
        transport = self.transport
        return transport is not None and transport.get_write_buffer_size() > 0

    def cut(self) -> None:
        """End it, whatever is on its way."""
        if self.transport is not None:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Start the clock with the first byte of a head, stop it with the last."""
        if self._current_request is None and not self.in_head:
            self.in_head, self.since = True, self._loop.time()
        waiter, self._waiter = self._waiter, None
        super().data_received(data)
        self._waiter = waiter
        if self._messages or self._current_request is not None:
            self.in_head = False
            self._go_on()

    def _go_on(self) -> None:
        """Begin with the next request, here or in aiohttp's task, where that has nothing to do."""
        messages, waiter = self._messages, self._waiter
        if self._buffer_paused and not self._taken and len(messages) <= self._msg_queue_resume_size:
            self._taken = True
            self._resume_reading_if_drained()
            self._taken = False
        while messages and not self._taken and waiter is not None and not waiter.done():
            self._taken = self._request_in_progress = True
            if not self._begun(*messages[0]):
                self._taken = self._request_in_progress = False
                waiter.set_result(None)

    def _begun(self, message: Any, payload: Any) -> bool:
        """Whether the request goes the short way."""
        if self._at_once is None or not self._is_whole(message, payload):
            return False
        # The time that an idle connection is kept does not run while a beacon is written down.
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        factory: Any = self._request_factory
        request = factory(message, payload, self, None, self._task_handler)
        # What reads from a stream makes it ask for more; here there is none.
        body = b"" if payload is EMPTY_PAYLOAD else b"".join(payload._buffer)  # noqa: SLF001
        return self._at_once(request, body, self._reply)

    def _is_whole(self, message: Any, payload: Any) -> bool:
        """Whether nothing more has to come for a request, and it wants an ordinary answer."""
        transport = self.transport
        return (
            type(message) is RawRequestMessage
            and payload.is_eof()
            and payload.exception() is None
            and message.version == HttpVersion11
            and not message.should_close
            and not message.upgrade
            and not self._reading_paused
            and hdrs.EXPECT not in message.headers
            and transport is not None
            and transport.get_write_buffer_size() < MOST_UNREAD
        )

    def _reply(self, answer: bytes) -> None:
        """The answer to the first request of the queue."""
        self._taken = self._request_in_progress = False
        if self._handler_waiter is not None:
            self._handler_waiter.set_result(None)
        if self.transport is None:
            return
        self.transport.write(answer)
        if self._close:
            self.transport.close()
            return
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        self._messages.popleft()
        parser: Any = self._parser
        parser.message_consumed()
        if self._messages or self._buffer_paused:
            # Not from here: requests that are answered at once would pile up frames.
            self._loop.call_soon(self._go_on)

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
    """Listens, and ends connections that keep us waiting."""

    def __init__(
        self,
        runner: web.BaseRunner,
        host: str,
        port: int,
        *,
        crowd: Crowd,
        tls: ssl.SSLContext | None = None,
        at_once: AtOnce | None = None,
    ) -> None:
        super().__init__(runner, host, port, backlog=BACKLOG, ssl_context=tls)
        self._at_once = at_once
        self._crowd = crowd
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
        self._sweeper = loop.create_task(self._crowd.sweep_for_ever())

    async def stop(self) -> None:
        """Stop listening; requests that run are the runner's to wait for."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        await super().stop()

    def _connection(self) -> Connection:
        server: Any = self._runner.server
        options = server._kwargs  # noqa: SLF001
        loop = asyncio.get_running_loop()
        return Connection(server, loop=loop, at_once=self._at_once, crowd=self._crowd, **options)

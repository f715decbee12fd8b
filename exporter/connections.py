"""Connections that end: aiohttp's server gives a client forever for its head; here it does not.

A request has so many seconds from its first byte to its last, whatever is answered to it and when;
with TLS the handshake is part of the first one. Also the answer to what is not HTTP at all: aiohttp
would echo the offending bytes. And a short way for a request that is there whole, which is nearly
every beacon: it is handled in the call that brought its last byte, and aiohttp's task for the
connection is not woken for it.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any, Final, cast

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.http import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import RequestHandler

from exporter.answers import MOST_UNREAD, Reply, problem
from exporter.crowd import Crowd

log = logging.getLogger(__name__)

BACKLOG: Final = 1024

_END: Final = b"\r\n\r\n"

AtOnce = Callable[[web.BaseRequest, bytes, Reply], bool]
"""Takes a request and its body, and replies, now or later; or does nothing and says False."""


class Connection(RequestHandler):
    """One client's connection; ``since`` is when its last request began, or it was made.

    A request on the short way stays first in aiohttp's queue until its answer is written.
    ``wire`` is what bytes go through, below TLS where there is any.
    """

    __slots__ = ("_at_once", "_body", "_crowd", "_in_head", "_taken", "since", "wire")

    since: float
    wire: asyncio.Transport

    def __init__(
        self, *arguments: Any, at_once: AtOnce | None, crowd: Crowd, **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self._at_once = at_once
        self._crowd = crowd
        self._taken = False
        # What has begun and is not whole: a head, or the body behind one.
        self._in_head = True
        self._body: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client that connects and says nothing is waited for as for a head."""
        super().connection_made(transport)
        self.wire = cast("asyncio.Transport", transport)
        self.since = self._loop.time()
        self._crowd.came(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """It is in nobody's way any more."""
        self._crowd.left(self)
        super().connection_lost(exc)

    @property
    def awaited_since(self) -> float:
        """When it began to keep us waiting, if it does: with a request, or after its last one."""
        if self.unfinished or self._messages or self._current_request is not None:
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
    def unfinished(self) -> bool:
        """Whether the rest of a request has to come, and nobody who answers it looks at the clock.

        So it is with a head, and with a body that was answered before it was there.
        """
        comes = self._in_head or self._body is not None
        return comes and self._current_request is None and not self._messages

    @property
    def unread(self) -> bool:
        """Whether answers wait because it does not read them."""
        # aiohttp lets go of a transport that it closes, which ends only when all of it is read.
        transport = self.transport or self.wire
        return transport.get_write_buffer_size() > 0 or self.wire.get_write_buffer_size() > 0

    def cut(self) -> None:
        """End it, whatever is on its way."""
        self.wire.abort()

    def data_received(self, data: bytes) -> None:
        """Start the clock with the first byte of a request."""
        body, requests = self._body, self._request_count
        if body is None and not self._in_head and data:
            self._in_head, self.since = True, self._loop.time()
        before = body.total_bytes if body is not None else 0
        waiter, self._waiter = self._waiter, None
        super().data_received(data)
        self._waiter = waiter
        if body is not None or self._request_count != requests:
            self._look_behind(data, before)
        if self._messages or self._current_request is not None:
            self._go_on()

    def _look_behind(self, data: bytes, before: int) -> None:
        """Find what is not whole behind ``data``; of its body so many bytes had come before."""
        payload = self._messages[-1][1] if self._messages else self._body
        if not payload.is_eof():
            self._body, self._in_head = payload, False
            return
        end = len(data) - payload.total_bytes + (before if payload is self._body else 0)
        self._body = None
        # A body stands behind an empty line, and chunks end with one. Of bytes that aiohttp had
        # put aside nobody knows: they are taken for a head, which costs an idle client little.
        if data and (not end or data.endswith(_END, 0, end) or data.endswith(_END)):
            self._in_head = False
        else:
            self._in_head, self.since = True, self._loop.time()

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

    async def whole(self, request: web.BaseRequest) -> bytes:
        """The body of the request that is being answered, in the time that its head has left.

        TimeoutError where that is too late; the connection is closed then.
        """
        try:
            async with asyncio.timeout_at(self.since + self._crowd.patience):
                return await request.read()
        except TimeoutError:
            self.force_close()
            raise

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


class Stranger(asyncio.Protocol):
    """A connection that does not speak TLS yet: it is in the crowd from its first packet on."""

    unfinished = awaited = True
    unread = False

    def __init__(self, tls: ssl.SSLContext, crowd: Crowd, become: Callable[[], Connection]) -> None:
        self._tls = tls
        self._crowd = crowd
        self._become = become
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with the handshake."""
        loop = asyncio.get_running_loop()
        self.since = loop.time()
        self._wire = cast("asyncio.Transport", transport)
        self._greeting = loop.create_task(self._greet(loop))
        self._crowd.came(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """It was gone before the handshake began, or in the moment in which it ended."""
        self._greeting.cancel()

    def data_received(self, data: bytes) -> None:
        """Keep what comes before the handshake begins, and later what comes with its end."""
        self._early.append(data)

    @property
    def awaited_since(self) -> float:
        """It has kept us waiting since it came."""
        return self.since

    def cut(self) -> None:
        """End it."""
        self._wire.abort()

    async def _greet(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._wire.is_closing():
            return
        hello, self._early = b"".join(self._early), []
        loop.call_soon(self._say_again, hello)
        try:
            transport = await loop.start_tls(
                self._wire,
                self,
                self._tls,
                server_side=True,
                ssl_handshake_timeout=self._crowd.patience,
                ssl_shutdown_timeout=self._crowd.patience,
            )
        except OSError as error:
            # As with asyncio's own server: who does not speak TLS is not our mistake.
            log.debug("a handshake failed", exc_info=error)
            return
        finally:
            self._crowd.left(self)
        if transport is None or self._wire.is_closing():
            return
        connection = self._become()
        transport.set_protocol(connection)
        connection.connection_made(transport)
        connection.since, connection.wire = self.since, self._wire
        for data in self._early:
            connection.data_received(data)

    def _say_again(self, hello: bytes) -> None:
        """To who does the handshake: loops read before anybody can have begun with it."""
        listener: Any = self._wire.get_protocol()
        while hello and not self._wire.is_closing():
            room = memoryview(listener.get_buffer(len(hello)))
            size = min(len(room), len(hello))
            room[:size] = hello[:size]
            listener.buffer_updated(size)
            hello = hello[size:]


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
        tls = self._ssl_context
        self._server = await loop.create_server(
            self._connection
            if tls is None
            else partial(Stranger, tls, self._crowd, self._connection),
            self._host,
            self._port,
            backlog=self._backlog,
        )
        self._bound_port = self._server.sockets[0].getsockname()[1]
        self._sweeper = loop.create_task(self._crowd.sweep_for_ever())

    async def stop(self) -> None:
        """Stop listening; requests that run are the runner's to wait for."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        await super().stop()
        self._crowd.dismiss()

    def _connection(self) -> Connection:
        server: Any = self._runner.server
        options = server._kwargs  # noqa: SLF001
        loop = asyncio.get_running_loop()
        return Connection(server, loop=loop, at_once=self._at_once, crowd=self._crowd, **options)

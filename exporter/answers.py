"""What the HTTP ports answer: small JSON that never holds a byte of what a client sent."""

from __future__ import annotations

import time
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import HttpVersion11, hdrs, web

RETRY_AFTER_SECONDS: Final = "5"
_encode = msgspec.json.Encoder().encode
_JSON: Final = "application/json"
# aiohttp would name itself and Python, with their versions.
_HEADERS: Final = {hdrs.CONTENT_TYPE: _JSON, hdrs.SERVER: "exporter"}
MOST_UNREAD: Final = 65_536
"""Bytes of answers that a client may leave unread before it is made to wait."""


class Prepared(web.Response):
    """An answer that is the same every time: its bytes are made once a second, for the date.

    It is shared by all requests that it fits, and saves a third of what an answer costs.
    """

    def __init__(self, body: bytes, status: HTTPStatus) -> None:
        super().__init__(body=body, status=status, headers=_HEADERS)
        self._head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {_JSON}\r\n"
            f"Content-Length: {len(body)}\r\nDate: "
        )
        self._tail = body
        self._second = 0
        self._wire = b""

    @staticmethod
    def fits(request: web.BaseRequest) -> bool:
        """Whether the request wants nothing that the bytes do not say."""
        transport = request.transport
        return (
            request.version == HttpVersion11
            and request.keep_alive
            and hdrs.ORIGIN not in request.headers
            and transport is not None
            and transport.get_write_buffer_size() < MOST_UNREAD
        )

    @property
    def keep_alive(self) -> bool:
        """It is only used where the connection stays."""
        return True

    async def prepare(self, request: web.BaseRequest) -> None:
        """Send all of it."""
        second = int(time.time())
        if second != self._second:
            self._second = second
            date = formatdate(second, usegmt=True)
            self._wire = f"{self._head}{date}\r\n\r\n".encode() + self._tail
        if request.transport is None:
            raise ConnectionResetError
        request.transport.write(self._wire)

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to send."""


def answer(body: Any, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    """``body`` as JSON."""
    return encoded(_encode(body), status)


def encoded(body: bytes, status: HTTPStatus) -> web.Response:
    """JSON that is bytes already."""
    return web.Response(body=body, status=status, headers=_HEADERS)


def nothing(status: HTTPStatus = HTTPStatus.NO_CONTENT) -> web.Response:
    """No body at all."""
    return web.Response(status=status, headers={hdrs.SERVER: "exporter"})


def problem(status: HTTPStatus, reason: str, *, retry: bool = False) -> web.Response:
    """``{"error": reason}``, and when to come again where that can help."""
    response = answer({"error": reason}, status)
    if retry:
        response.headers[hdrs.RETRY_AFTER] = RETRY_AFTER_SECONDS
    return response

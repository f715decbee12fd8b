"""What the HTTP ports answer: small JSON that never holds a byte of what a client sent."""

from __future__ import annotations

import math
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import hdrs, web
from multidict import CIMultiDict

RETRY_SECONDS: Final = 5.0
"""After which it is worth to come again, where nothing better is known."""
_encode = msgspec.json.Encoder().encode
_JSON: Final = "application/json"
# aiohttp would name itself and Python, with their versions.
_NAME: Final = "exporter"
_HEADERS: Final = {hdrs.CONTENT_TYPE: _JSON, hdrs.SERVER: _NAME}
Reply = Callable[[bytes], None]
"""Takes the whole answer to a request, head and body."""

MOST_UNREAD: Final = 65_536
"""Bytes of answers that a client may leave unread before it is made to wait."""


class Prepared:
    """An answer that is the same every time: its bytes are made once a second, for the date."""

    def __init__(self, response: web.Response) -> None:
        self.status = response.status
        self._response = response
        self._second = 0
        self._head = b""
        self._body = b""

    def wire(self, now: float, headers: bytes = b"") -> bytes:
        """The bytes of the answer, with more ``headers``, each with its end of line."""
        second = int(now)
        if second != self._second:
            self._second = second
            self._head, self._body = _halves(self._response, second)
        return b"".join((self._head, headers, b"\r\n", self._body))

    def copy(self) -> web.Response:
        """The same, for aiohttp to send and for headers to be added."""
        response = self._response
        return web.Response(
            body=response.body, status=response.status, headers=CIMultiDict(response.headers)
        )


def wire(response: web.Response, now: float) -> bytes:
    """The bytes of an answer of this module, for a connection that stays."""
    head, body = _halves(response, int(now))
    return head + b"\r\n" + body


def _halves(response: web.Response, second: int) -> tuple[bytes, bytes]:
    body = response.body
    if not isinstance(body, bytes):
        body = b""
    lines = [f"HTTP/1.1 {response.status} {response.reason}"]
    lines += (f"{name}: {value}" for name, value in response.headers.items())
    if response.status != HTTPStatus.NO_CONTENT:
        lines.append(f"Content-Length: {len(body)}")
    lines.append(f"Date: {formatdate(second, usegmt=True)}\r\n")
    return "\r\n".join(lines).encode(), body


def answer(body: Any, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    """``body`` as JSON."""
    return encoded(_encode(body), status)


def encoded(body: bytes, status: HTTPStatus) -> web.Response:
    """JSON that is bytes already."""
    return web.Response(body=body, status=status, headers=_HEADERS)


def nothing(status: HTTPStatus = HTTPStatus.NO_CONTENT) -> web.Response:
    """No body at all."""
    return web.Response(status=status, headers={hdrs.SERVER: _NAME})


def problem(status: HTTPStatus, reason: str, *, retry: float = 0.0) -> web.Response:
    """``{"error": reason}``, and in how many seconds to come again where that can help."""
    response = answer({"error": reason}, status)
    if retry:
        response.headers[hdrs.RETRY_AFTER] = str(math.ceil(retry))
    return response

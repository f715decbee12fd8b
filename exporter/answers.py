"""What the HTTP ports answer: small JSON that never holds a byte of what a client sent."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import hdrs, web

RETRY_AFTER_SECONDS: Final = "5"
_encode = msgspec.json.Encoder().encode
_JSON: Final = "application/json"


def answer(body: Any, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    """``body`` as JSON."""
    return encoded(_encode(body), status)


def encoded(body: bytes, status: HTTPStatus) -> web.Response:
    """JSON that is bytes already."""
    return web.Response(body=body, status=status, content_type=_JSON)


def problem(status: HTTPStatus, reason: str, *, retry: bool = False) -> web.Response:
    """``{"error": reason}``, and when to come again where that can help."""
    response = answer({"error": reason}, status)
    if retry:
        response.headers[hdrs.RETRY_AFTER] = RETRY_AFTER_SECONDS
    return response

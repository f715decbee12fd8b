"""InfluxDB 2 over its HTTP API, as far as setting it up needs it."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, Final

import aiohttp

from exporter.settings import Influx

LONGEST_REASON: Final = 300


class SetupError(Exception):
    """It cannot be set up; the message is a sentence."""


class Api:
    """One InfluxDB 2. Whatever else speaks some of its API is told apart and refused."""

    def __init__(self, http: aiohttp.ClientSession, settings: Influx, address: str) -> None:
        self._http = http
        self._url = settings.url.rstrip("/")
        self._headers = settings.authorisation()
        self._shown = address

    async def organisation(self, name: str) -> str:
        """The id of an organisation."""
        try:
            found = await self.get("orgs", org=name)
        except NotFoundError as error:
            raise SetupError(
                f"InfluxDB at {self._shown} has no organisation {name!r}"
                " (EXPORTER_INFLUX__ORG), or the token may not see it."
            ) from error
        if not found.get("orgs"):
            raise SetupError(
                f"InfluxDB at {self._shown} has no organisation {name!r} (EXPORTER_INFLUX__ORG)."
            )
        return str(found["orgs"][0]["id"])

    async def listed(self, path: str, key: str, **asked: str) -> list[dict[str, Any]]:
        """What there is under a path; nothing where InfluxDB says that it does not find it."""
        try:
            found = await self.get(path, **asked)
        except NotFoundError:
            return []
        return list(found.get(key) or ())

    async def get(self, path: str, **asked: str) -> dict[str, Any]:
        """Ask."""
        return await self._call("GET", path, params=asked)

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Make something."""
        return await self._call("POST", path, json=body)

    async def patch(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Change something."""
        return await self._call("PATCH", path, json=body)

    async def _call(self, method: str, path: str, **said: Any) -> dict[str, Any]:
        try:
            async with self._http.request(
                method, f"{self._url}/api/v2/{path}", headers=self._headers, **said
            ) as answer:
                status, text = answer.status, await answer.text()
        except (aiohttp.ClientError, TimeoutError) as failure:
            raise SetupError(
                f"InfluxDB at {self._shown} does not answer: {type(failure).__name__}."
            ) from failure
        body = _decoded(text)
        if status < HTTPStatus.BAD_REQUEST and body is not None:
            return body
        # Errors of InfluxDB 2 have a code and a message; those of others do not.
        if body is None or "code" not in body:
            raise SetupError(
                f"What answers at {self._shown} is not InfluxDB 2 ({status} on /api/v2/{path}):"
                " only that has buckets, tasks and mappings to set up."
            )
        why = str(body.get("message", body["code"]))[:LONGEST_REASON]
        if status == HTTPStatus.NOT_FOUND:
            raise NotFoundError(f"InfluxDB at {self._shown}: {why}.")
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise SetupError(
                f"InfluxDB at {self._shown} refuses the token on /api/v2/{path} ({why}); setting up"
                " needs one that may read and write buckets, tasks and mappings."
            )
        raise SetupError(f"InfluxDB at {self._shown}: {status} on /api/v2/{path}: {why}.")


class NotFoundError(SetupError):
    """InfluxDB 2 knows of no such thing."""


def _decoded(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None

"""An InfluxDB 2 as its API is documented, as far as setting it up needs it; and what is none."""

import itertools
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Thing = dict[str, Any]


class Influx2:
    """Keeps buckets, tasks and mappings; it was onboarded with a bucket that keeps for ever."""

    token = "all-access"  # noqa: S105 - of nothing
    org = "video"

    def __init__(self, *, missing_is_404: bool = False) -> None:
        self._ids = (f"{number:016x}" for number in itertools.count(1))
        # Versions differ in what they say of a name that they do not find.
        self._missing_is_404 = missing_is_404
        self.url = ""
        self.org_id = next(self._ids)
        self.buckets: list[Thing] = [
            {
                "id": next(self._ids), "orgID": self.org_id, "name": "video",
                "retentionRules": [],
            },
            {
                "id": next(self._ids), "orgID": self.org_id, "name": "_tasks",
                "retentionRules": [{"type": "expire", "everySeconds": 259_200}],
            },
        ]  # fmt: skip
        self.tasks: list[Thing] = []
        self.mappings: list[Thing] = []
        self.changes: list[tuple[str, str]] = []
        """Method and path of everything that was not a question."""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Influx2"]:
        """Listen until the end of the block."""
        app = web.Application(middlewares=[self._gate])
        app.router.add_get("/api/v2/orgs", self._orgs)
        for kind, key in (("buckets", "buckets"), ("tasks", "tasks"), ("dbrps", "content")):
            app.router.add_get(f"/api/v2/{kind}", self._listing(kind, key))
            app.router.add_post(f"/api/v2/{kind}", self._making(kind))
            app.router.add_patch(f"/api/v2/{kind}/{{id}}", self._changing(kind))
        async with _serving(app) as self.url:
            yield self

    @web.middleware
    async def _gate(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Token {self.token}":
            return _refusal(401, "unauthorized", "unauthorized access")
        if request.method != "GET":
            self.changes.append((request.method, request.path))
        answer: web.StreamResponse = await handler(request)
        return answer

    def _things(self, kind: str) -> list[Thing]:
        return {"buckets": self.buckets, "tasks": self.tasks, "dbrps": self.mappings}[kind]

    async def _orgs(self, request: web.Request) -> web.Response:
        if request.query["org"] != self.org:
            name = request.query["org"]
            return _refusal(404, "not found", f'organization name "{name}" not found')
        return web.json_response({"orgs": [{"id": self.org_id, "name": self.org}]})

    def _listing(self, kind: str, key: str) -> Any:
        async def listed(request: web.Request) -> web.Response:
            assert request.query["orgID"] == self.org_id
            found = [
                each
                for each in (*self._things(kind), *self._virtual(kind))
                if request.query.get("name", each.get("name")) == each.get("name")
                and request.query.get("db", each.get("database")) == each.get("database")
            ]
            if not found and self._missing_is_404:
                return _refusal(404, "not found", "not found")
            return web.json_response({key: found})

        return listed

    def _virtual(self, kind: str) -> list[Thing]:
        """Each bucket is a database of its own name, where no mapping says otherwise."""
        said = {each["database"] for each in self.mappings}
        return [
            {
                "id": each["id"], "orgID": self.org_id, "bucketID": each["id"], "virtual": True,
                "database": each["name"], "retention_policy": "autogen", "default": True,
            }
            for each in self.buckets
            if kind == "dbrps" and each["name"] not in said
        ]  # fmt: skip

    def _making(self, kind: str) -> Any:
        async def make(request: web.Request) -> web.Response:
            body = await request.json()
            assert body["orgID"] == self.org_id
            if kind == "tasks":
                body["name"] = _named(body["flux"])
            if kind == "dbrps":
                assert body["bucketID"] in {each["id"] for each in self.buckets}
                body["virtual"] = False
            thing = {"id": next(self._ids), **body}
            self._things(kind).append(thing)
            return web.json_response(thing, status=201)

        return make

    def _changing(self, kind: str) -> Any:
        async def change(request: web.Request) -> web.Response:
            (thing,) = [e for e in self._things(kind) if e["id"] == request.match_info["id"]]
            thing.update(await request.json())
            return web.json_response(thing)

        return change


def _named(flux: str) -> str:
    """The name of a task stands in its script, and nowhere else."""
    (name,) = re.findall(r'^option task = {name: "([^"]+)"', flux, re.MULTILINE)
    return str(name)


def _refusal(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"code": code, "message": message}, status=status)


@asynccontextmanager
async def stranger(status: int, body: object) -> AsyncIterator[str]:
    """Something that answers everything alike and is no InfluxDB 2."""

    async def answer(request: web.Request) -> web.Response:
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text=text)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with _serving(app) as url:
        yield url


@asynccontextmanager
async def _serving(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()

"""What names no upload: reports of pages, calls of the API, the storage; and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.truth.facts import COMPLETED, MB, Call, Facts, File, Operation, Report, Resources
from tests.truth.plans import NETWORKS, Plan, Random
from tests.truth.sending import EVENTS, Message, Story, native
from tests.truth.tellers import MAX_VALUE, PERFORMANCE, performance

ANALYTICS = "/api/analytics"
DAY = 86_400.0

ROUTES = (
    ("/api/uploads", "/api/uploads"),
    ("/api/uploads/?resumable=1", "/api/uploads"),
    ("/api/uploads/4711", "/api/uploads/:id"),
    ("/api/uploads/:id", "/api/uploads/:id"),
    ("/api/uploads/4711/chunks/3", "/api/uploads/:id/chunks/:index"),
    ("/api/uploads/4711/complete?token=x", "/api/uploads/:id/complete"),
    ("/api/videos?page=2", "/api/videos"),
    ("/api/videos/9f8e#t=3", "/api/videos/:id"),
    ("/api/videos/9f8e/preview", "/api/videos/:id/preview"),
    ("/api/people/anna", "other"),
)
STATUSES = {
    200: None,
    201: None,
    304: None,
    401: None,
    404: None,
    500: "server",
    503: "server",
    504: "timeout",
    507: "storage",
    0: "network",
}
WORDS = {
    "server": "Internal Server Error",
    "timeout": "deadline exceeded",
    "storage": "no space left",
    "network": "ECONNREFUSED",
}
OPERATIONS = {"put": 0.97, "get": 0.99, "check": 0.95, "delete": 0.0, "move": 0.5}
"""How often each succeeds; nobody lists, and deleting never works."""


class Services:
    """Stories of everything but uploads that are named."""

    def __init__(self, seed: int, epoch: float) -> None:
        self._rng = Random(seed)
        self._epoch = round(epoch)
        self._told = 0

    def _name(self) -> str:
        self._told += 1
        return f"service-{self._told}"

    def _sender(self) -> str:
        return f"10.{100 + self._told // 256}.{self._told % 256}.7"

    def everything(self) -> Iterator[Story]:
        """What a platform sends beside its uploads."""
        for _ in range(1200):
            yield self.report()
        for _ in range(300):
            yield self._resources()
            yield self._calls()
        for _ in range(100):
            yield self._storage()
            yield self._generic()
        yield from self._refused()

    def flood(self, beacons: int) -> list[Message]:
        """More than one network may send at once."""
        return [self._beacon("flood", {"number": n}, "192.0.2.1") for n in range(beacons)]

    # -- Pages -------------------------------------------------------------------------------------

    def report(self) -> Story:
        """A performance report without a name, in which anything may be missing or absurd."""
        rng = self._rng
        plan = Plan(rng, self._name(), self._sender(), rng.choice((COMPLETED, None)))
        success = rng.choices((True, False, None), (85, 10, 5))[0]
        body = {**performance(plan), "success": success}
        duration, ttfb = self._time(body, "totalTime"), self._time(body, "ttfb")
        size, chunks, utilisation = plan.size, plan.arrived, plan.utilisation
        if rng.likely(0.05):
            body["fileSize"], size = rng.choice((MAX_VALUE, -1, None)), None
        if rng.likely(0.05):
            body["throughput"], utilisation = rng.choice((MAX_VALUE, -5.0, None)), None
        if rng.likely(0.05):
            body["networkInfo"], utilisation, plan.network = None, None, None
        if rng.likely(0.05):
            nothing = {"totalChunks": 4, "successfulFirstAttemptChunks": None}
            body["chunkMetrics"], chunks = rng.choice((None, {}, nothing)), 0
        fact = Report(
            success=success,
            device=plan.agent.device,
            browser=plan.agent.browser,
            region=plan.place.region,
            network=NETWORKS[plan.network],
            size=size,
            duration=None if success is False else duration.seconds,
            ttfb=ttfb.seconds,
            utilisation=utilisation,
            chunks=chunks,
            first_try=plan.first_try if chunks else 0,
            clamped=duration.absurd + ttfb.absurd,
        )
        body = {name: value for name, value in body.items() if value is not None or rng.likely(0.5)}
        # No two reports have the same bytes, or the second would be the first one again.
        body["timestamp"] = self._epoch * 1000 + self._told
        message = self._page(body, plan)
        return Story([message], lambda facts: facts.reports.append(fact))

    def _time(self, body: dict[str, Any], name: str) -> Time:
        """Leave a time of a report as it is; or make it unknown, absurd, or one on a limit."""
        rng, milliseconds = self._rng, body[name]
        if rng.likely(0.1):
            body[name] = milliseconds = None
        elif rng.likely(0.05):
            body[name] = rng.choice((MAX_VALUE, -1, -3_600_000, DAY * 1000 + 1))
            return Time(None, absurd=True)
        elif rng.likely(0.05):
            body[name] = milliseconds = rng.choice((0, 100, 250, 500, 1000, 2000, 5000, 30_000))
        return Time(None if milliseconds is None else milliseconds / 1000, absurd=False)

    def _page(self, body: dict[str, Any], plan: Plan) -> Message:
        path = self._rng.choice((PERFORMANCE, f"{ANALYTICS}?type=performance"))
        headers = {"X-Country": plan.place.code, "User-Agent": plan.agent.text}
        return _beacon(path, body, "upload.performance_reported", plan.sender, headers)

    def _resources(self) -> Story:
        """What an upload cost, by a tracker that counts in shares or in percent."""
        rng = self._rng
        plan = Plan(rng, self._name(), self._sender())
        scale = rng.choice((1.0, 100.0))
        loads = [round(rng.uniform(0.02, 0.9), 4) for _ in range(rng.randrange(2, 7))]
        heaps = [rng.randrange(20 * MB, 60 * MB)]
        heaps += [int(rng.spread(70 * MB, 0.8, 900 * MB)) for _ in loads[1:]]
        readings: list[dict[str, Any]] = [
            {
                "timestamp": self._epoch * 1000 + place * 1000,
                "cpu": {"estimated": round(load * scale, 4)},
                "memory": {"usedJSHeapSize": heap, "totalJSHeapSize": heap + MB},
                "batteryLevel": None,
                "isCharging": None,
            }
            for place, (load, heap) in enumerate(zip(loads, heaps, strict=True))
        ]
        if rng.likely(0.2):
            readings.insert(0, {"timestamp": self._epoch * 1000, "memory": None, "cpu": None})
        mean = sum(loads) / len(loads)
        cpu: float | None = max(mean - loads[0], 0.0)
        memory: float | None = float(max(heaps) - heaps[0])
        peak = {"average": sum(heaps) / len(heaps), "peak": max(heaps)}
        summary = {"cpu": {"average": mean * scale, "peak": max(loads) * scale}, "memory": peak}
        body: dict[str, Any] = {"duration": 1, "readings": readings, "summary": summary}
        if rng.likely(0.2):
            del body["summary"]
        if rng.likely(0.1):
            body["readings"], cpu, memory = rng.choice(([], None)), None, None
        fact = Resources(plan.agent.device, cpu, memory)
        # The body says nothing of the client, so the header does.
        headers = {"User-Agent": plan.agent.text}
        body["number"] = self._told
        path = f"{ANALYTICS}?type=resource"
        message = _beacon(path, body, "upload.resources_reported", plan.sender, headers)
        return Story([message], lambda facts: facts.resources.append(fact))

    def _generic(self) -> Story:
        self._told += 1
        message = self._beacon("navigation", {"width": self._told, "page": "x"}, self._sender())

        def tell(facts: Facts) -> None:
            facts.generic += 1

        return Story([message], tell)

    def _beacon(self, kind: str, body: dict[str, Any], sender: str) -> Message:
        return _beacon(f"{ANALYTICS}?type={kind}", body, "upload.generic_happened", sender, {})

    # -- Servers -----------------------------------------------------------------------------------

    def _calls(self) -> Story:
        """Calls of the API; of those that fail, some are told twice, some as errors only."""
        rng = self._rng
        events: list[dict[str, Any]] = []
        calls: list[Call] = []
        for _ in range(rng.randrange(1, 6)):
            name = self._name()
            path, route = rng.choice(ROUTES)
            status = rng.choice(tuple(STATUSES)) if rng.likely(0.2) else 200
            error = STATUSES[status]
            seconds = rng.choice((None, rng.spread(0.09, 1.2, 9.0)))
            told: list[dict[str, Any]]
            request = {"route": path, "request_id": name}
            failed = {"type": "api.failed", "id": f"{name}.f", **request}
            called: dict[str, Any] = {
                "type": "api.called",
                "status": status,
                "duration_seconds": seconds,
            }
            if error and rng.likely(0.2):
                # All that is known is that it failed.
                told, seconds = [{**failed, "error": WORDS[error]}], None
            elif rng.likely(0.2):
                # Nobody can say twice what has no name.
                told = [{**called, "route": path, "id": name}]
            else:
                told = [{**called, **request, "id": name, "method": "POST"}]
                if error and rng.likely(0.5):
                    told.append({**failed, "error_type": error})
                if rng.likely(0.1):
                    told.append({**told[0], "id": f"{name}.again"})
                rng.shuffle(told)
            events += told
            calls.append(Call(route, error, seconds))
        return Story([native(self._sender(), *events)], lambda facts: facts.calls.extend(calls))

    def _storage(self) -> Story:
        rng, name = self._rng, self._name()
        original = rng.randrange(MB, 900 * MB)
        file = File(original, int(original / rng.uniform(0.9, 2.5)))
        events: list[dict[str, Any]] = [
            {
                "type": "upload.stored",
                "original_bytes": file.original,
                "stored_bytes": file.stored,
                "id": name,
            }
        ]
        operations = []
        for number in range(rng.randrange(1, 4)):
            operation = rng.choice(tuple(OPERATIONS))
            ok = rng.likely(OPERATIONS[operation])
            seconds = rng.choice((None, rng.spread(0.08, 1.3, 8.0)))
            told = {"operation": operation, "ok": ok, "duration_seconds": seconds}
            events.append({"type": "storage.operated", "id": f"{name}.{number}", **told})
            known = "other" if operation == "move" else operation
            operations.append(Operation(known, ok, seconds))

        def tell(facts: Facts) -> None:
            facts.files.append(file)
            facts.operations.extend(operations)

        return Story([native(self._sender(), *events)], tell)

    # -- What is refused ---------------------------------------------------------------------------

    def _refused(self) -> Iterator[Story]:
        """Beacons and events that are nobody's but their sender's fault, beside a good one."""
        generic = f"{ANALYTICS}?type=x"
        plain = {"Content-Type": "text/plain"}
        brotli, picture = {**plain, "Content-Encoding": "br"}, {"Content-Type": "image/png"}
        whole = (
            ("malformed", 400, generic, b'{"cut off": ', plain),
            ("malformed", 400, EVENTS, b"\xff\xfe", plain),
            ("invalid", 400, PERFORMANCE, b'{"totalTime": "long"}', plain),
            ("incomplete", 400, f"{ANALYTICS}/upload-experience", b"{}", plain),
            ("too_large", 413, generic, b'{"a": "' + b"a" * 66_000 + b'"}', plain),
            ("too_many_events", 413, EVENTS, _many(501), plain),
            ("unsupported_encoding", 415, generic, b"{}", brotli),
            ("unsupported_type", 415, generic, b"{}", picture),
        )
        for reason, status, path, body, headers in whole:
            self._told += 1
            sent_by = {"X-Forwarded-For": self._sender(), **headers}
            yield Story([Message(path, body, sent_by, (), (reason,), status)])
        self._told += 1
        good = {"type": "storage.operated", "operation": "check", "ok": True, "id": self._name()}
        bad = (
            ("unknown_type", {"type": "upload.eaten", "upload_id": "a"}),
            ("incomplete", {"type": "upload.completed"}),
            ("invalid", {"type": "upload.completed", "upload_id": "anna@example.org"}),
            ("invalid", {"type": "storage.operated", "operation": "put", "ok": "yes"}),
        )
        message = native(self._sender(), good, *(event for _, event in bad))
        message.types, message.reasons = ("storage.operated",), tuple(reason for reason, _ in bad)
        check = Operation("check", ok=True, seconds=None)
        yield Story([message], lambda facts: facts.operations.append(check))


class Time(NamedTuple):
    """A time of a report, in seconds, and whether it was absurd and is not used."""

    seconds: float | None
    absurd: bool


def _beacon(
    path: str, body: dict[str, Any], kind: str, sender: str, headers: dict[str, str]
) -> Message:
    sent_by = {"X-Forwarded-For": sender, "Content-Type": "application/json", **headers}
    return Message(path, json.dumps(body).encode(), sent_by, (kind,))


def _many(count: int) -> bytes:
    event = {"type": "storage.operated", "operation": "check", "ok": True}
    return json.dumps({"events": [event] * count}).encode()

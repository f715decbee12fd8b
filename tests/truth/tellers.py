"""What the server and the page of an upload send about it, each by a clock of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from tests.truth.facts import ABANDONED, COMPLETED, FAILED
from tests.truth.plans import Plan, Random
from tests.truth.sending import Message, packed

PERFORMANCE = "/api/analytics/upload-performance"
EXPERIENCE = "/api/analytics/upload-experience"
MAX_VALUE = 1.7976931348623157e308


class Server:
    """The events of one upload, as its server tells them; each has an id and a time."""

    def __init__(self, rng: Random, plan: Plan, epoch: float, name: str = "") -> None:
        self._rng = rng
        self._plan = plan
        self._epoch = round(epoch + plan.server_clock)
        self._name = name
        self._count = 0

    def event(self, kind: str, after: float, **parts: Any) -> dict[str, Any]:
        self._count += 1
        return {
            "type": f"upload.{kind}",
            "id": f"{self._plan.id}.{self._name}{self._count}",
            "at": round(self._epoch + after, 6),
            "upload_id": self._plan.id,
            **parts,
        }

    def started(self) -> dict[str, Any]:
        plan = self._plan
        said: dict[str, Any] = {
            "file_size_bytes": plan.size,
            "content_type": "video/mp4",
            "chunk_count": len(plan.chunks),
            "user_agent": plan.agent.text or None,
            "country": plan.place.code,
            "width": plan.picture[0] if plan.picture else None,
            "height": plan.picture[1] if plan.picture else None,
        }
        if self._rng.likely(0.5):
            # What is not known is either null or not there.
            said = {name: value for name, value in said.items() if value is not None}
        if plan.network is not None:
            said["network"] = plan.network
        return self.event("started", 0.0, user="somebody", **said)

    def again(self, event: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The same word once more, as by another server: nothing new, but not a repetition."""
        self._count += 1
        yield {**event, "id": f"{self._plan.id}.{self._count}"}

    def chunk(self, index: int, after: float, **parts: Any) -> dict[str, Any]:
        return self.event("chunk_received", after, index=index, **parts)

    def chunks(self) -> Iterator[dict[str, Any]]:
        """Each in the time that it has; the first one that arrives is the first byte."""
        plan = self._plan
        step = (plan.duration - plan.ttfb) / (len(plan.chunks) + 1)
        for index, attempts in enumerate(plan.chunks):
            yield from self._tries(index, plan.ttfb + index * step, attempts)

    def _tries(self, index: int, after: float, attempts: int) -> Iterator[dict[str, Any]]:
        """One way of telling that a chunk needed several attempts, of those that there are."""
        rng = self._rng
        if attempts == 1:
            yield self.chunk(index, after, ok=True, **rng.choice(({}, {"attempt": 1})))
            return
        told = rng.choice(("counted", "in order", "by the last one"))
        if told == "by the last one":
            yield self.chunk(index, after, ok=True, attempt=attempts)
        else:
            for attempt in range(1, attempts + 1):
                number = {"attempt": attempt} if told == "counted" else {}
                yield self.chunk(index, after, ok=attempt == attempts, **number)
        # A chunk's event has no error text, so the error is told by the try to recover.
        yield self.recovery(after)
        if rng.likely(0.7):
            yield self.event("recovery_succeeded", after)

    def recovery(self, after: float) -> dict[str, Any]:
        return self.event("recovery_tried", after, **self._error())

    def _error(self) -> dict[str, Any]:
        plan = self._plan
        if plan.error is None:
            return {}
        if self._rng.likely(0.2):
            return {"error": "in words that say nothing", "error_type": plan.error_type}
        return {"error": plan.error}

    def end(self) -> Iterator[dict[str, Any]]:
        plan = self._plan
        if plan.outcome == COMPLETED:
            yield self.event("completed", plan.duration, url=f"https://example.org/{plan.id}?t=1")
        elif plan.outcome == FAILED:
            after, index = plan.duration, len(plan.chunks)
            for attempt in range(1, plan.last_tries + 1):
                if attempt > 1:
                    yield self.recovery(after)
                yield self.chunk(index, after, ok=False, attempt=attempt)
            yield self.event("failed", after, **self._error())

    def shown(self) -> Iterator[dict[str, Any]]:
        """The preview, told by one clock; or by when both events are said to have been."""
        plan = self._plan
        if plan.preview is not None:
            told = {"after_seconds": plan.preview} if self._rng.likely(0.5) else {}
            yield self.event("preview_shown", plan.duration + plan.preview, **told)

    def everything(self) -> list[dict[str, Any]]:
        return [self.started(), *self.chunks(), *self.end(), *self.shown()]


class Page:
    """The reports of one upload's page."""

    def __init__(self, rng: Random, plan: Plan, epoch: float) -> None:
        self._rng = rng
        self._plan = plan
        self._epoch = epoch + plan.page_clock
        self.headers = {"X-Forwarded-For": plan.sender, "X-Country": plan.place.code}

    def _time(self, after: float) -> int:
        return round(self._epoch) * 1000 + round(after * 1000)

    def interactions(self) -> Iterator[dict[str, Any]]:
        """In the page's order; an error that progress follows was recovered from."""
        plan = self._plan
        yield self.did("start", 0.0, None)
        for place, attempts in enumerate(plan.chunks, start=1):
            after = plan.ttfb + (plan.duration - plan.ttfb) * place / (len(plan.chunks) + 1)
            if attempts > 1:
                yield self._error(after)
            yield self.did("progress", after, {"progress": round(100 * place / 5)})
        if self._rng.likely(0.3):
            yield self.did("visibility_change", plan.duration * 0.6, {"hidden": True})
        yield from self._end()
        yield from self._feedback()

    def _end(self) -> Iterator[dict[str, Any]]:
        plan = self._plan
        if plan.last_tries > 1:
            yield self._error(plan.duration)
            yield self.did("progress", plan.duration, {"progress": 99})
        if plan.outcome == FAILED:
            yield self._error(plan.duration)
        if plan.outcome != ABANDONED:
            done = {"success": plan.outcome == COMPLETED, "result": {"id": plan.id}}
            yield self.did("complete", plan.duration, done)

    def _feedback(self) -> Iterator[dict[str, Any]]:
        rating: object = self._plan.rating
        if rating is None and self._rng.likely(0.3):
            rating = self._rng.choice((0, 6, "5", True, -1))
        if rating is not None or self._rng.likely(0.1):
            said = {"rating": rating, "comments": "call me on 555-0100"}
            yield self.did("feedback", self._plan.duration + 3, said)

    def _error(self, after: float) -> dict[str, Any]:
        plan = self._plan
        said: dict[str, Any] = {"message": plan.error, "stack": "at upload.js:1", "context": {}}
        return self.did("error", after, self._rng.choice((said, said if plan.error else None)))

    def did(self, kind: str, after: float, data: object) -> dict[str, Any]:
        return {"type": kind, "time": self._time(after), "data": data}

    def experience(
        self, interactions: Sequence[dict[str, Any]], *, abandoned: bool | None = False
    ) -> Message:
        plan = self._plan
        body = {
            "uploadId": plan.id,
            "duration": round(plan.duration * 1000),
            "interactions": list(interactions),
            "isAbandonment": abandoned,
            "timestamp": self._time(plan.duration + 4),
            "userAgent": plan.agent.text,
        }
        if self._rng.likely(0.2):
            del body["userAgent"]  # the header says it too
        path = self._rng.choice((EXPERIENCE, "/api/analytics?type=experience"))
        return self._beacon(path, body, "upload.experience_reported", "text/plain;charset=UTF-8")

    def experiences(self, *, twice: bool, hinted: bool) -> list[Message]:
        """One report or the same one twice: when the page was left, and believed abandoned."""
        interactions = list(self.interactions())
        messages = [self.experience(interactions, abandoned=self._rng.choice((False, None)))]
        if twice:
            unload = self.did("page_unload", self._plan.duration + 5, {})
            messages.append(self.experience([*interactions, unload], abandoned=False))
        if hinted:
            believed = self.did("abandonment_detected", self._plan.duration + 120, {})
            told = self._rng.choice(([*interactions], [*interactions, believed]))
            only_so = told == interactions or self._rng.likely(0.5)
            messages.append(self.experience(told, abandoned=only_so))
        return messages

    def performance(self, success: bool | None, **other: Any) -> Message:
        """A report of how it went, which names the upload."""
        plan = self._plan
        body = {**performance(plan), "uploadId": plan.id, "success": success}
        body |= {"timestamp": self._time(plan.duration), **other}
        path = self._rng.choice((PERFORMANCE, "/api/analytics?type=performance"))
        return self._beacon(path, body, "upload.performance_reported", "application/json")

    def _beacon(self, path: str, body: Any, kind: str, content_type: str) -> Message:
        headers = {
            **self.headers,
            "Content-Type": content_type,
            "User-Agent": self._plan.agent.text,
        }
        message = Message(path, json.dumps(body).encode(), headers, (kind,))
        return packed(message) if self._rng.likely(0.1) else message


def performance(plan: Plan) -> dict[str, Any]:
    """The body of a performance report, but for its success."""
    arrived = plan.arrived
    known = plan.network is not None or plan.downlink is not None
    network = {"effectiveType": plan.network, "downlink": plan.downlink, "rtt": 50}
    return {
        "totalTime": round(plan.duration * 1000, 3),
        "ttfb": round(plan.ttfb * 1000, 3) if arrived else None,
        "fileSize": plan.size,
        "throughput": plan.throughput,
        "chunkMetrics": {
            "totalChunks": arrived,
            "successfulFirstAttemptChunks": plan.first_try,
            "chunkSuccessRate": plan.first_try / arrived if arrived else None,
            "averageAttemptsPerChunk": 1.1,
            "slowestChunkTime": 0,
            "fastestChunkTime": 40.5 if arrived else MAX_VALUE,
            "averageChunkTime": None,
        },
        "marks": {"start": 0, "end": 1},
        "networkInfo": {**network, "saveData": False} if known else None,
        "systemInfo": {"userAgent": plan.agent.text, "platform": ""},
    }

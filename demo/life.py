"""The life of one upload: what its server and its page send, and what that amounts to.

Pure: the same random numbers and the same moment give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any, Final, NamedTuple

from demo.hours import GOOD, Weather
from demo.message import EVENTS, Message, encode
from demo.plan import ABANDONED, COMPLETED, FAILED, Chunk, plan
from demo.truth import Truth
from demo.world import EXPERIMENT, MB, VARIANTS, Trouble, somebody, spread

ANALYTICS: Final = "/api/analytics"
NO_CHUNK_ENDED: Final = 1.7976931348623157e308
"""What the tracker says as its fastest chunk where there was none (``Number.MAX_VALUE``)."""


class Clocks(NamedTuple):
    """Seconds since 1970 at the start, and how far off the server's and the page's clocks are.

    ``jump`` is by how much the server's clock is set between the start and the first chunk.
    """

    epoch: float
    server: float = 0.0
    page: float = 0.0
    jump: float = 0.0


class Life:
    """One upload, from somebody's decision to their opinion of it."""

    def __init__(self, seed: str, began: float, weather: Weather, clocks: Clocks) -> None:
        self._rng = rng = Random(seed)
        person = somebody(rng)
        if weather.only in {"", person.device.device}:
            # Drawn again with the same luck, so that it is the same person on a worse line.
            person = somebody(Random(seed), weather.slowing)
        else:
            weather = GOOD
        # Of a later run another one, or it would tell again of uploads that ended.
        self.id = f"upload-{round(clocks.epoch):x}-{seed}"
        self._variant = Random(f"{seed} variant").choice(VARIANTS)
        self.began = began
        self.truth = Truth()
        self._weather = weather
        self._clocks = clocks
        self._person = person
        self._plan = plan(rng, person, weather)
        self._events = 0
        self._reported: tuple[float, float] | None = None
        """Duration and time to the first byte by a report that names the upload, which win."""
        self._followed = rng.random() < 0.92

    def messages(self) -> list[Message]:
        """Everything that is sent about it, by time; the truth is complete then."""
        if not self._followed:
            # Whoever leaves such a page leaves no trace.
            return [] if self._plan.outcome == ABANDONED else [self._performance(named=False)]
        messages = [*self._server(), *self._page()]
        self._tell_end()
        return sorted(messages, key=lambda message: message.at)

    # -- What the server sends -------------------------------------------------------------------

    def _server(self) -> Iterator[Message]:
        """The upload, the calls of the API that it takes, and the storage behind it."""
        plan = self._plan
        yield self._tell(0.0, self._start(), self._call("POST", "/api/uploads", 201))
        for index, chunk in enumerate(plan.chunks):
            yield from self._chunk(index, chunk)
        if plan.outcome == FAILED:
            yield from self._failure(len(plan.chunks))
        if plan.outcome == COMPLETED:
            yield from self._completion()

    def _start(self) -> dict[str, Any]:
        person = self._person
        self.truth.count("video_upload_started_total")
        started: dict[str, Any] = {
            "type": "upload.started",
            "upload_id": self.id,
            "file_size_bytes": person.size,
            "content_type": "video/mp4",
            "chunk_count": self._plan.chunk_count,
            "user_agent": person.device.user_agent,
            "country": person.country.code,
            "width": person.picture[0],
            "height": person.picture[1],
            "experiment": EXPERIMENT,
            "variant": self._variant,
        }
        if person.device.tells_network:
            started["network"] = person.network
        return started

    def _chunk(self, index: int, chunk: Chunk) -> Iterator[Message]:
        received = {"type": "upload.chunk_received", "upload_id": self.id, "index": index}
        if chunk.first_try:
            yield self._tell(chunk.at, {**received, "ok": True}, self._put(index, 200))
            return
        # The second attempt is in time for what the plan says of the upload.
        yield self._tell(chunk.at - 0.01, {**received, "ok": False}, *self._refusal(index))
        yield self._tell(chunk.at - 0.005, self._recovery())
        yield self._tell(
            chunk.at,
            {**received, "ok": True, "attempt": 2},
            {"type": "upload.recovery_succeeded", "upload_id": self.id},
            self._put(index, 200),
        )

    def _failure(self, index: int) -> Iterator[Message]:
        plan, trouble = self._plan, self._trouble
        failed = {
            "type": "upload.chunk_received",
            "upload_id": self.id,
            "index": index,
            "ok": False,
        }
        yield self._tell(plan.duration - 0.02, failed, *self._refusal(index))
        if plan.tries_again:
            yield self._tell(plan.duration - 0.01, self._recovery())
            again = {**failed, "attempt": 2}
            yield self._tell(plan.duration - 0.005, again, *self._refusal(index))
        over = {"type": "upload.failed", "upload_id": self.id, "error": trouble.text}
        yield self._tell(plan.duration, over)

    def _completion(self) -> Iterator[Message]:
        rng, plan, person, truth = self._rng, self._plan, self._person, self.truth
        stored = int(person.size / rng.uniform(1.25, 1.9))
        truth.count("video_storage_stored_files_total")
        truth.count("video_storage_original_bytes_total", person.size)
        truth.count("video_storage_stored_bytes_total", stored)
        yield self._tell(
            plan.duration,
            {"type": "upload.completed", "upload_id": self.id, "url": f"/videos/{self.id}"},
            self._call("POST", f"/api/uploads/{self.id}/complete", 200),
            {
                "type": "upload.stored",
                "upload_id": self.id,
                "original_bytes": person.size,
                "stored_bytes": stored,
            },
            *self._storage(),
        )
        preview = round(spread(rng, 0.85 * self._weather.slowing, 0.4), 3)
        truth.value("video_upload_preview_seconds", preview, device=person.device.device)
        yield self._tell(
            plan.duration + preview,
            {"type": "upload.preview_shown", "upload_id": self.id, "after_seconds": preview},
            self._call("GET", f"/api/videos/{self.id}/preview", 200),
        )
        if rng.random() < 0.5:
            status = 404 if rng.random() < 0.02 else 200
            listed = self._call("GET", "/api/videos?page=1", status)
            yield self._tell(plan.duration + preview + 1.0, listed)

    def _storage(self) -> Iterator[dict[str, Any]]:
        """Writing the file, which may take a second try, and sometimes reading it."""
        rng = self._rng
        while rng.random() < self._weather.storage_failing:
            yield self._operated("put", ok=False, seconds=spread(rng, 2.0, 0.3))
        yield self._operated("put", ok=True, seconds=spread(rng, 0.06, 0.5))
        if rng.random() < 0.3:
            yield self._operated("get", ok=True, seconds=spread(rng, 0.03, 0.5))

    def _operated(self, operation: str, *, ok: bool, seconds: float) -> dict[str, Any]:
        return operated(self.truth, operation, ok=ok, seconds=seconds)

    @property
    def _trouble(self) -> Trouble:
        if self._plan.trouble is None:
            raise AssertionError("an upload with a failed step has a trouble")
        return self._plan.trouble

    def _recovery(self) -> dict[str, Any]:
        error = self._trouble.text
        return {"type": "upload.recovery_tried", "upload_id": self.id, "error": error}

    def _put(self, index: int, status: int) -> dict[str, Any]:
        return self._call("PUT", f"/api/uploads/{self.id}/chunks/{index}", status)

    def _refusal(self, index: int) -> Iterator[dict[str, Any]]:
        """The API's side of a failed chunk; some gateways tell of it in two ways."""
        trouble = self._trouble
        if not trouble.reaches_api:
            return
        if trouble.kind == "storage":
            yield self._operated("put", ok=False, seconds=spread(self._rng, 2.0, 0.3))
        call = self._put(index, trouble.status)
        yield call
        if trouble.status >= 500 and self._rng.random() < 0.5:
            yield {
                "type": "api.failed",
                "route": call["route"],
                "request_id": call["request_id"],
                "error": trouble.text,
            }

    def _call(self, method: str, path: str, status: int) -> dict[str, Any]:
        """A call; in bad hours some fail that would have succeeded."""
        rng = self._rng
        request = f"{self.id}-request-{self._events}-{rng.getrandbits(32):08x}"
        if status < 400 and rng.random() < self._weather.api_failing:
            status = 503
        kind = {500: "server", 503: "server", 504: "timeout", 507: "storage"}.get(status)
        seconds = round(spread(rng, 0.045 * self._weather.slowing, 0.6), 4)
        route = template(path)
        truth = self.truth
        truth.count("video_api_calls_total", route=route, result="failed" if kind else "ok")
        truth.value("video_api_duration_seconds", seconds, route=route)
        if kind:
            truth.count("video_api_errors_total", route=route, error_type=kind)
        return {
            "type": "api.called",
            "request_id": request,
            "method": method,
            "route": path,
            "status": status,
            "duration_seconds": seconds,
            "bytes": rng.randrange(200, 4000),
        }

    def _tell(self, after: float, *events: dict[str, Any]) -> Message:
        """A body of the server, ``after`` seconds of the upload by a good clock."""
        clock = self._clocks.epoch + self._clocks.server + (self._clocks.jump if after else 0.0)
        at = self.began + after
        for event in events:
            self._events += 1
            event |= {"id": f"{self.id}-{self._events}", "at": round(clock + at, 6)}
        return native(at, *events)

    # -- What the page sends ---------------------------------------------------------------------

    def _page(self) -> Iterator[Message]:
        """The reports of its trackers, of which a page has one, or the other, or both."""
        rng, plan = self._rng, self._plan
        leaves_silently = plan.outcome == ABANDONED and rng.random() < 0.4
        if leaves_silently:
            return
        yield from self._experience()
        if plan.outcome != ABANDONED:
            has_tracker, names_upload = rng.random() < 0.75, rng.random() < 0.6
            if has_tracker:
                yield self._performance(named=names_upload)
        if rng.random() < 0.4:
            yield self._resources()
        if rng.random() < 0.05:
            yield self._generic()

    def _experience(self) -> Iterator[Message]:
        """One report at the end and often another when the page goes, or two when it is left."""
        plan = self._plan
        interactions = sorted(self._interactions(), key=lambda each: each["time"])
        if plan.outcome == ABANDONED:
            self.truth.count("video_upload_abandon_hints_total")
            interactions.append(self._interaction("page_unload", plan.duration + 0.3, {}))
            yield self._report(interactions, plan.duration + 0.3, abandoned=True)
            interactions.append(self._interaction("abandonment_detected", plan.duration + 0.5, {}))
            yield self._report(interactions, plan.duration + 0.5, abandoned=True)
            return
        said_at = plan.duration + 0.2
        if plan.rating is not None:
            said_at += 3.0
            feedback = {"rating": plan.rating, "comments": ""}
            interactions.append(self._interaction("feedback", said_at, feedback))
            device = self._person.device.device
            self.truth.value("video_upload_rating", float(plan.rating), device=device)
        yield self._report(interactions, said_at, abandoned=False)
        if self._rng.random() < 0.5:
            interactions.append(self._interaction("page_unload", said_at + 1.5, {}))
            yield self._report(interactions, said_at + 1.5, abandoned=False)

    def _interactions(self) -> Iterator[dict[str, Any]]:
        plan = self._plan
        yield self._interaction("start", 0.0, {})
        if plan.tried:
            yield self._interaction("error", plan.error_shown, self._error())
        for place, chunk in enumerate(plan.chunks):
            share = (place + 1) / plan.chunk_count
            yield self._interaction("progress", chunk.at, {"progress": round(share * 100)})
        if self._rng.random() < 0.3:
            hidden = plan.duration * 0.6
            yield self._interaction("visibility_change", hidden, {"hidden": True})
        if plan.outcome == FAILED:
            yield self._interaction("error", plan.duration, self._error())
        if plan.outcome != ABANDONED:
            done = {"success": plan.outcome == COMPLETED, "result": None}
            yield self._interaction("complete", plan.duration + 0.05, done)

    def _error(self) -> dict[str, Any]:
        return {"message": self._trouble.text, "stack": "Error\n    at upload.js:1", "context": {}}

    def _interaction(self, kind: str, after: float, data: dict[str, Any]) -> dict[str, Any]:
        return {"type": kind, "time": self._milliseconds(after), "data": data}

    def _report(self, interactions: list[Any], after: float, *, abandoned: bool) -> Message:
        body = {
            "uploadId": self.id,
            "duration": round(after * 1000),
            "interactions": interactions,
            "isAbandonment": abandoned,
            "timestamp": self._milliseconds(after),
            "userAgent": self._person.device.user_agent,
        }
        path = f"{ANALYTICS}/upload-experience"
        return self._beacon(after, path, body, "upload.experience_reported", "text/plain")

    def _performance(self, *, named: bool) -> Message:
        """How it went, as the page measured it; without a name nobody knows which upload."""
        plan, person = self._plan, self._person
        completed = plan.outcome == COMPLETED
        total = round((plan.duration + 0.04) * 1000, 1)
        ttfb = round(person.ttfb * 1000, 1)
        sent = person.size if completed else len(plan.chunks) * person.size // plan.chunk_count
        throughput = round(sent / total * 1000, 2)
        first_try = sum(chunk.first_try for chunk in plan.chunks)
        body: dict[str, Any] = {
            "totalTime": total,
            "ttfb": ttfb,
            "fileSize": person.size,
            "throughput": throughput,
            "chunkMetrics": self._chunk_metrics(first_try),
            "marks": {"start": 0, "firstByte": ttfb, "end": total},
            "networkInfo": None,
            "systemInfo": {
                "userAgent": person.device.user_agent,
                "deviceMemory": 8,
                "hardwareConcurrency": 8,
                "platform": "",
            },
            "success": completed,
            "timestamp": self._milliseconds(plan.duration + 0.3),
        }
        if person.device.tells_network:
            body["networkInfo"] = {
                "effectiveType": person.network,
                "downlink": person.downlink,
                "rtt": 50,
                "saveData": False,
            }
        if named:
            body["uploadId"] = self.id
        self._tell_report(total / 1000, ttfb / 1000, throughput, named=named)
        path = f"{ANALYTICS}/upload-performance"
        if self._rng.random() < 0.3:
            path = f"{ANALYTICS}?type=performance"
        return self._beacon(plan.duration + 0.3, path, body, "upload.performance_reported")

    def _chunk_metrics(self, first_try: int) -> dict[str, Any]:
        done = len(self._plan.chunks)
        step = round(self._plan.duration / max(done, 1) * 1000, 1)
        return {
            "totalChunks": done,
            "successfulFirstAttemptChunks": first_try,
            "chunkSuccessRate": first_try / done if done else None,
            "averageAttemptsPerChunk": 2 - first_try / done if done else None,
            "slowestChunkTime": step if done else 0,
            "fastestChunkTime": step if done else NO_CHUNK_ENDED,
            "averageChunkTime": step if done else None,
        }

    def _resources(self) -> Message:
        rng, device = self._rng, self._person.device.device
        loads = [round(rng.uniform(0.02, 0.1), 3)]
        loads += [round(rng.uniform(0.1, 0.45), 3) for _ in range(4)]
        heaps = [rng.randrange(20 * MB, 60 * MB)]
        heaps += [heaps[0] + int(spread(rng, 30 * MB, 0.4)) for _ in range(4)]
        average = sum(loads) / len(loads)
        increase = max(average - loads[0], 0.0)
        self.truth.value("video_upload_cpu_increase_ratio", increase, device=device)
        grown = float(max(heaps) - heaps[0])  # the first reading is one of them
        self.truth.value("video_upload_memory_increase_bytes", grown, device=device)
        readings = [
            {
                "timestamp": self._milliseconds(place * 1.0),
                "memory": {"usedJSHeapSize": heap, "totalJSHeapSize": heap + 20 * MB},
                "cpu": {"estimated": load},
                "batteryLevel": 0.8,
                "isCharging": False,
            }
            for place, (load, heap) in enumerate(zip(loads, heaps, strict=True))
        ]
        body = {
            "duration": round(self._plan.duration * 1000),
            "readings": readings,
            "summary": {
                "memory": {"average": sum(heaps) / len(heaps), "peak": max(heaps)},
                "cpu": {"average": average, "peak": max(loads)},
            },
        }
        path = f"{ANALYTICS}?type=resource"
        return self._beacon(self._plan.duration + 0.6, path, body, "upload.resources_reported")

    def _generic(self) -> Message:
        self.truth.count("video_generic_events_total")
        body = {"page": "upload", "width": 1280, "timestamp": self._milliseconds(0.1)}
        path = f"{ANALYTICS}?type=navigation"
        return self._beacon(0.1, path, body, "upload.generic_happened")

    def _milliseconds(self, after: float) -> int:
        return round((self._clocks.epoch + self._clocks.page + self.began + after) * 1000)

    def _beacon(
        self, after: float, path: str, body: Any, event: str, content_type: str = "application/json"
    ) -> Message:
        headers = {"Content-Type": content_type, "User-Agent": self._person.device.user_agent}
        return Message(self.began + after, path, headers, encode(body), (event,))

    # -- What it amounts to ----------------------------------------------------------------------

    def _tell_report(self, total: float, ttfb: float, throughput: float, *, named: bool) -> None:
        """What a performance report counts: of a followed upload, only what no server knows."""
        person, truth = self._person, self.truth
        if person.device.tells_network:
            share = throughput / (person.downlink * MB / 8)
            truth.value("video_upload_throughput_utilisation_ratio", share, network=person.network)
            # The country of a page is known where a proxy or the upload's server tells it.
            region = person.country.region if named else "other"
            by_region = "video_upload_throughput_utilisation_by_region_ratio"
            truth.value(by_region, share, region=region)
        if named:
            self._reported = (total, ttfb)
            return
        self._tell_measured("report", total, ttfb)
        result = "ok" if self._plan.outcome == COMPLETED else "failed"
        device = person.device
        truth.count(
            "video_upload_reports_total",
            result=result,
            device=device.device,
            size_class=person.size_class,
        )
        truth.count(
            "video_upload_reports_by_client_total",
            result=result,
            browser=device.browser,
            network=person.network,
        )

    def _tell_end(self) -> None:
        """The one end of a followed upload and what was measured by then."""
        person, plan, truth = self._person, self._plan, self.truth
        device, outcome = person.device, plan.outcome
        truth.count(
            "video_upload_ended_total",
            outcome=outcome,
            device=device.device,
            size_class=person.size_class,
        )
        truth.count(
            "video_upload_ended_by_client_total",
            outcome=outcome,
            browser=device.browser,
            network=person.network,
        )
        region = person.country.region
        truth.count("video_upload_ended_by_region_total", outcome=outcome, region=region)
        if plan.trouble is not None:
            truth.count("video_upload_errors_total", error_type=plan.trouble.kind)
        if plan.tried:
            truth.count(
                "video_upload_recoveries_total",
                error_type=self._trouble.kind,
                result="ok" if outcome == COMPLETED else "failed",
            )
        self._tell_measured("lifecycle", *self._by_server())

    def _by_server(self) -> tuple[float | None, float | None]:
        """Duration and time to the first byte; None where only the arrival tells.

        A report that names the upload wins over the server. A clock that was set by hours is
        noticed, once for each of the two times, and not believed.
        """
        plan = self._plan
        jumped = bool(self._clocks.jump)
        if jumped:
            self.truth.count(
                "video_upload_clamped_total", bool(plan.chunks) + (plan.outcome == COMPLETED)
            )
        if self._reported is not None:
            return self._reported
        return (None, None) if jumped else (plan.duration, self._person.ttfb)

    def _tell_measured(self, source: str, duration: float | None, ttfb: float | None) -> None:
        person, plan, truth = self._person, self._plan, self.truth
        network = person.network
        if plan.outcome == COMPLETED:
            size_class = person.size_class
            name = "video_upload_duration_seconds"
            truth.value(name, duration, source=source, size_class=size_class)
            if size_class in {"0-10MB", "10-30MB"}:
                by_network = "video_upload_duration_by_network_seconds"
                truth.value(by_network, duration, source=source, network=network)
                if source == "lifecycle":
                    by_resolution = "video_upload_duration_by_resolution_seconds"
                    truth.value(by_resolution, duration, resolution=person.resolution)
        if plan.chunks or source == "report" or self._reported:
            truth.value("video_upload_ttfb_seconds", ttfb, source=source, network=network)
        for first_try in (True, False):
            chunks = sum(chunk.first_try is first_try for chunk in plan.chunks)
            if chunks:
                truth.count(
                    "video_upload_chunks_total",
                    chunks,
                    source=source,
                    network=network,
                    first_try="yes" if first_try else "no",
                )


def operated(truth: Truth, operation: str, *, ok: bool, seconds: float) -> dict[str, Any]:
    """An operation of the storage, counted."""
    seconds = round(seconds, 4)
    result = "ok" if ok else "failed"
    truth.count("video_storage_operations_total", operation=operation, result=result)
    truth.value("video_storage_duration_seconds", seconds, operation=operation)
    return {
        "type": "storage.operated",
        "operation": operation,
        "ok": ok,
        "duration_seconds": seconds,
    }


def native(at: float, *events: dict[str, Any]) -> Message:
    """A body of /v1/events."""
    types = tuple(event["type"] for event in events)
    headers = {"Content-Type": "application/json"}
    return Message(at, EVENTS, headers, encode({"events": events}), types)


def template(path: str) -> str:
    """The route of a path of the API."""
    parts = path.partition("?")[0].split("/")
    for place, part in enumerate(parts):
        if part.startswith("upload-"):
            parts[place] = ":id"
        elif place and parts[place - 1] == "chunks":
            parts[place] = ":index"
    return "/".join(parts)

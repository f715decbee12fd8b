"""Traffic with a known truth: stories of unique beacons, and an oracle of what was promised.

A story is a sequence of beacons, each sent again and again, byte for byte, until it is
acknowledged. The stories are made so that no label depends on how long a crash delayed them:
whatever says what kind of upload or play it is comes before the word that ends it.
"""

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from http import HTTPStatus
from typing import Any

import aiohttp

from tests.durability.makings import Makings
from tests.durability.pages import Pages
from tests.durability.plays import Plays
from tests.durability.telling import AT, COUNTRIES, NETWORKS, USER_AGENTS, Post, Story

SIZES = (1_000_000, 12_000_000, 45_000_000, 250_000_000)
ERRORS = ("connection reset", "request timed out", "HTTP 503", "quota exceeded", "odd")
PICTURES = ((640, 360), (1280, 720), (1080, 1920), (3840, 2160))
NOBODY = "curl/8.5.0"
ROUTES = ("/api/uploads", "/api/uploads/42/chunks/7?token=x", "/api/videos/9", "/nowhere")


class Stories(Plays, Makings, Pages):
    """Stories without end; the same seed tells the same stories.

    For 43 stories of other kinds there are ``batches`` bodies of 20 to 50 events.
    """

    def __init__(self, seed: int, batches: int = 0) -> None:
        super().__init__(seed)
        self._batches = batches

    def __iter__(self) -> Iterator[Story]:
        kinds: tuple[tuple[Callable[[], Story], int], ...] = (
            (self._performance, 5),
            (self._resources, 1),
            (self._generic, 1),
            (self._service, 3),
            (self._upload, 4),
            (self._upload_at_once, 2),
            (self._upload_of_a_page, 2),
            (self._upload_without_end, 1),
            (self._play_of_page, 3),
            (self._play, 2),
            (self._play_at_once, 1),
            (self._play_of_player, 3),
            (self._report_of_nobody, 1),
            (self._generation, 2),
            (self._generation_at_once, 1),
            (self._business, 1),
            (self._platform, 1),
            (self._levels, 1),
            (self._session_of_page, 2),
            (self._session, 1),
            (self._session_of_faro, 2),
            (self._vitals_of_library, 2),
            (self._vitals_of_nobody, 1),
            (self._batch, self._batches),
        )
        tell = [kind for kind, weight in kinds for _ in range(weight)]
        while True:
            self._told += 1
            yield self._random.choice(tell)()

    def _performance_body(self) -> dict[str, Any]:
        chance = self._random
        chunks = chance.randrange(1, 20)
        return {
            "totalTime": chance.choice((chance.uniform(500, 200_000), None, 1.797e308)),
            "ttfb": chance.uniform(20, 7000),
            "fileSize": chance.choice(SIZES),
            "throughput": chance.uniform(1e4, 2e6),
            "chunkMetrics": {
                "totalChunks": chunks,
                "successfulFirstAttemptChunks": chance.randrange(chunks + 1),
                "fastestChunkTime": 1.797e308,
            },
            "networkInfo": chance.choice(
                (None, {"effectiveType": chance.choice(NETWORKS), "downlink": 10})
            ),
            "systemInfo": {"userAgent": chance.choice(USER_AGENTS)},
            "success": chance.random() < 0.9,
        }

    def _performance(self) -> Story:
        body = self._performance_body()
        if self._random.random() < 0.5:
            return [self._beacon("/api/analytics/upload-performance", body)]
        return [self._beacon("/api/analytics", body, kind="performance")]

    def _resources(self) -> Story:
        chance = self._random
        readings = [
            {"memory": {"usedJSHeapSize": chance.randrange(10**6, 10**9)}, "cpu": {"estimated": c}}
            for c in (chance.random() * 0.2, chance.random())
        ]
        return [self._beacon("/api/analytics", {"readings": readings}, kind="resource")]

    def _generic(self) -> Story:
        return [self._beacon("/api/analytics", {"clicks": self._told}, kind="clicked")]

    def _called(self, request: str) -> dict[str, Any]:
        chance = self._random
        status = chance.choice((200, 200, 201, 404, 500, 503, 0))
        return {
            "type": "api.called",
            "request_id": request,
            "route": chance.choice(ROUTES),
            "status": status,
            "method": "POST",
            "duration_seconds": chance.uniform(0.01, 6),
        }

    def _operated(self) -> dict[str, Any]:
        chance = self._random
        return {
            "type": "storage.operated",
            "operation": chance.choice(("put", "get", "delete", "list", "check", "move")),
            "ok": chance.random() < 0.9,
            "duration_seconds": chance.uniform(0.01, 6),
        }

    def _service(self) -> Story:
        chance = self._random
        request = self._name("r")
        called = self._called(request)
        status = called["status"]
        events: list[dict[str, Any]] = [
            called,
            self._operated(),
            {"type": "upload.stored", "original_bytes": 10**7, "stored_bytes": 6 * 10**6},
        ]
        if status not in {200, 201}:
            failed = {"type": "api.failed", "request_id": request, "error": chance.choice(ERRORS)}
            events.insert(chance.randrange(2), {**failed, "route": events[0]["route"]})
        if chance.random() < 0.3:
            return [self._events(*events)]
        return [self._events(event) for event in events]

    def _started(self, upload: str, at: float) -> dict[str, Any]:
        chance = self._random
        width, height = chance.choice(PICTURES)
        return {
            "type": "upload.started",
            "upload_id": upload,
            "at": at,
            "file_size_bytes": chance.choice(SIZES),
            "content_type": "video/mp4",
            "chunk_count": 4,
            "user_agent": chance.choice(USER_AGENTS),
            "country": chance.choice(COUNTRIES),
            "network": chance.choice(NETWORKS),
            "width": width,
            "height": height,
        }

    def _chunks(self, upload: str, at: float) -> list[dict[str, Any]]:
        chance = self._random
        first = at + chance.uniform(0.05, 6)
        return [
            {
                "type": "upload.chunk_received",
                "upload_id": upload,
                "index": index,
                "ok": True,
                "attempt": chance.choice((1, 1, 1, 2)),
                "at": first + index,
            }
            for index in range(chance.randrange(1, 5))
        ]

    def _end(self, upload: str, at: float) -> dict[str, Any]:
        chance = self._random
        if chance.random() < 0.15:
            error = chance.choice(ERRORS)
            return {"type": "upload.failed", "upload_id": upload, "error": error}
        if chance.random() < 0.05:
            return {"type": "upload.cancelled", "upload_id": upload}
        duration = chance.uniform(1, 1000)
        return {"type": "upload.completed", "upload_id": upload, "at": at + duration}

    def _upload(self) -> Story:
        """One upload, told from both sides, step by step."""
        chance, upload, at = self._random, self._name("u"), AT
        story = [
            self._events(self._started(upload, at)),
            self._events(*self._chunks(upload, at)),
        ]
        if chance.random() < 0.2:
            there = {"type": "upload.progressed", "upload_id": upload, "received_bytes": 10**6}
            story.append(self._events({**there, "at": at + 7}))
        if chance.random() < 0.2:
            error = chance.choice(ERRORS)
            tried = {"type": "upload.recovery_tried", "upload_id": upload, "error": error}
            made_good = {"type": "upload.recovery_succeeded", "upload_id": upload}
            story.append(self._events(tried, made_good))
        if chance.random() < 0.5:
            body = {**self._performance_body(), "uploadId": upload, "success": None}
            story.append(self._beacon("/api/analytics/upload-performance", body))
        ended = self._end(upload, at)
        story.append(self._events(ended))
        if ended["type"] == "upload.completed":
            if chance.random() < 0.5:
                seconds = chance.uniform(0.5, 12)
                shown = {"type": "upload.preview_shown", "upload_id": upload}
                story.append(self._events({**shown, "after_seconds": seconds}))
            if chance.random() < 0.5:
                rated = {"type": "feedback", "time": 1, "data": {"rating": chance.randrange(1, 6)}}
                body = {"uploadId": upload, "interactions": [rated]}
                post = self._beacon("/api/analytics/upload-experience", body)
                story.append(post._replace(user_agent=NOBODY))
        return story

    def _upload_at_once(self) -> Story:
        upload, at = self._name("b"), AT
        return [
            self._events(
                self._started(upload, at), *self._chunks(upload, at), self._end(upload, at)
            )
        ]

    def _page(self, upload: str, *interactions: dict[str, Any]) -> Post:
        body = {
            "uploadId": upload,
            "interactions": list(interactions),
            "userAgent": self._random.choice(USER_AGENTS),
        }
        return self._beacon("/api/analytics/upload-experience", body)

    def _batch(self) -> Story:
        """What a server gathered: calls, operations of its storage, and all else as a whole."""
        chance = self._random
        size = chance.randrange(20, 51)
        events: list[dict[str, Any]] = []
        while len(events) < size:
            name = self._name(f"{len(events)}")
            kind = chance.random()
            if kind < 0.1:
                upload = [self._started(name, AT), *self._chunks(name, AT), self._end(name, AT)]
                events += upload
            elif kind < 0.15:
                events += self._whole_play()
            elif kind < 0.2:
                events += self._steps()
            elif kind < 0.25:
                events += self._deals()
            elif kind < 0.3:
                events.append(self._deed())
            elif kind < 0.6:
                events.append(self._called(name))
            else:
                events.append(self._operated())
        return [self._events(*events)]

    def _upload_of_a_page(self) -> Story:
        chance = self._random
        interactions: list[dict[str, Any]] = [{"type": "start", "time": 0}]
        if chance.random() < 0.3:
            message = chance.choice(ERRORS)
            interactions.append({"type": "error", "time": 5, "data": {"message": message}})
            interactions.append({"type": "progress", "time": 9, "data": {"progress": 50}})
        end = {"type": "complete", "time": chance.uniform(1e3, 9e5), "data": {"success": True}}
        return [self._page(self._name("p"), *interactions, end)]

    def _upload_without_end(self) -> Story:
        upload, at = self._name("n"), AT
        if self._random.random() < 0.5:
            hint = {"type": "abandonment_detected", "time": 120_000}
            return [self._page(upload, {"type": "start", "time": 0}, hint)]
        return [
            self._events(self._started(upload, at)),
            self._events(*self._chunks(upload, at)),
        ]


class Oracle:
    """Sends stories, and remembers what was acknowledged; after a crash, that is what counts."""

    def __init__(self, url: str, *, seed: int, repeated: float = 0.05, batches: int = 0) -> None:
        self._url = url
        self._random = random.Random(seed)  # noqa: S311 - a seed, not a secret
        self._repeated = repeated
        self._lately: deque[Post] = deque(maxlen=500)
        self._stories = iter(Stories(seed, batches))
        self._busy = 0
        self._idle = asyncio.Event()
        self._go = asyncio.Event()
        self._go.set()
        self._in_order = asyncio.Lock()
        self._candid = asyncio.Event()
        self._candid.set()
        self._impatient = 0
        self._all_patient = asyncio.Event()
        self._all_patient.set()
        self.acknowledged: list[Post] = []
        """Each beacon once, however often it was sent."""
        self.sent_events = 0
        """Events in requests that reached the exporter or may have."""
        self.answered_events = 0
        self.answers: Counter[int] = Counter()
        self.unanswered = 0
        self.repeats = 0
        self.seconds: list[float] = []
        self.stopping = False

    async def run(self, workers: int, pause: float) -> None:
        """Send until ``stopping``; stories that have begun are told to their end."""
        async with self._http() as http, asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._work(http, pause))

    async def hold(self) -> None:
        """Let nobody begin to send, and wait until everything sent is acknowledged."""
        self._go.clear()
        while self._busy:
            self._idle.clear()
            await self._idle.wait()

    def release(self) -> None:
        """Let everybody go on."""
        self._go.set()

    @asynccontextmanager
    async def candid(self) -> AsyncIterator[None]:
        """Meanwhile send nothing that gets the same answer whether it is taken or refused."""
        self._candid.clear()
        await self._all_patient.wait()
        try:
            yield
        finally:
            self._candid.set()

    async def repeat(self, posts: int) -> int:
        """Send again what was acknowledged last, until it is again; how many events have an id."""
        again = list(self._lately)[-posts:]
        async with self._http() as http:
            for post in again:
                self.repeats += 1
                await self._insist(http, post)
        return sum(post.events for post in again if not post.anew)

    def _http(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=10)
        return aiohttp.ClientSession(connector=connector, timeout=timeout)

    async def _work(self, http: aiohttp.ClientSession, pause: float) -> None:
        while not self.stopping:
            for post in next(self._stories):
                await self._go.wait()
                await self._tell(http, post)
                await asyncio.sleep(self._random.uniform(0, 2 * pause))

    async def _tell(self, http: aiohttp.ClientSession, post: Post) -> None:
        self._busy += 1
        in_turn: AbstractAsyncContextManager[object] = (
            self._in_order if post.in_order else nullcontext()
        )
        async with in_turn:
            await self._insist(http, post)
            self.acknowledged.append(post)
            self._lately.append(post)
        if self._random.random() < self._repeated:
            self.repeats += 1
            await self._insist(http, self._random.choice(self._lately))
        self._busy -= 1
        self._idle.set()

    async def _insist(self, http: aiohttp.ClientSession, post: Post) -> None:
        """Send until it is acknowledged: an answer that a crash swallowed says nothing."""
        while True:
            if await (self._candidly if post.impatient else self._answered)(http, post):
                return
            await asyncio.sleep(self._random.uniform(0.02, 0.1))

    async def _candidly(self, http: aiohttp.ClientSession, post: Post) -> bool:
        """As ``_answered``, while an answer means what it says."""
        await self._candid.wait()
        self._impatient += 1
        self._all_patient.clear()
        try:
            return await self._answered(http, post)
        finally:
            self._impatient -= 1
            if not self._impatient:
                self._all_patient.set()

    async def _answered(self, http: aiohttp.ClientSession, post: Post) -> bool:
        headers = {
            "Content-Type": post.content_type,
            "User-Agent": post.user_agent,
            **dict(post.headers),
        }
        self.sent_events += post.events
        began = time.perf_counter()
        try:
            async with http.post(
                self._url + post.target, data=post.body, headers=headers
            ) as answer:
                silent = answer.status == HTTPStatus.NO_CONTENT
                said = None if silent else await answer.json()
        except (aiohttp.ClientError, TimeoutError):
            self.unanswered += 1
            return False
        self.answers[answer.status] += 1
        if answer.status == 503:
            assert int(answer.headers["Retry-After"]) >= 1, answer.headers
            return False
        assert silent == post.impatient, (answer.status, said, post)
        if said is not None:
            assert answer.status == 202, (answer.status, said, post)
            assert said["accepted"] + said["duplicate"] == post.events, (said, post)
        self.answered_events += post.events
        self.seconds.append(time.perf_counter() - began)
        return True

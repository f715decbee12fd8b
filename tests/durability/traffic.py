"""Traffic with a known truth: stories of unique beacons, and an oracle of what was promised.

A story is a sequence of beacons, each sent again and again, byte for byte, until it is
acknowledged. The stories are made so that no label depends on how long a crash delayed them:
whatever says what kind of upload it is comes before the word that ends it.
"""

import asyncio
import json
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import aiohttp

USER_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (SMART-TV; Linux; Tizen 7.0) AppleWebKit/537.36 (KHTML, like Gecko) "
    "TV Safari/537.36",
)
NETWORKS = ("4g", "3g", "2g", "slow-2g", "5g")
COUNTRIES = ("DE", "FR", "US", "BR", "IN", "NG", "AU", "ZZ")
SIZES = (1_000_000, 12_000_000, 45_000_000, 250_000_000)
ERRORS = ("connection reset", "request timed out", "HTTP 503", "quota exceeded", "odd")
PICTURES = ((640, 360), (1280, 720), (1080, 1920), (3840, 2160))
NOBODY = "curl/8.5.0"
AT = 1_700_000_000.0
"""The senders' clock: years behind, which must not matter."""

ROUTES = ("/api/uploads", "/api/uploads/42/chunks/7?token=x", "/api/videos/9", "/nowhere")


class Post(NamedTuple):
    """One request: what is sent, as often as it takes."""

    path: str
    kind: str | None
    body: bytes
    events: int
    user_agent: str = USER_AGENTS[0]
    content_type: str = "application/json"

    @property
    def target(self) -> str:
        """The path with its query string."""
        return self.path if self.kind is None else f"{self.path}?type={self.kind}"


Story = list[Post]


class Stories:
    """Stories without end; the same seed tells the same stories.

    For 19 stories of other kinds there are ``batches`` bodies of 20 to 50 events.
    """

    def __init__(self, seed: int, batches: int = 0) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a seed, not a secret
        self._batches = batches
        self._told = 0
        self.never_ended = 0
        """Uploads that were begun, and that nothing but silence ends."""

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
            (self._batch, self._batches),
        )
        tell = [kind for kind, weight in kinds for _ in range(weight)]
        while True:
            self._told += 1
            yield self._random.choice(tell)()

    def _name(self, what: str) -> str:
        return f"{what}-{self._told}"

    def _beacon(self, path: str, body: dict[str, Any], kind: str | None = None) -> Post:
        """A body that no other beacon has: the page's clock is in it."""
        content_type = self._random.choice(("text/plain;charset=UTF-8", "application/json"))
        encoded = json.dumps({**body, "timestamp": self._told}).encode()
        agent = self._random.choice(USER_AGENTS)
        return Post(path, kind, encoded, 1, agent, content_type)

    def _events(self, *events: dict[str, Any]) -> Post:
        named = [{"id": f"{self._told}.{e.pop('n', i)}", **e} for i, e in enumerate(events)]
        return Post("/v1/events", None, json.dumps({"events": named}).encode(), len(named))

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
        return [self._events({"n": place, **event}) for place, event in enumerate(events)]

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
        duration = chance.uniform(1, 1000)
        return {"type": "upload.completed", "upload_id": upload, "at": at + duration}

    def _upload(self) -> Story:
        """One upload, told from both sides, step by step."""
        chance, upload, at = self._random, self._name("u"), AT
        story = [
            self._events({"n": "started", **self._started(upload, at)}),
            self._events(*self._chunks(upload, at)),
        ]
        if chance.random() < 0.2:
            error = chance.choice(ERRORS)
            tried = {"type": "upload.recovery_tried", "upload_id": upload, "error": error}
            made_good = {"type": "upload.recovery_succeeded", "upload_id": upload}
            story.append(self._events({"n": "tried", **tried}, {"n": "good", **made_good}))
        if chance.random() < 0.5:
            body = {**self._performance_body(), "uploadId": upload, "success": None}
            story.append(self._beacon("/api/analytics/upload-performance", body))
        ended = self._end(upload, at)
        story.append(self._events({"n": "ended", **ended}))
        if ended["type"] == "upload.completed":
            if chance.random() < 0.5:
                seconds = chance.uniform(0.5, 12)
                shown = {"type": "upload.preview_shown", "upload_id": upload}
                story.append(self._events({"n": "shown", **shown, "after_seconds": seconds}))
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
        """What a server gathered: calls, operations of its storage, and whole uploads."""
        chance = self._random
        size = chance.randrange(20, 51)
        events: list[dict[str, Any]] = []
        while len(events) < size:
            name = self._name(f"{len(events)}")
            kind = chance.random()
            if kind < 0.1:
                upload = [self._started(name, AT), *self._chunks(name, AT), self._end(name, AT)]
                events += upload
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
        self.never_ended += 1
        upload, at = self._name("n"), AT
        if self._random.random() < 0.5:
            hint = {"type": "abandonment_detected", "time": 120_000}
            return [self._page(upload, {"type": "start", "time": 0}, hint)]
        return [
            self._events({"n": "started", **self._started(upload, at)}),
            self._events(*self._chunks(upload, at)),
        ]


class Oracle:
    """Sends stories, and remembers what was acknowledged; after a crash, that is what counts."""

    def __init__(self, url: str, *, seed: int, repeated: float = 0.05, batches: int = 0) -> None:
        self._url = url
        self._random = random.Random(seed)  # noqa: S311 - a seed, not a secret
        self._repeated = repeated
        self._lately: deque[Post] = deque(maxlen=500)
        self.stories = Stories(seed, batches)
        self._stories = iter(self.stories)
        self._busy = 0
        self._idle = asyncio.Event()
        self._go = asyncio.Event()
        self._go.set()
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

    async def repeat(self, posts: int) -> int:
        """Send again what was acknowledged last, until it is again; returns how many events."""
        again = list(self._lately)[-posts:]
        async with self._http() as http:
            for post in again:
                self.repeats += 1
                await self._insist(http, post)
        return sum(post.events for post in again)

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
            if await self._answered(http, post):
                return
            await asyncio.sleep(self._random.uniform(0.02, 0.1))

    async def _answered(self, http: aiohttp.ClientSession, post: Post) -> bool:
        headers = {"Content-Type": post.content_type, "User-Agent": post.user_agent}
        self.sent_events += post.events
        began = time.perf_counter()
        try:
            async with http.post(
                self._url + post.target, data=post.body, headers=headers
            ) as answer:
                said = await answer.json()
        except (aiohttp.ClientError, TimeoutError):
            self.unanswered += 1
            return False
        self.answers[answer.status] += 1
        if answer.status == 503:
            assert int(answer.headers["Retry-After"]) >= 1, answer.headers
            return False
        assert answer.status == 202, (answer.status, said, post)
        assert said["accepted"] + said["duplicate"] == post.events, (said, post)
        self.answered_events += post.events
        self.seconds.append(time.perf_counter() - began)
        return True

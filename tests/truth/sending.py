"""Beacons on their way: what each one is made of, when it was under way, and some of them twice."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import aiohttp

from tests.truth.facts import Facts, Span

EVENTS = "/v1/events"
LATEST = 8.0
"""Seconds by which the beacons of one story may be late; later, they would tell another story."""

WORKERS = 24
REPEATED = 0.05


@dataclass(eq=False)
class Message:
    """One request, the events in it by type, and the reasons for which others in it are refused."""

    path: str
    body: bytes
    headers: Mapping[str, str]
    types: tuple[str, ...]
    reasons: tuple[str, ...] = ()
    status: int = 202
    events: tuple[bytes, ...] = ()
    """Of a body of /v1/events, each event by itself; without any it is sent only once."""
    again: bool = True
    sent: float = 0.0
    answered: float = 0.0


Step = Message | float


@dataclass
class Story:
    """Requests in their order and pauses between them, and what they amount to."""

    steps: list[Step]
    tell: Callable[[Facts], None] = lambda _: None
    later: list[Step] = field(default_factory=list)
    """What is sent once no upload goes on any more."""


class Apart(NamedTuple):
    """Two beacons, of which only the arrival tells how much later the last one was."""

    first: Message
    last: Message

    @property
    def span(self) -> Span:
        """As far as their sender knows, once they are sent."""
        first, last = self
        return Span(max(0.0, last.sent - first.answered), last.answered - first.sent)


def native(sender: str, *events: Mapping[str, Any]) -> Message:
    """A body of /v1/events; it may come again only if each of its events has an id."""
    parts = tuple(json.dumps(event).encode() for event in events)
    return Message(
        EVENTS,
        b'{"events": [' + b", ".join(parts) + b"]}",
        {"X-Forwarded-For": sender, "Content-Type": "application/json"},
        tuple(event["type"] for event in events),
        events=parts,
        again=all("id" in event for event in events),
    )


def _pauses(steps: list[Step]) -> bool:
    return any(isinstance(step, float) for step in steps)


def packed(message: Message) -> Message:
    """The same message, as a client sends it that compresses."""
    headers = {**message.headers, "Content-Encoding": "gzip"}
    return replace(message, body=gzip.compress(message.body, mtime=0), headers=headers)


class Courier:
    """Sends stories, several at once, each in its order; repeats some of what was acknowledged."""

    def __init__(self, url: str, seed: int) -> None:
        self._url = url
        self._random = random.Random(seed)  # noqa: S311 - a seed, not a secret
        self._lately: deque[Message] = deque(maxlen=1000)
        self._http: aiohttp.ClientSession
        self.facts = Facts()
        self.messages = 0
        self.repeats = 0

    async def send(self, stories: Iterable[list[Step]]) -> None:
        """Returns when everything is acknowledged."""
        everything = list(stories)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as self._http:
            # A story with pauses begins with the others, and holds none of them up.
            hasty = deque(steps for steps in everything if not _pauses(steps))
            patient = [steps for steps in everything if _pauses(steps)]
            async with asyncio.TaskGroup() as group:
                for steps in patient:
                    group.create_task(self._tell(steps))
                for _ in range(WORKERS):
                    group.create_task(self._work(hasty))

    async def _work(self, queue: deque[list[Step]]) -> None:
        while queue:
            await self._tell(queue.popleft())

    async def _tell(self, steps: list[Step]) -> None:
        for step in steps:
            if isinstance(step, float):
                await asyncio.sleep(step)
                continue
            await self._deliver(step)
            if self._random.random() < REPEATED and self._lately:
                await self._repeat()

    async def _deliver(self, message: Message) -> None:
        message.sent = time.monotonic()
        answer = await self._post(message, message.status)
        message.answered = time.monotonic()
        self.messages += 1
        self.facts.accepted.update(message.types)
        self.facts.rejected.update(message.reasons)
        if message.status == 202:
            said = [each["reason"] for each in answer["rejected"]]
            assert (answer["accepted"], answer["duplicate"]) == (len(message.types), 0), answer
            assert said == list(message.reasons), answer
        if message.again and message.types and not message.reasons:
            self._lately.append(message)

    async def _repeat(self) -> None:
        """The same bytes again; or the same events in other company, as after a restart."""
        message = self._random.choice(self._lately)
        natives = [each for each in self._lately if each.events]
        if message.events and self._random.random() < 0.3:
            other = self._random.choice(natives)
            parts = [*message.events, *(e for e in other.events if e not in message.events)]
            self._random.shuffle(parts)
            body = b'{"events": [' + b",".join(parts) + b"]}"
            message = Message(EVENTS, body, message.headers, ("",) * len(parts))
        answer = await self._post(message, 202)
        expected = {"accepted": 0, "duplicate": len(message.types)}
        assert {name: answer[name] for name in expected} == expected, answer
        self.repeats += 1
        self.facts.duplicate += len(message.types)

    async def _post(self, message: Message, status: int) -> Any:
        async with self._http.post(
            self._url + message.path, data=message.body, headers=message.headers
        ) as answer:
            body = await answer.json()
            assert answer.status == status, (answer.status, body, message)
            return body

    async def flood(self, messages: Iterable[Message]) -> None:
        """Send everything at once, from one network; what is over its rate is not counted."""
        async with aiohttp.ClientSession() as self._http:
            answers = await asyncio.gather(*map(self._try, messages))
        self.facts.limited += Counter(answers)[429]

    async def _try(self, message: Message) -> int:
        async with self._http.post(
            self._url + message.path, data=message.body, headers=message.headers
        ) as answer:
            if answer.status == 202:
                self.facts.accepted.update(message.types)
                self.facts.generic += len(message.types)
            return answer.status

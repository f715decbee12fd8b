"""How many connections there may be, and which of them end: who keeps us waiting goes first."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable
from typing import Final, Protocol

from exporter.telemetry import Cut

RESERVED_FILES: Final = 256
"""What journal, state, sinks, probes, logs and the operations port need besides connections."""

SHARE: Final = 100
"""One of so many gives way at once, so that a flood does not cost a look at all for each."""


class Client(Protocol):
    """A connection, as far as it can be in the way."""

    since: float
    """When its last request began, or it was made."""

    @property
    def unfinished(self) -> bool:
        """Whether the rest of a request has to come, and nobody who answers it looks at the clock.

        There may have come nothing of it.
        """

    @property
    def awaited_since(self) -> float:
        """When it began to keep us waiting, if it does."""

    @property
    def awaited(self) -> bool:
        """Whether nothing can be done for it before it sends, or reads, more."""

    @property
    def unread(self) -> bool:
        """Whether answers wait because it does not read them."""

    def cut(self) -> None:
        """End it, whatever is on its way."""


class Crowd:
    """The connections of one port; nobody is waited for longer than ``patience`` seconds."""

    def __init__(self, most: int, patience: float, count: Callable[[Cut], None]) -> None:
        self._most = most
        self.patience = patience
        self._count = count
        self._clients: set[Client] = set()
        self._unread: dict[Client, float] = {}

    def __len__(self) -> int:
        return len(self._clients)

    def came(self, client: Client) -> None:
        """A new one; somebody else gives way for it where there are too many, or it does."""
        self._clients.add(client)
        if len(self._clients) > self._most:
            self._make_room(client)

    def left(self, client: Client) -> None:
        """It ended."""
        self._clients.discard(client)
        self._unread.pop(client, None)

    def dismiss(self) -> None:
        """End those who have not said a whole request: nobody will answer them any more."""
        for client in tuple(self._clients):
            if client.unfinished:
                self.left(client)
                client.cut()

    def _make_room(self, newest: Client) -> None:
        waiting = [each for each in self._clients if each.awaited and each is not newest]
        if not waiting:
            self._cut(newest, Cut.FULL)
            return
        waiting.sort(key=lambda client: client.awaited_since)
        for each in waiting[: max(1, self._most // SHARE)]:
            self._cut(each, Cut.CROWDED)

    def _cut(self, client: Client, why: Cut) -> None:
        self.left(client)
        self._count(why)
        client.cut()

    def sweep(self, now: float) -> None:
        """End who does not say a request, or read answers, in time.

        What waits for the body of one looks at the clock itself.
        """
        latest = now - self.patience
        for client in tuple(self._clients):
            if client.since < latest and client.unfinished:
                self._cut(client, Cut.SLOW)
            elif not client.unread:
                self._unread.pop(client, None)
            elif self._unread.setdefault(client, now) < latest:
                self._cut(client, Cut.UNREAD)

    async def sweep_for_ever(self) -> None:
        """Often enough that nobody is waited for longer than the patience."""
        pause = self.patience / 20
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(pause)
            # What would be late at the next look is late now.
            self.sweep(loop.time() + pause)


def room_for(most: int) -> int:
    """So many connections as the limit of open files, raised as far as it goes, leaves room for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < most + RESERVED_FILES:
        wanted = most + RESERVED_FILES
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return most
    return max(1, min(most, soft - RESERVED_FILES))

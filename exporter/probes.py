"""Our own look at the services behind the platform: does it answer, and how fast.

A target is ``service=http://host/path`` (any HTTP status that is expected is healthy) or
``service=tcp://host:port`` (healthy is who accepts a connection). Whatever goes wrong is a result,
never an error, and nothing takes longer than the timeout.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohttp

from exporter.settings import Probes


class UnknownServiceError(ValueError):
    """A target is of a service that is not listed, so nobody could tell which one is down."""


class Target(NamedTuple):
    """What is probed, and where."""

    service: str
    address: str

    @classmethod
    def of(cls, text: str) -> Target:
        """From the form that it has in the settings, which have looked at it."""
        service, _, address = text.partition("=")
        return cls(service, address)


def targets(settings: Probes, services: Collection[str]) -> tuple[Target, ...]:
    """What is to be probed; UnknownServiceError for a service that is none of ``services``."""
    found = tuple(Target.of(text) for text in settings.targets)
    listed = {service.casefold() for service in services}
    strangers = {each.service for each in found if each.service.casefold() not in listed}
    if strangers:
        raise UnknownServiceError(
            "EXPORTER_PROBES__TARGETS names services that EXPORTER_LABELS__SERVICES does not: "
            + ", ".join(sorted(strangers))
        )
    return found


class Probed(NamedTuple):
    """How a probe came out: healthy or not, after how many seconds, and in a word why."""

    ok: bool
    seconds: float
    says: str


class Prober:
    """Probes targets, any number at once, each with a connection of its own."""

    def __init__(self, settings: Probes) -> None:
        # A round ends before the next one begins, whatever hangs.
        self._timeout = min(settings.timeout_seconds, settings.every_seconds)
        self._statuses = frozenset(settings.statuses)
        # A connection that is kept would say that a service is up which takes no new one.
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def probe(self, target: Target) -> Probed:
        """Look at one target; never raises because of what is found."""
        began = time.perf_counter()
        try:
            async with asyncio.timeout(self._timeout):
                ok, says = await self._look(target.address)
        except TimeoutError:
            ok, says = False, "timeout"
        except (aiohttp.ClientError, OSError, UnicodeError) as error:
            ok, says = False, type(error).__name__
        return Probed(ok, time.perf_counter() - began, says)

    async def _look(self, address: str) -> tuple[bool, str]:
        parts = urlsplit(address)
        if parts.scheme == "tcp":
            _, writer = await asyncio.open_connection(parts.hostname, parts.port)
            # Nothing was said, so there is nothing to wait for.
            writer.transport.abort()
            return True, "accepts"
        async with self._session.get(address, allow_redirects=False) as answer:
            status = answer.status
        return self._expects(status), f"answers {status}"

    def _expects(self, status: int) -> bool:
        return status in self._statuses if self._statuses else 200 <= status < 400

    async def close(self) -> None:
        """Let go of what is open."""
        await self._session.close()

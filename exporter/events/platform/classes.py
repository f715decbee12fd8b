"""The closed sets by which the health of the platform is told apart."""

from __future__ import annotations

from typing import Final

from exporter.event import Known
from exporter.metric import Closed


class Phase(Closed):
    """Which part of the platform an action belongs to."""

    AUTH = "auth"
    CONTENT = "content"
    PWA = "pwa"
    SYSTEM = "system"


class Result(Closed):
    """How an action or a check came out."""

    OK = "ok"
    FAILED = "failed"

    @classmethod
    def of(cls, ok: bool) -> Result:
        """Of a flag."""
        return cls.OK if ok else cls.FAILED


class Lookup(Closed):
    """What a cache answered."""

    HIT = "hit"
    MISS = "miss"


class CheckSource(Closed):
    """Who looked: our own probe, or a report that somebody sent."""

    PROBE = "probe"
    REPORT = "report"


class Part(Known):
    """What a rating is about."""

    UPLOAD = "upload"
    GENERATION = "generation"
    PLAYBACK = "playback"
    WEB = "web"
    OTHER = "other"


class Condition(Closed):
    """What a service is, from one change to the next; a tag of points, not a label."""

    UP = "up"
    DOWN = "down"


# Health Check Response Format for HTTP APIs (draft-inadarei-api-health-check): pass (ok, up), warn
# ("healthy, with some concerns") and fail (error, down); and what else services say.
_HEALTHY: Final = frozenset(
    {"pass", "passing", "ok", "up", "healthy", "warn", "warning", "degraded"}
)
_UNHEALTHY: Final = frozenset(
    {"fail", "failing", "failed", "error", "down", "unhealthy", "critical", "out_of_service"}
)


def is_healthy(status: str) -> bool | None:
    """Whether a status says healthy; None where it says neither, such as ``starting``."""
    word = status.strip().casefold()
    if word in _HEALTHY:
        return True
    return False if word in _UNHEALTHY else None

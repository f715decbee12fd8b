"""The closed sets by which the health of the platform is told apart."""

from __future__ import annotations

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

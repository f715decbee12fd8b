"""The closed sets by which generations are told apart, and how a raw value finds its class."""

from __future__ import annotations

from exporter.event import Known
from exporter.metric import Closed


class Outcome(Closed):
    """How a generation ended; exactly one of these, exactly once. ``lost`` is silence."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"


class Result(Closed):
    """Whether a generation that failed at least once was delivered in the end."""

    OK = "ok"
    FAILED = "failed"


class ErrorType(Known):
    """What kind of thing went wrong with a generation."""

    TIMEOUT = "timeout"
    RATE_LIMIT = "rate_limit"
    MODERATION = "moderation"
    INPUT = "input"
    PROVIDER = "provider"
    STORAGE = "storage"
    OTHER = "other"

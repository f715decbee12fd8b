"""The closed sets by which generations are told apart, and how a raw value finds its class."""

from __future__ import annotations

import re

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

    @classmethod
    def of(cls, text: str) -> ErrorType:
        """The class of an error text; a member's own name counts."""
        return cls.by_text(text, _BY_TEXT)


# The first pattern that matches decides: "503: rate limit exceeded" is a rate limit first.
_BY_TEXT = tuple(
    (error_type, re.compile(pattern, re.IGNORECASE | re.ASCII))
    for error_type, pattern in (
        (ErrorType.TIMEOUT, r"time[d ]?[ -]?out|deadline|\b(?:408|504)\b"),
        (ErrorType.RATE_LIMIT, r"rate[ _-]?limit|too many requests|throttl|quota|\b429\b"),
        (ErrorType.MODERATION, r"moderat|nsfw|safety|policy|flagged|sensitive content"),
        (ErrorType.STORAGE, r"storage|bucket|\bs3\b|disk|no space|\b507\b"),
        (ErrorType.INPUT, r"invalid|unsupported|too long|prompt|bad request|\b4(?:00|13|15|22)\b"),
        (
            ErrorType.PROVIDER,
            r"provider|unavailable|overload|capacity|out of memory|cuda|gpu|worker|prediction"
            r"|server error|bad gateway|\b5\d\d\b",
        ),
    )
)


class Deal(Closed):
    """What happened in the business around the videos; a tag of points, not a label."""

    PREMIUM_OFFERED = "premium_offered"
    PREMIUM_PURCHASED = "premium_purchased"
    REVENUE = "revenue"
    REFUND = "refund"
    FEATURE_ADOPTED = "feature_adopted"

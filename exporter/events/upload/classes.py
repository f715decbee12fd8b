"""The closed sets by which uploads are told apart, and how a raw value finds its class."""

from __future__ import annotations

import re

from exporter.event import Known
from exporter.metric import Closed

MB = 1_000_000


class Outcome(Closed):
    """How an upload ended; exactly one of these, exactly once."""

    COMPLETED = "completed"
    FAILED = "failed"
    ABANDONED = "abandoned"


class Result(Closed):
    """How one report, call, check or try came out."""

    OK = "ok"
    FAILED = "failed"


class Source(Closed):
    """Whether a number belongs to a followed upload, or to a report that names none.

    A page that runs both trackers reports the same upload in both ways; the KPI rules read
    ``lifecycle`` and take ``report`` only in a window that has no lifecycle.
    """

    LIFECYCLE = "lifecycle"
    REPORT = "report"


class FirstTry(Closed):
    """Whether a chunk needed one attempt."""

    YES = "yes"
    NO = "no"


class Interruption(Closed):
    """How an upload stood still: within a request, or between two of them."""

    STALLED = "stalled"
    RESUMED = "resumed"


class SizeClass(Known):
    """File size in decimal megabytes; 30 MB is the limit of ``upload_duration_p95_seconds``."""

    UNDER_10MB = "0-10MB"
    UNDER_30MB = "10-30MB"
    UNDER_100MB = "30-100MB"
    OVER_100MB = "100MB+"
    OTHER = "other"

    @classmethod
    def of(cls, size: float | None) -> SizeClass:
        """The class of a size in bytes; ``other`` where it is not known."""
        if size is None:
            return cls.OTHER
        if size < 10 * MB:
            return cls.UNDER_10MB
        if size < 30 * MB:
            return cls.UNDER_30MB
        return cls.UNDER_100MB if size < 100 * MB else cls.OVER_100MB


UNDER_30_MB = frozenset({SizeClass.UNDER_10MB, SizeClass.UNDER_30MB})


class Resolution(Known):
    """Height of the picture in lines."""

    SD = "sd"
    HD = "hd"
    FULL_HD = "full_hd"
    UHD = "uhd"
    OTHER = "other"

    @classmethod
    def of(cls, width: float | None, height: float | None) -> Resolution:
        """The class of a picture, by its shorter side, so that a portrait video is not UHD."""
        if not width or not height:
            return cls.OTHER
        lines = min(width, height)
        if lines < 720:
            return cls.SD
        if lines < 1080:
            return cls.HD
        return cls.FULL_HD if lines < 1440 else cls.UHD


class AgeClass(Closed):
    """How long an upload had been going on when it ended (for an abandoned one: its last sign)."""

    UNDER_10S = "0-10s"
    UNDER_30S = "10-30s"
    UNDER_1M = "30-60s"
    UNDER_5M = "1-5m"
    OVER_5M = "5m+"

    @classmethod
    def of(cls, seconds: float) -> AgeClass:
        """The class of a time in seconds."""
        if seconds < 10:
            return cls.UNDER_10S
        if seconds < 30:
            return cls.UNDER_30S
        if seconds < 60:
            return cls.UNDER_1M
        return cls.UNDER_5M if seconds < 300 else cls.OVER_5M


class ErrorType(Known):
    """What kind of thing went wrong, as far as a text or a status tells."""

    NETWORK = "network"
    TIMEOUT = "timeout"
    SERVER = "server"
    STORAGE = "storage"
    AUTH = "auth"
    VALIDATION = "validation"
    CANCELLED = "cancelled"
    OTHER = "other"

    @classmethod
    def of(cls, text: str | None, status: int | None = None) -> ErrorType:
        """The class of an error text (a member's own name counts) and of an HTTP status."""
        if status is not None and status >= 400:
            return _by_status(status)
        if not text:
            return cls.OTHER
        return cls.by_text(text, _BY_TEXT)


def _by_status(status: int) -> ErrorType:
    if status in {401, 403}:
        return ErrorType.AUTH
    if status in {408, 504}:
        return ErrorType.TIMEOUT
    if status == 507:
        return ErrorType.STORAGE
    return ErrorType.SERVER if status >= 500 else ErrorType.VALIDATION


# The first pattern that matches decides: "request timed out while storing" is a timeout first.
_BY_TEXT = tuple(
    (error_type, re.compile(pattern, re.IGNORECASE | re.ASCII))
    for error_type, pattern in (
        (ErrorType.TIMEOUT, r"time[d ]?[ -]?out|deadline|\b(?:408|504)\b"),
        (ErrorType.CANCELLED, r"abort|cancel"),
        (ErrorType.AUTH, r"unauthor|forbidden|permission|denied|token|\b40[13]\b"),
        (ErrorType.STORAGE, r"storage|bucket|\bs3\b|disk|quota|no space|\b507\b"),
        (
            ErrorType.NETWORK,
            r"network|failed to fetch|offline|connection|socket|dns|econn|load failed",
        ),
        (ErrorType.VALIDATION, r"too large|unsupported|invalid|format|codec|\b4(?:00|13|15|22)\b"),
        (ErrorType.SERVER, r"server error|unavailable|bad gateway|\b5\d\d\b"),
    )
)


class Operation(Known):
    """What was asked of the storage; ``check`` is a health check."""

    PUT = "put"
    GET = "get"
    DELETE = "delete"
    LIST = "list"
    CHECK = "check"
    OTHER = "other"

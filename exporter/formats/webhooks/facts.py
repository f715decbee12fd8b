"""What every provider writes in its own way: names, times, texts, and what is no news for us."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final

from exporter.event import LATEST, Event
from exporter.events.upload.reported import GenericHappened

LONGEST_TEXT: Final = 4096
_MODEL: Final = re.compile(r"[A-Za-z0-9._:/\-]{1,128}")
_KIND: Final = re.compile(r"[a-z0-9_.]{1,64}")


def model(given: Any) -> str | None:
    """The name of a model, where it is one and no more."""
    return given if isinstance(given, str) and _MODEL.fullmatch(given) else None


def epoch(moment: datetime | None) -> float | None:
    """Seconds since 1970; a time without a zone is in UTC."""
    if moment is None:
        return None
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return within(zoned.timestamp())


def within(seconds: float) -> float | None:
    """Seconds since 1970, if that is when anything was written."""
    return seconds if 0 <= seconds <= LATEST else None


def text(given: Any) -> str:
    """What a provider says of an error; anything but a text says nothing."""
    return given[:LONGEST_TEXT] if isinstance(given, str) else ""


def no_news(source: str, kind: str, webhook_id: str) -> tuple[Event, ...]:
    """Something that no domain knows: counted under its kind, and nothing of it is kept."""
    named = kind if _KIND.fullmatch(kind) else "other"
    return (GenericHappened(id=webhook_id, kind=f"{source}.{named}"),)

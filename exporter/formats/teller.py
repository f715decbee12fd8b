"""A page that tells many things at once: what they have in common is cleaned once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from exporter.event import Cleaner
from exporter.events.web import told

T = TypeVar("T", bound=told.Told)


class Teller:
    """Makes cleaned events of one page; ``about`` is what it says of itself, as it came."""

    def __init__(self, cleaner: Cleaner, about: Mapping[str, Any]) -> None:
        self._cleaner = cleaner
        self._about = about
        # Where nothing says which page it is, only some events mean a page view all the same.
        self._named = any(about.get(name) for name in ("page_view_id", "url"))
        self._who: dict[bool, dict[str, Any]] = {}

    def tells(self, kind: type[T], **said: Any) -> T:
        """An event; what it says must name nobody but where its kind takes that out."""
        begins = self._named or kind.begins
        who = self._who.get(begins)
        if who is None:
            like = told.PageViewed if begins else told.SessionSeen
            who = self._who[begins] = like(**self._about).who(self._cleaner)
        event = kind(**who, **said)
        changes = event.what(self._cleaner)
        return msgspec.structs.replace(event, **changes) if changes else event

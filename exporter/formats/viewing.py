"""What the formats of players that tell of one viewing have in common: names, clocks, clients."""

from __future__ import annotations

from typing import Any, Final

from exporter.event import LATEST, UNKNOWN_COUNTRY, Client, is_name

MS: Final = 0.001


def named(text: str | None) -> str | None:
    """A text that may be an identifier (:data:`exporter.event.Name`), if it is one."""
    return text if text is not None and is_name(text) else None


def when(ms: float | None) -> float | None:
    """Seconds since 1970, where a clock says a time that can be."""
    if ms is None or not 0.0 <= ms * MS <= LATEST:
        return None
    return ms * MS


def seconds(ms: float | None) -> float | None:
    """Of milliseconds that may be unsaid."""
    return None if ms is None else ms * MS


def classes(client: Client) -> dict[str, Any]:
    """A client as the fields of an event."""
    return {
        "device": client.device,
        "browser": client.browser,
        "system": client.system,
        "region": client.region,
        "country": None if client.country == UNKNOWN_COUNTRY else client.country,
    }

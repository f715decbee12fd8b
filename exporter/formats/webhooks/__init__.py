"""Webhooks of providers: each source has a path of its own, and proves by a signature who it is.

A source whose secret nobody gave is not served. What a provider tells that is no news about an
upload or a generation is taken and counted: it would come again and again if it were refused.

``signature`` the two ways of signing · ``replicate`` predictions · ``mux`` uploads and assets ·
``facts`` what both need to read what a provider writes.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from exporter.event import Cleaner
from exporter.formats.format import Format, Parsed, Sender
from exporter.formats.webhooks import mux, replicate, signature
from exporter.formats.webhooks.mux import Mux
from exporter.formats.webhooks.replicate import Replicate

PATH: Final = "/hooks/webhooks"


class Knobs(NamedTuple):
    """The signing secrets of each source, several while one replaces another."""

    replicate: tuple[str, ...] = ()
    mux: tuple[str, ...] = ()
    tolerance_seconds: float = 300.0
    """By how much the time of a webhook may differ from ours, before it is not believed."""


class Webhooks(Format):
    """Reads ``/hooks/webhooks/<source>``."""

    batch = True
    signed = True
    private = True
    headers = (*signature.STANDARD_HEADERS, signature.MUX_HEADER)

    def __init__(self, cleaner: Cleaner, knobs: Knobs) -> None:
        tolerance = knobs.tolerance_seconds
        self._sources: dict[str, Replicate | Mux] = {}
        if knobs.replicate:
            keys = tuple(map(signature.standard_key, knobs.replicate))
            source = Replicate(signature.Standard(keys, tolerance), cleaner)
            self._sources[f"{PATH}/{replicate.NAME}"] = source
        if knobs.mux:
            keys = tuple(map(signature.mux_key, knobs.mux))
            self._sources[f"{PATH}/{mux.NAME}"] = Mux(signature.Mux(keys, tolerance), cleaner)

    @property
    def paths(self) -> tuple[str, ...]:
        """Those of the sources that have a secret."""
        return tuple(self._sources)

    def parse(self, body: bytes, sender: Sender) -> Parsed:
        """What the source says; nobody else is listened to."""
        return Parsed(self._sources[sender.path].read(body, sender))

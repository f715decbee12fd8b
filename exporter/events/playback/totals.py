"""What was played so far, in numbers that only grow, and what an increase of them counts."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from exporter.event import Device, Field, Network
from exporter.events.playback import metrics
from exporter.events.playback.classes import Player
from exporter.metric import Cdn, Observation

UNSAID: Final = -1.0
"""Less than every number that can be said, so that the greater one of two is the better known."""


class Totals(NamedTuple):
    """Seconds and counts of one play; :data:`UNSAID` where nobody said."""

    watched: float = UNSAID
    stalls: float = UNSAID
    stalled: float = UNSAID
    media: float = UNSAID
    bits: float = UNSAID
    pauses: float = UNSAID
    seeks: float = UNSAID
    quality_changes: float = UNSAID

    def or_else(self, other: Totals) -> Totals:
        """These numbers, and those of ``other`` where these are unsaid."""
        return Totals._make([o if n < 0 else n for n, o in zip(self, other, strict=True)])

    def greatest(self, other: Iterable[float]) -> Totals:
        """Of each number the greater one."""
        return Totals._make(map(max, self, other))

    def since(self, other: Totals) -> Totals:
        """By how much each number is above that of ``other``."""
        return Totals._make(
            [n - o if o > 0 else n if n > 0 else 0.0 for n, o in zip(self, other, strict=True)]
        )

    def fields(self) -> list[tuple[str, Field]]:
        """The numbers that are known, as fields of a point."""
        return [(name, n) for name, n in zip(_FIELDS, self, strict=True) if n >= 0]


NOTHING: Final = Totals()
_FIELDS: Final = (
    "watched_seconds",
    "stalls",
    "stalled_seconds",
    "media_seconds",
    "bits",
    "pauses",
    "seeks",
    "quality_changes",
)


class Kind(NamedTuple):
    """The segments by which what is played is told apart; ``cdn`` is a listed one."""

    player: Player
    device: Device
    network: Network
    cdn: str


class _Labels:
    """The label sets of one kind: made once, because the same few hundred kinds come again."""

    __slots__ = ("by_cdn", "by_player", "on_device", "on_network")

    def __init__(self, kind: Kind) -> None:
        self.by_player = metrics.ByPlayer(kind.player)
        self.on_device = metrics.OnDevice(kind.device)
        self.on_network = metrics.OnNetwork(kind.network)
        self.by_cdn = metrics.ByCdn(Cdn(kind.cdn))


labels = lru_cache(4096)(_Labels)


def observations(  # noqa: C901 - a table of numbers, their series each
    grown: Totals, kind: Kind
) -> list[Observation]:
    """An increase, under the segments that each KPI has."""
    watched, stalls, stalled, media, bits, pauses, seeks, quality_changes = grown
    to = labels(kind)
    found: list[Observation] = []
    if watched:
        found.append(metrics.WATCHED(to.by_player, watched))
        found.append(metrics.WATCHED_BY_NETWORK(to.on_network, watched))
        found.append(metrics.WATCHED_BY_CDN(to.by_cdn, watched))
    if stalls:
        found.append(metrics.STALLS(to.by_player, stalls))
    if stalled:
        found.append(metrics.STALLED(to.by_player, stalled))
        found.append(metrics.STALLED_BY_NETWORK(to.on_network, stalled))
        found.append(metrics.STALLED_BY_CDN(to.by_cdn, stalled))
    if media:
        found.append(metrics.MEDIA(to.on_device, media))
        found.append(metrics.MEDIA_BY_NETWORK(to.on_network, media))
    if bits:
        found.append(metrics.BITS(to.on_device, bits))
        found.append(metrics.BITS_BY_NETWORK(to.on_network, bits))
    if pauses:
        found.append(metrics.PAUSES((), pauses))
    if seeks:
        found.append(metrics.SEEKS((), seeks))
    if quality_changes:
        found.append(metrics.QUALITY_CHANGES((), quality_changes))
    return found

"""What players have counted since they last said so, of plays that nobody names (PeerTube).

Without a play there is no startup, no watched time and no end: what happened is counted by
itself, and nothing is divided by anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from exporter.event import Event
from exporter.events.playback import metrics
from exporter.events.playback.classes import CmcdPlayer, Incident, Player, Repair, Transport
from exporter.metric import Observation

MOST_COUNT: Final = 1_000.0
MOST_BYTES: Final = 2.0**40
"""More than this between two reports is a mistake."""


class Tallied(
    Event, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag="playback.tallied"
):
    """Differences to what the same player said before; absurd ones are counted and not used.

    ``beacons`` are those of a ``player`` that names no session at all, ``repaired`` what was made
    good in them.
    """

    beacons: float | None = None
    errors: float | None = None
    stalls: float | None = None
    quality_changes: float | None = None
    http_bytes: float | None = None
    p2p_bytes: float | None = None
    p2p_sent_bytes: float | None = None
    player: Player = Player.OTHER
    repaired: tuple[Repair, ...] = ()

    def observe(self) -> list[Observation]:
        """Each number under what it counts."""
        found: list[Observation] = []
        if self.beacons is not None and 0.0 < self.beacons <= MOST_COUNT:
            found.append(metrics.UNATTRIBUTED((), self.beacons))
        for incident, count in (
            (Incident.ERROR, self.errors),
            (Incident.STALL, self.stalls),
            (Incident.QUALITY_CHANGE, self.quality_changes),
        ):
            if not count:
                continue
            if 0.0 < count <= MOST_COUNT:
                found.append(metrics.TALLIED_INCIDENTS(metrics.ByIncident(incident), count))
            else:
                found.append(metrics.CLAMPED())
        for transport, number in (
            (Transport.HTTP, self.http_bytes),
            (Transport.P2P, self.p2p_bytes),
            (Transport.P2P_SENT, self.p2p_sent_bytes),
        ):
            if not number:
                continue
            if 0.0 < number <= MOST_BYTES:
                found.append(metrics.TALLIED_BYTES(metrics.ByTransport(transport), number))
            else:
                found.append(metrics.CLAMPED())
        return [*found, *self._repairs()]

    def _repairs(self) -> Iterator[Observation]:
        player = CmcdPlayer(self.player)
        for repair in self.repaired:
            yield metrics.REPAIRS(metrics.RepairLabels(player, repair))

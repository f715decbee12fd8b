"""What clients send, by path: each format turns bytes into events or rejections, and is pure.

A format is one file here and one line in :func:`formats`. The bodies of our own trackers are
declared by the domains that understand them (``Domain.beacons``); :mod:`.trackers` reads them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from exporter.event import Cleaner, Domain
from exporter.formats import cmcd, tusd, webhooks
from exporter.formats.cmcd import Cmcd
from exporter.formats.epas import Epas
from exporter.formats.faro import Faro
from exporter.formats.format import Format
from exporter.formats.native import Native
from exporter.formats.peertube import PeerTube
from exporter.formats.pillarbox import Pillarbox
from exporter.formats.trackers import Trackers
from exporter.formats.tusd import Tusd
from exporter.formats.web_vitals import WebVitals
from exporter.formats.webhooks import Webhooks


class Clients(NamedTuple):
    """What a team may say about the clients that it has: the knobs of every format."""

    cmcd: cmcd.Knobs = cmcd.Knobs()
    tusd: tusd.Knobs = tusd.Knobs()
    webhooks: webhooks.Knobs = webhooks.Knobs()


AS_SHIPPED: Final = Clients()


def formats(
    domains: Sequence[Domain], cleaner: Cleaner, clients: Clients = AS_SHIPPED
) -> dict[str, Format]:
    """Every path that takes beacons, and who reads what comes there."""
    read: tuple[Format, ...] = (
        Native(domains, cleaner),
        Trackers(domains, cleaner),
        Cmcd(cleaner, clients.cmcd),
        Faro(cleaner),
        WebVitals(cleaner),
        Pillarbox(cleaner),
        Epas(cleaner),
        PeerTube(),
        Tusd(cleaner, clients.tusd),
        Webhooks(cleaner, clients.webhooks),
    )
    return {path: form for form in read for path in form.paths}

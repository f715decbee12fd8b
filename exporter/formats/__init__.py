"""What clients send, by path: each format turns bytes into events or rejections, and is pure.

A format is one file here and one line in :func:`formats`. The bodies of our own trackers are
declared by the domains that understand them (``Domain.beacons``); :mod:`.trackers` reads them all.
"""

from __future__ import annotations

from collections.abc import Sequence

from exporter.event import Cleaner, Domain
from exporter.formats.epas import Epas
from exporter.formats.faro import Faro
from exporter.formats.format import Format
from exporter.formats.native import Native
from exporter.formats.peertube import PeerTube
from exporter.formats.pillarbox import Pillarbox
from exporter.formats.trackers import Trackers
from exporter.formats.web_vitals import WebVitals


def formats(domains: Sequence[Domain], cleaner: Cleaner) -> dict[str, Format]:
    """Every path that takes beacons, and who reads what comes there."""
    read: tuple[Format, ...] = (
        Native(domains, cleaner),
        Trackers(domains, cleaner),
        Faro(cleaner),
        WebVitals(cleaner),
        Pillarbox(cleaner),
        Epas(cleaner),
        PeerTube(),
    )
    return {path: form for form in read for path in form.paths}

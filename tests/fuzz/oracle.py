"""What must hold of every beacon, whatever is in it."""

from __future__ import annotations

import math
from typing import Final

from exporter.formats.format import Format, RefusedError, Sender
from exporter.privacy import scrub_beacon
from exporter.receiver import SAMPLE
from exporter.record import Entry
from exporter.sinks.influx import line
from exporter.telemetry import Rejection
from tests.pipelines import CATALOGUE, CLEANER, Piped, codec

LOOK: Final = 1000
"""Beacons between two looks at all series."""
LIFE: Final = 20_000
"""Beacons after which everything begins anew, so that memory stays bounded."""


class Oracle:
    """Takes beacons as the receiver, the journal and the pipeline do; raises where one breaks."""

    def __init__(self) -> None:
        self._codec = codec()
        self.taken = self.refused = 0
        self._piped = Piped()

    def take(self, form: Format, body: bytes, sender: Sender) -> None:
        """Read a beacon, write it down, count it."""
        try:
            parsed = form.parse(body, sender)
        except RefusedError as refusal:
            self._turned_away(refusal.reason, body)
            return
        for rejected in parsed.rejected:
            self._turned_away(rejected.reason, rejected.body)
            form.alone(sender.path, rejected.body)
        self.taken += 1
        self._count(Entry(self._piped.now, parsed.events))
        if self.taken % LOOK == 0:
            self.look()
        if self.taken % LIFE == 0:
            self._piped.outlast()
            self.look()
            self._piped = Piped()

    def _turned_away(self, reason: Rejection, body: bytes) -> None:
        self.refused += 1
        assert reason in Rejection
        said = body[:SAMPLE].decode(errors="replace")
        scrub_beacon(said, CLEANER.person, whole=len(body) <= SAMPLE)

    def _count(self, entry: Entry) -> None:
        (read,) = self._codec.decode(1, self._codec.encode([entry]))
        piped = self._piped
        piped.apply(Entry(piped.now, read.events))
        for point, stamp in piped.points:
            assert "\n" not in line(point, stamp).replace("\\n", "")
        piped.points.clear()

    def look(self) -> None:
        """Whether every number is one, and there are as many as there may be."""
        piped = self._piped
        piped.wait(0.5)
        assert all(map(math.isfinite, piped.series().values()))
        assert piped.exposed() <= CATALOGUE.most_series()

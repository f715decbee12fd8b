"""Points of uploads as the exporter writes them: some of each outcome, device and country.

Every upload is there twice: followed, and as a report that names none.
"""

import itertools
import time
from collections.abc import Iterator

from exporter.event import Browser, Client, Device, Network, Region, System
from exporter.events.upload.classes import ErrorType, Outcome, Resolution
from exporter.events.upload.concluded import Ended, Segments
from exporter.events.upload.measured import Measured
from exporter.events.upload.reported import PerformanceReported
from exporter.sinks.influx import line

SECOND = 1_000_000_000  # nanoseconds
PLACES = ((Region.EUROPE, "DE"), (Region.ASIA, "IN"))
MEASURED = Measured(duration=12.5, ttfb=0.4, throughput=2e6, utilisation=0.8, chunks=8, first_try=7)


def lines() -> Iterator[str]:
    """One upload of each kind, a second apart, the last one now."""
    stamp = time.time_ns()
    kinds = itertools.product(
        Outcome,
        (Device.DESKTOP, Device.MOBILE),
        (Browser.CHROME, Browser.SAFARI),
        (Network.FOUR_G, Network.THREE_G),
        (5_000_000, 50_000_000),
        PLACES,
    )
    for outcome, device, browser, network, size, (region, country) in kinds:
        stamp -= SECOND
        client = Client(device, browser, System.OTHER, region, country)
        about = Segments(
            client=client,
            network=network,
            size=size,
            resolution=Resolution.HD,
            outcome=outcome,
            error_type=ErrorType.NETWORK if outcome is Outcome.FAILED else None,
            age=20.0,
            stamp=stamp,
        )
        ended = Ended(
            about=about,
            upload_id=f"upload {stamp}",
            measured=MEASURED,
            recovery=None,
            errors=0,
            rating=4,
            preview=1.5,
        )
        reported = PerformanceReported(
            client=client,
            network=network,
            file_size_bytes=size,
            measured=MEASURED,
            success=outcome is Outcome.COMPLETED,
        )
        for point in (*ended.points(), *reported.points()):
            yield line(point, stamp)

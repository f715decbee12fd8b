"""Points as the exporter writes them: some of each outcome, device and country.

Every upload is there twice: followed, and as a report that names none. Of the other domains, the
points are what the pipeline makes of five minutes of the demo.
"""

import itertools
import time
from collections import Counter
from collections.abc import Iterator
from random import Random

import msgspec

from demo.scenes import SCENES
from demo.scenes.flow import Times
from exporter.event import Browser, Client, Device, Network, Point, Region, System
from exporter.events.upload.classes import ErrorType, Outcome, Resolution
from exporter.events.upload.concluded import Ended, Segments
from exporter.events.upload.measured import Measured
from exporter.events.upload.reported import PerformanceReported
from exporter.sinks.influx import line
from tests.pipelines import Piped, parse

SECOND = 1_000_000_000  # nanoseconds
PLACES = ((Region.EUROPE, "DE"), (Region.ASIA, "IN"))
MEASURED = Measured(duration=12.5, ttfb=0.4, throughput=2e6, utilisation=0.8, chunks=8, first_try=7)
DEVICES = (Device.DESKTOP, Device.MOBILE)
BROWSERS = (Browser.CHROME, Browser.SAFARI)
NETWORKS = (Network.FOUR_G, Network.THREE_G)
PLAYED = ("cdn", "completion", "outcome", "player", "preview")
ALIKE = 2


def lines() -> Iterator[str]:
    """Points of every measurement, all of the last hour and each in some A/B test."""
    for number, text in enumerate((*_uploads(), *_others())):
        series, _, rest = text.partition(" ")
        yield f"{series},experiment=e,variant={'ab'[number % 2]} {rest}"


def _others() -> Iterator[str]:
    """The demo, an hour ago; everything that it began is over by now."""
    began = time.time() - 3500
    times = Times(epoch=began, hour_seconds=120.0, seconds=300.0)
    for number, scene in enumerate(SCENES):
        piped = Piped()
        piped.now = began
        for message in scene(times, Random(number)):  # noqa: S311 - to be repeatable
            piped.now = max(piped.now, began + message.at)
            agent = message.headers.get("User-Agent")
            piped.take(parse(message.path, message.body, user_agent=agent).events)
        for _ in range(50):
            piped.wait(60.0)
        seen: Counter[object] = Counter()
        for point, stamp in piped.points:
            yield line(point, stamp)
            kind = _kind(point)
            seen[kind] += 1
            # Of each kind a few: an InfluxDB on a busy machine has ten seconds for all points.
            if point.measurement in {"play", "page_view", "web_session"} and seen[kind] <= ALIKE:
                yield from _elsewhere(point, stamp)


def _kind(point: Point) -> object:
    """What dashboards tell points of one measurement apart by, but for who and on what."""
    tags = frozenset(tag for tag in point.tags if tag[0] in {"erred", "bounced", *PLAYED})
    return point.measurement, tags, frozenset(name for name, _ in point.fields)


def _elsewhere(point: Point, stamp: int) -> Iterator[str]:
    """The same on each device, in each browser, network and place."""
    for device, browser, network, place in itertools.product(DEVICES, BROWSERS, NETWORKS, PLACES):
        stamp += 1
        region, country = place
        client = {
            "device": device,
            "browser": browser,
            "network": network,
            "region": region,
            "country": country,
        }
        tags = tuple((name, client.get(name, value)) for name, value in point.tags)
        yield line(msgspec.structs.replace(point, tags=tags), stamp)


def _uploads() -> Iterator[str]:
    """One upload of each kind, a second apart, the last one now."""
    stamp = time.time_ns()
    kinds = itertools.product(
        Outcome,
        DEVICES,
        BROWSERS,
        NETWORKS,
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

"""What decoding a beacon into events costs, against ``json.loads`` of the same information."""

from __future__ import annotations

import itertools
import json
import statistics
import timeit
from collections.abc import Callable, Mapping, Sequence
from time import process_time
from typing import Final, NamedTuple

from yarl import URL

from bench import hooks, pages, reports, sessions, trackers
from exporter.catalogue import DEFAULTS
from exporter.events import DOMAINS
from exporter.formats import Clients, formats
from exporter.formats.cmcd import Cmcd, Knobs
from exporter.formats.format import Format, Parsed, Sender
from exporter.privacy import Privacy

NUMBER, REPEAT = 5_000, 7
MOST_EVENTS: Final = 500

ALIASES: Final[Mapping[str, str]] = {
    "/api/analytics?type=performance": "/api/analytics/upload-performance",
    "/api/analytics?type=experience": "/api/analytics/upload-experience",
    "/api/events": "/pillarbox",
    **{f"/cmcd/{target}": "/cmcd" for target in Knobs().targets},
}
"""Addresses of which another one has the same reader."""

_BATCH = json.dumps(
    {
        "events": [
            {
                "type": "upload.chunk_received",
                "id": f"c{n}",
                "upload_id": "u1",
                "index": n,
                "ok": True,
            }
            for n in range(20)
        ]
    }
)


class Beacon(NamedTuple):
    """What comes: a body, headers that the format wants to see, a query as it is written."""

    body: str = ""
    headers: Mapping[str, str] = {}
    query: str = ""


class Case(NamedTuple):
    """Beacons, and the same information in JSON where they are none; how many events in each.

    ``address`` is a path, and the kind of a tracker's body.
    """

    address: str
    what: str
    beacons: Sequence[Beacon]
    same: Sequence[str]
    events: int = 1

    @property
    def path(self) -> str:
        """Of the address."""
        return URL(self.address).path

    def reading(self, reader: Format) -> Callable[[], Parsed]:
        """What reads the next beacon each time it is called."""
        if self.beacons[0].query:
            return self._reading_query(reader)
        kind = dict(URL(self.address).query)
        read = itertools.cycle(
            [
                (
                    beacon.body.encode(),
                    Sender(
                        self.path,
                        most_events=MOST_EVENTS,
                        query=kind,
                        headers=beacon.headers,
                        at=hooks.AT,
                    ),
                )
                for beacon in self.beacons
            ]
        ).__next__
        return lambda: reader.parse(*read())

    def _reading_query(self, reader: Format) -> Callable[[], Parsed]:
        """With what the receiver does to a query: nobody else has one worth counting."""
        path, query = self.path, itertools.cycle([each.query for each in self.beacons]).__next__

        def read() -> Parsed:
            said = URL.build(path=path, query_string=query(), encoded=True).query
            return reader.parse(b"", Sender(path, most_events=MOST_EVENTS, query=said))

        return read


def _json(address: str, what: str, bodies: Sequence[str], events: int = 1) -> Case:
    return Case(address, what, [Beacon(body) for body in bodies], bodies, events)


def _signed(address: str, body: str, events: int) -> Case:
    return Case(address, "", [Beacon(body, hooks.SIGNED[body])], [body], events)


def _cmcd(what: str, *patterns: str) -> Case:
    told = reports.lines(*patterns)
    return Case(
        "/cmcd",
        what,
        [Beacon("\n".join(each) + "\n") for each in told],
        [reports.as_json(each) for each in told],
        len(patterns),
    )


def _cmcd_json(what: str, *patterns: str) -> Case:
    bodies = [reports.as_body(each) for each in reports.lines(*patterns)]
    return _json("/cmcd", what, bodies, len(patterns))


def _cmcd_along(what: str, beacon: Callable[[dict[str, str]], Beacon]) -> Case:
    """Along with a request of media."""
    told = reports.headers()
    same = [reports.as_json([reports.in_one(each)]) for each in told]
    return Case("/cmcd", what, [beacon(each) for each in told], same)


CASES = (
    _json("/api/analytics/upload-performance", "", trackers.PERFORMANCE),
    _json("/api/analytics/upload-experience", "", trackers.EXPERIENCE),
    _json("/api/analytics?type=resource", "", trackers.RESOURCES),
    _json("/api/analytics", "anything", trackers.ANYTHING),
    _json("/api/analytics/video-view", "", trackers.VIEW),
    _json("/api/analytics/video-progress", "", trackers.PROGRESS),
    _json("/api/analytics/video-complete", "", trackers.PROGRESS),
    _json("/api/metrics", "", trackers.METRIC),
    _json("/api/errors", "3 errors", trackers.ERRORS, 3),
    _json("/api/analytics/events", "", trackers.HAPPENING),
    _json("/api/health/status", "3 checks", trackers.HEALTH, 3),
    _json("/v1/events", "20 events", [_BATCH], 20),
    _cmcd("hls.js", reports.HLS_JS),
    _cmcd("dash.js", reports.DASH_JS),
    _cmcd("20 of each", *reports.BOTH),
    _cmcd_json("JSON, hls.js", reports.HLS_JS),
    _cmcd_json("JSON, 20 of each", *reports.BOTH),
    _cmcd_along("query", lambda said: Beacon(query=reports.in_query(said))),
    _cmcd_along("headers", lambda said: Beacon(headers=said)),
    _json("/collect", "a page", pages.FARO, pages.FARO_EVENTS),
    _json("/web-vitals", "a page", pages.WEB_VITALS, pages.WEB_VITALS_EVENTS),
    _json("/pillarbox", "START", sessions.PILLARBOX_START),
    _json("/pillarbox", "HEARTBEAT", sessions.PILLARBOX_HEARTBEAT, 2),
    _json("/epas", "a state", sessions.EPAS_STATE),
    _json("/epas", "a warning", sessions.EPAS_ERROR),
    _json("/api/v1/metrics/playback", "", sessions.PEERTUBE),
    _json("/hooks/tusd", "created", hooks.CREATED),
    _json("/hooks/tusd", "received", hooks.RECEIVED),
    _signed("/hooks/webhooks/replicate", hooks.PREDICTION, hooks.PREDICTION_EVENTS),
    _signed("/hooks/webhooks/mux", hooks.ASSET, hooks.ASSET_EVENTS),
)


def readers() -> dict[str, Format]:
    """Every path with its reader, the signed ones too."""
    return formats(DOMAINS, Privacy(DEFAULTS, bytes(32)), Clients(webhooks=hooks.KNOBS))


def run() -> None:
    """Print microseconds of CPU a beacon for both, their ratio, and events a second on a core."""
    found = readers()
    records_alone = Cmcd(Privacy(DEFAULTS, bytes(32)), Knobs(), lambda record, sender, cleaner: ())
    print(f"{'address':34}  bytes  json.loads µs  ours µs  ours / json.loads")
    for case in CASES:
        _compare(case, found[case.path], f"{case.address} {case.what}")
        if case.path == "/cmcd":
            _compare(case, records_alone, "  as records, untranslated")


def _compare(case: Case, reader: Format, name: str) -> None:
    same = itertools.cycle([body.encode() for body in case.same]).__next__
    read = case.reading(reader)
    number = max(NUMBER // case.events, 100)
    pairs = [
        (microseconds(lambda: json.loads(same()), number), microseconds(read, number))
        for _ in range(REPEAT)
    ]
    ratios = [ours / plain for plain, ours in pairs]
    fastest = min(ours for _, ours in pairs)
    first = case.beacons[0]
    size = len(first.body or first.query or ",".join(first.headers.values()))
    print(
        f"{name:34}  {size:5}  {min(plain for plain, _ in pairs):13.1f}  "
        f"{fastest:7.1f}  median {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f}), {case.events / fastest * 1e6:,.0f} events/s",
        flush=True,
    )


def microseconds(work: Callable[[], object], number: int) -> float:
    """Of CPU, which others on the machine cost less of than of time."""
    return timeit.timeit(work, timer=process_time, number=number) / number * 1e6

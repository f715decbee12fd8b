"""What decoding a beacon into events costs, against ``json.loads`` of the same information."""

from __future__ import annotations

import itertools
import json
import statistics
import timeit
from collections.abc import Callable, Sequence
from time import process_time
from typing import NamedTuple

from bench import hooks, pages, sessions
from bench.load import BODY
from exporter.catalogue import DEFAULTS
from exporter.events import DOMAINS
from exporter.formats import Clients, formats
from exporter.formats.cmcd import Cmcd, Knobs
from exporter.formats.cmcd.structured import Member, dictionary
from exporter.formats.format import Format, Sender
from exporter.privacy import Privacy

NUMBER, REPEAT = 5_000, 7

_PERFORMANCE = BODY.format(time=4200, number=1)
_EXPERIENCE = json.dumps(
    {
        "uploadId": "0195d2c0-77aa",
        "duration": 41_000,
        "interactions": [
            {"type": "start", "time": 12.5, "data": {}},
            *(
                {"type": "progress", "time": n * 900, "data": {"progress": n * 5}}
                for n in range(20)
            ),
            {"type": "complete", "time": 40_100, "data": {"success": True}},
        ],
        "isAbandonment": False,
        "timestamp": 1_700_000_000_000,
    }
)
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
_HLS_JS = (
    'bl=({n}00),br=(200),cid="movie-42",e=rr,mtp=({n}400),pr=1.5,rc=200,sf=h,'
    'sid="6e2fb550-c457-11e9-bb97-0800200c{s}",sn={n},st=v,sta=r,ts=1795227674{n},'
    'ttfb={n}6,ttlb={n}9,url="http://cdn/c-0-{n}{s}.m4s",v=2'
)
_DASH_JS = (
    "ab=(150;v 48;a),bl=({n}00;v {n}00;a),br=(150;v 48;a),"
    'cid="movie-42",e=ps,mtp=({n}000;v {n}600;a),pb=(150;v 48;a),pr=1.5,sf=d,'
    'sid="b248658d-7f1e-4ac5-9d4c-2f1f5c6f{s}",sn={n},st=v,sta=r,tb=(150;v 48;a),'
    "ts=1795227863{n},v=2"
)


class Case(NamedTuple):
    """Bodies, and the same information in JSON where they are none; how many events in each."""

    path: str
    what: str
    bodies: Sequence[str]
    same: Sequence[str]
    events: int = 1


def _json(path: str, what: str, body: str, events: int = 1) -> Case:
    return Case(path, what, (body,), (body,), events)


def _same(path: str, what: str, bodies: Sequence[str], events: int = 1) -> Case:
    return Case(path, what, bodies, bodies, events)


def _cmcd(what: str, *patterns: str, many: int = 1) -> Case:
    """No two reports are the same: of 1,000 sessions, each with numbers and media of its own."""
    numbers = itertools.count(100)
    reports = [
        [pattern.format(n=next(numbers) % 900 + 100, s=1000 + body) for pattern in patterns * many]
        for body in range(1000)
    ]
    said = [
        [{key: _plain(value) for key, value in dictionary(line).items()} for line in lines]
        for lines in reports
    ]
    return Case(
        "/cmcd",
        what,
        ["\n".join(lines) + "\n" for lines in reports],
        [json.dumps(each if len(each) > 1 else each[0]) for each in said],
        len(patterns) * many,
    )


def _plain(value: Member) -> object:
    """A member as it would be written in JSON: a list has values, or pairs of value and type."""
    if not isinstance(value, tuple):
        return value
    return [[item, *dict(about)] if about else item for item, about in value]


CASES = (
    _json("/api/analytics/upload-performance", "", _PERFORMANCE),
    _json("/api/analytics/upload-experience", "", _EXPERIENCE),
    _json("/v1/events", "20 events", _BATCH, 20),
    _cmcd("hls.js", _HLS_JS),
    _cmcd("dash.js", _DASH_JS),
    _cmcd("20 of each", _HLS_JS, _DASH_JS, many=20),
    Case("/collect", "a page", pages.FARO, pages.FARO, pages.FARO_EVENTS),
    Case("/web-vitals", "a page", pages.WEB_VITALS, pages.WEB_VITALS, pages.WEB_VITALS_EVENTS),
    _same("/pillarbox", "START", sessions.PILLARBOX_START),
    _same("/pillarbox", "HEARTBEAT", sessions.PILLARBOX_HEARTBEAT, 2),
    _same("/epas", "a state", sessions.EPAS_STATE),
    _same("/epas", "a warning", sessions.EPAS_ERROR),
    _same("/api/v1/metrics/playback", "", sessions.PEERTUBE),
    _same("/hooks/tusd", "created", hooks.CREATED),
    _same("/hooks/tusd", "received", hooks.RECEIVED),
    _json("/hooks/webhooks/replicate", "", hooks.PREDICTION, hooks.PREDICTION_EVENTS),
    _json("/hooks/webhooks/mux", "", hooks.ASSET, hooks.ASSET_EVENTS),
)


def run() -> None:
    """Print microseconds of CPU a beacon for both, their ratio, and events a second on a core."""
    cleaner = Privacy(DEFAULTS, bytes(32))
    readers = formats(DOMAINS, cleaner, Clients(webhooks=hooks.KNOBS))
    records_alone = Cmcd(cleaner, Knobs(), lambda record, sender, cleaner: ())
    print("path                               bytes  json.loads µs  ours µs  ours / json.loads")
    for case in CASES:
        _compare(case, readers[case.path], f"{case.path} {case.what}")
        if case.path == "/cmcd":
            _compare(case, records_alone, "  as records, untranslated")


def _compare(case: Case, reader: Format, name: str) -> None:
    body = itertools.cycle([body.encode() for body in case.bodies]).__next__
    same = itertools.cycle([body.encode() for body in case.same]).__next__
    headers = hooks.SIGNED.get(case.bodies[0], {})
    sender = Sender(case.path, most_events=500, headers=headers, at=hooks.AT)
    number = max(NUMBER // case.events, 100)
    pairs = [
        (
            _microseconds(lambda: json.loads(same()), number),
            _microseconds(lambda: reader.parse(body(), sender), number),
        )
        for _ in range(REPEAT)
    ]
    ratios = [ours / plain for plain, ours in pairs]
    fastest = min(ours for _, ours in pairs)
    print(
        f"{name:34} {len(case.bodies[0]):5}  {min(plain for plain, _ in pairs):13.1f}  "
        f"{fastest:7.1f}  median {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f}), {case.events / fastest * 1e6:,.0f} events/s"
    )


def _microseconds(work: Callable[[], object], number: int) -> float:
    """Of CPU, which others on the machine cost less of than of time."""
    return timeit.timeit(work, timer=process_time, number=number) / number * 1e6

"""Line protocol, as the real InfluxDB reads it, and what the sink makes of an answer."""

import json
from collections.abc import AsyncIterator, Sequence
from itertools import count

import pytest
import pytest_asyncio
from aiohttp import web

from exporter.catalogue import DEFAULTS
from exporter.event import Point
from exporter.events import DOMAINS
from exporter.formats import formats
from exporter.formats.format import Sender
from exporter.pipeline import Pipeline
from exporter.privacy import Privacy
from exporter.record import Entry
from exporter.sink import SinkAwayError, SinkBusyError, SinkRefusedError, deliver
from exporter.sinks.influx import InfluxSink, line
from tests.durability import model
from tests.durability.processes import InfluxDb
from tests.durability.telling import Post
from tests.programs import free_port
from tests.sinks.server import Fault, Sink, always, hang, refuse

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKEN = "not shown"  # noqa: S105 - of nothing
NOW = 1_795_000_000_000_000_001
NUMBERS = count()
TEXTS = (
    "plain",
    "two words",
    "a,b",
    "a=b",
    'say "hello"',
    "back\\slash",
    "at the end\\",
    'both \\" of them',
    "\\\\server\\share",
    "Füße, 視頻, 🎬",
    "'single'",
    "#hash",
    "tab\there",
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def influxdb(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[InfluxDb]:
    async with InfluxDb(tmp_path_factory.mktemp("influxdb")) as engine:
        yield engine


@pytest_asyncio.fixture(loop_scope="module")
async def database(influxdb: InfluxDb) -> InfluxDb:
    """An InfluxDB with an empty database: one that was dropped is slow to come back."""
    await influxdb.create(f"video{next(NUMBERS)}")
    return influxdb


async def rows(database: InfluxDb, *lines: str, measurement: str = "m") -> list[dict[str, object]]:
    assert await database.write(*lines) == (204, "")
    return await database.query(f'SELECT * FROM "{measurement}"')  # noqa: S608 - of this file


async def test_texts_come_back_as_they_were(database: InfluxDb) -> None:
    lines = [line(Point("m", (), (("text", each),)), NOW + n) for n, each in enumerate(TEXTS)]
    assert [row["text"] for row in await rows(database, *lines)] == list(TEXTS)


async def test_tags_come_back_as_they_were(database: InfluxDb) -> None:
    tags = [text for text in TEXTS if not text.endswith("\\")]
    lines = [
        line(Point("m", (("tag", each),), (("x", 1.0),)), NOW + n) for n, each in enumerate(tags)
    ]
    assert [row["tag"] for row in await rows(database, *lines)] == tags


async def test_names_come_back_as_they_were(database: InfluxDb) -> None:
    point = Point("some, =name", (("a, =tag", "x"),), (("a, =field", 1.0), ("a", "text")))
    assert await rows(database, line(point, NOW), measurement="some, =name") == [
        {"time": NOW, "a, =tag": "x", "a, =field": 1, "a": "text"}
    ]


async def test_a_text_with_line_breaks_is_one_line(database: InfluxDb) -> None:
    written = line(Point("m", (("tag", "a\nb\r"),), (("text", "c\nd\r\n"), ("x", 1.0))), NOW)
    assert len(written.splitlines()) == 1
    (row,) = await rows(database, written)
    assert (row["tag"], row["text"]) == ("a\\nb\\r", "c\\nd\\r\\n")


async def test_no_name_ends_in_a_line_break() -> None:
    reader = formats(DOMAINS, Privacy(DEFAULTS, bytes(32)))["/v1/events"]
    names = [{"upload_id": "u\n"}, {"upload_id": "u", "id": "i\n"}, {"upload_id": "u"}]
    events = [{"type": "upload.completed", **name} for name in names]
    parsed = reader.parse(json.dumps({"events": events}).encode(), Sender("/v1/events"))
    assert [each.place for each in parsed.rejected] == [0, 1]
    assert len(parsed.events) == 1


async def test_a_tag_without_a_value_is_left_out(database: InfluxDb) -> None:
    (row,) = await rows(database, line(Point("m", (("tag", ""),), (("x", 1.0),)), NOW))
    assert "tag" not in row


async def test_numbers_are_floats_whether_or_not_they_are_whole(database: InfluxDb) -> None:
    numbers: tuple[float, ...] = (10, 10.5, 1e300, -0.25, 2**53, 0)
    lines = [line(Point("m", (), (("x", each),)), NOW + n) for n, each in enumerate(numbers)]
    assert [row["x"] for row in await rows(database, *lines)] == [float(n) for n in numbers]
    assert await database.query("SHOW FIELD KEYS FROM m") == [
        {"fieldKey": "x", "fieldType": "float"}
    ]


async def test_each_kind_of_field_has_its_type(database: InfluxDb) -> None:
    point = Point("m", (), (("number", 1), ("text", "1"), ("flag", True), ("other", False)))
    (row,) = await rows(database, line(point, NOW))
    assert row == {"time": NOW, "number": 1, "text": "1", "flag": True, "other": False}
    types = {row["fieldKey"]: row["fieldType"] for row in await database.query("SHOW FIELD KEYS")}
    assert types == {"number": "float", "text": "string", "flag": "boolean", "other": "boolean"}


async def test_every_digit_of_a_timestamp_counts(database: InfluxDb) -> None:
    lines = [line(Point("m", (), (("x", float(n)),)), NOW + n) for n in range(3)]
    assert [row["time"] for row in await rows(database, *lines)] == [NOW, NOW + 1, NOW + 2]


async def test_the_same_line_again_is_the_same_row(database: InfluxDb) -> None:
    written = line(Point("m", (("tag", "a"),), (("x", 1.0),)), NOW)
    assert len(await rows(database, written, written)) == 1
    assert len(await rows(database, written)) == 1


def lines_of(told: Pipeline, *posts: Post) -> list[str]:
    """What a pipeline says about posts, and a minute later."""
    for entry in model.entries(posts, at=told.now or 1.8e9):
        told.apply(entry)
    told.apply(Entry(told.now + 60))
    found = [line(point, stamp) for point, stamp in told.points]
    told.points.clear()
    return found


def post(path: str, body: object) -> Post:
    return Post(path, None, json.dumps(body).encode(), 1)


async def test_what_is_told_late_completes_the_row_of_its_upload(database: InfluxDb) -> None:
    told = model.pipeline()
    events = [{"type": f"upload.{what}", "upload_id": "u1"} for what in ("started", "completed")]
    first = lines_of(told, post("/v1/events", {"events": events}))
    rated = {"uploadId": "u1", "interactions": [{"type": "feedback", "data": {"rating": 4}}]}
    late = lines_of(told, post("/api/analytics/upload-experience", rated))
    shown = {"type": "upload.preview_shown", "upload_id": "u1", "after_seconds": 2.5}
    later = lines_of(told, post("/v1/events", {"events": [shown]}))
    assert [len(lines) for lines in (first, late, later)] == [1, 1, 1]
    (row,) = await rows(database, *first, measurement="upload")
    assert (row["upload_id"], row["outcome"], row.get("rating")) == ("u1", "completed", None)
    (completed,) = await rows(database, *later, *late, measurement="upload")
    assert completed == row | {"rating": 4, "preview_seconds": 2.5}


@pytest.mark.parametrize(
    "body", [{"type": 5, "x": 1}, {"type": "seen", "time": 7, "x": 1}, {"type": True, "x": 1}]
)
async def test_a_generic_event_has_no_field_that_its_point_has_already(
    database: InfluxDb, body: dict[str, object]
) -> None:
    reader = formats(DOMAINS, Privacy(DEFAULTS, bytes(32)))["/api/analytics"]
    parsed = reader.parse(json.dumps(body).encode(), Sender("/api/analytics"))
    (point,) = [point for event in parsed.events for point in event.points()]
    (row,) = await rows(database, line(point, NOW), measurement="generic_event")
    assert row == {"time": NOW, "type": "seen" if body["type"] == "seen" else "other", "x": 1}


@pytest_asyncio.fixture(loop_scope="module")
async def server() -> AsyncIterator[Sink]:
    async with Sink().serving() as serving:
        yield serving


async def write(url: str, *lines: str, timeout_seconds: float = 0.3) -> None:
    sink = InfluxSink(url=url, token=TOKEN, org="o", bucket="b", timeout_seconds=timeout_seconds)
    try:
        await sink.write(lines)
    finally:
        await sink.close()


async def test_lines_arrive_with_the_token(server: Sink) -> None:
    await write(server.url, "m x=1.0 1", "m x=2.0 2")
    assert server.taken == ["m x=1.0 1", "m x=2.0 2"]
    assert server.tokens == {f"Token {TOKEN}"}


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (always(400), SinkRefusedError),
        (always(413), SinkRefusedError),
        (always(422), SinkRefusedError),
        (always(401), SinkAwayError),
        (always(403), SinkAwayError),
        (always(404), SinkAwayError),
        (always(429), SinkBusyError),
        (always(500), SinkBusyError),
        (always(502), SinkBusyError),
        (always(503, "no JSON, and not short" * 1000), SinkBusyError),
        (hang(5), SinkAwayError),
    ],
    ids=["400", "413", "422", "401", "403", "404", "429", "500", "502", "503", "no answer"],
)
async def test_an_answer_means_later_or_never(
    server: Sink, fault: Fault, error: type[Exception]
) -> None:
    server.fault = fault
    with pytest.raises(error) as raised:
        await write(server.url, "m x=1.0 1")
    assert len(str(raised.value)) < 400
    assert server.taken == []


async def test_a_cut_connection_means_later(server: Sink) -> None:
    server.lose_answer = lambda: True
    with pytest.raises(SinkAwayError):
        await write(server.url, "m x=1.0 1")


async def test_nobody_there_means_later() -> None:
    with pytest.raises(SinkAwayError):
        await write(f"http://127.0.0.1:{free_port()}", "m x=1.0 1")


async def test_culprits_are_found_and_everything_else_arrives(server: Sink) -> None:
    lines = [f"m x={n}.0 {n}" for n in range(1000)]
    culprits = {lines[0], lines[499], lines[500], lines[999]}
    server.fault = refuse(culprits.__contains__)
    sink = InfluxSink(url=server.url, token="", org="o", bucket="b", timeout_seconds=5)
    refused = await deliver(sink, lines)
    await sink.close()
    assert [each for each, _ in refused] == [each for each in lines if each in culprits]
    assert all("partial write" in reason for _, reason in refused)
    assert server.taken == [each for each in lines if each not in culprits]
    assert len(server.requests) < 2 * len(culprits) * 10


async def test_a_sink_that_goes_away_in_the_middle_gets_all_of_it_again(server: Sink) -> None:
    lines = [f"m x={n}.0 {n}" for n in range(64)]
    finding = refuse(lines[40].__eq__)
    requests = count()

    async def fault(some: Sequence[str]) -> web.Response | None:
        return await (always(503) if next(requests) == 5 else finding)(some)

    server.fault = fault
    sink = InfluxSink(url=server.url, token="", org="o", bucket="b", timeout_seconds=5)
    with pytest.raises(SinkBusyError):
        await deliver(sink, lines)
    assert [each for each, _ in await deliver(sink, lines)] == [lines[40]]
    await sink.close()
    assert set(server.taken) == set(lines) - {lines[40]}


async def test_a_parcel_that_is_too_large_is_sent_in_parts(server: Sink) -> None:
    async def fault(some: Sequence[str]) -> web.Response | None:
        return await always(413)(some) if len(some) > 100 else None

    server.fault = fault
    lines = [f"m x={n}.0 {n}" for n in range(1000)]
    sink = InfluxSink(url=server.url, token="", org="o", bucket="b", timeout_seconds=5)
    assert await deliver(sink, lines) == []
    await sink.close()
    assert server.taken == lines

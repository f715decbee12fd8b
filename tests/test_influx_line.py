"""Points in line protocol, held against those that influxdb-client writes itself.

Three differences are meant: every number is a float and written as Python writes it, where the
client writes an integer as ``1i`` and a whole float as ``1``; tags and fields stand in the order
in which a domain gives them; and a line break in a text is written out, so that a point is a line.
"""

import math
from typing import Any

import influxdb_client
import pytest
from hypothesis import given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from exporter.event import Field, Point
from exporter.sinks import influx
from exporter.sinks.influx import line
from tests.beacons import EVENTS, EXPERIENCE, PERFORMANCE, RESOURCES
from tests.pipelines import Piped

STAMP = 1_700_000_000_123_000_001

# Without line breaks, of which one is a difference that is meant. No name ends in a backslash:
# names are those of our own code, or letters, digits and underscores.
NOT_HERE = {"\n", "\r", "\t"}
names = (
    st.text(st.sampled_from("abcXYZ09_ ,=\"'.:/#ü名\\"), min_size=1, max_size=12)
    .map(lambda text: text.rstrip("\\"))
    .filter(lambda text: bool(text) and not text.startswith("#"))
)
measurements = names.map(lambda text: text.replace("=", "-"))
texts = st.text(max_size=30).map(lambda text: "".join(c for c in text if c not in NOT_HERE))
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
fields = st.dictionaries(names, texts | numbers | st.booleans(), min_size=1, max_size=5)


def by_client(point: Point, stamp: int) -> str:
    """A point of one field as influxdb-client writes it, but for how a whole number is spelt."""
    ((name, value),) = point.fields
    other: Any = influxdb_client.Point(point.measurement)
    for tag, text in point.tags:
        other = other.tag(tag, text)
    if isinstance(value, str | bool):
        return str(other.field(name, value).time(stamp).to_line_protocol())
    written = str(other.field(name, float(value)).time(stamp).to_line_protocol())
    spelt, end = repr(float(value)), f" {stamp}"
    return written if not spelt.endswith(".0") else f"{written.removesuffix(end)}.0{end}"


@given(measurements, st.dictionaries(names, names, max_size=4), fields, st.integers(0, 2**62))
@bounded(max_examples=150)
def test_a_line_is_what_the_client_of_influxdb_writes(
    measurement: str, tags: dict[str, str], found: dict[str, Field], stamp: int
) -> None:
    series = tuple(sorted(tags.items()))
    alone = [line(Point(measurement, series, (each,)), stamp) for each in found.items()]
    assert alone == [
        by_client(Point(measurement, series, (each,)), stamp) for each in found.items()
    ]

    head = line(Point(measurement, series, (("x", True),)), stamp).removesuffix(f" x=true {stamp}")
    parts = [each.removeprefix(f"{head} ").removesuffix(f" {stamp}") for each in alone]
    whole = line(Point(measurement, series, tuple(found.items())), stamp)
    assert whole == f"{head} {','.join(parts)} {stamp}"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1, "1.0"),
        (10.5, "10.5"),
        (0.1, "0.1"),
        (-0.0, "-0.0"),
        (1e300, "1e+300"),
        (5e-324, "5e-324"),
        (2**53, "9007199254740992.0"),
        (True, "true"),
        (False, "false"),
        ("", '""'),
        ('say "x"', r'"say \"x\""'),
        ("back\\slash", r'"back\\slash"'),
        ("two\nlines\r", r'"two\nlines\r"'),
    ],
)
def test_a_value_has_one_spelling_and_one_type(value: Field, written: str) -> None:
    assert line(Point("m", (), (("x", value),)), 1) == f"m x={written} 1"


def test_names_are_escaped_and_empty_tags_left_out() -> None:
    point = Point("a b,c", (("k=1", "v w"), ("empty", ""), ("z", "ü")), (("f g", 1.0),))

    assert line(point, 7) == r"a\ b\,c,k\=1=v\ w,z=ü f\ g=1.0 7"


def test_what_clients_choose_is_not_remembered() -> None:
    influx._known.cache_clear()
    for number in range(100):
        tags = (("outcome", "finished"), ("video", f"v {number}"))
        told = line(Point("play", tags, (("x", 1.0),), open_tags=True), 7)
        line(Point("upload", tags[:1], (("x", 1.0),)), 7)

        assert told == rf"play,outcome=finished,video=v\ {number} x=1.0 7"
    assert influx._known.cache_info().currsize == 1


def test_a_point_of_an_upload_is_a_line_with_its_tags_and_fields_in_order(piped: Piped) -> None:
    piped.tell(*EVENTS)
    piped.beacon("/api/analytics/upload-performance", PERFORMANCE)
    piped.beacon("/api/analytics/upload-experience", EXPERIENCE)
    piped.beacon("/api/analytics", RESOURCES, kind="resource")
    piped.beacon("/api/analytics", {"type": "x", "y": 1}, kind="x")
    piped.outlast()
    lines = [line(point, stamp) for point, stamp in piped.points]

    assert len(lines) == 5
    for text, (point, stamp) in zip(lines, piped.points, strict=True):
        assert "\n" not in text
        assert text.endswith(f" {stamp}")
        assert [tag for tag, _ in point.tags] == sorted(tag for tag, _ in point.tags)
        assert all(math.isfinite(v) for _, v in point.fields if not isinstance(v, str))


def test_a_timestamp_is_server_time_to_the_millisecond_and_then_a_running_number(
    piped: Piped,
) -> None:
    piped.now += 0.4567
    for number in range(3):
        piped.beacon("/api/analytics", {"number": number})
    stamps = [stamp for _, stamp in piped.points]

    assert {stamp // 1_000_000 for stamp in stamps} == {int(piped.now * 1000)}
    assert stamps == sorted(set(stamps))


def test_the_name_of_an_instance_is_one_more_tag() -> None:
    point = Point("video_heatmap", (("video", "v1"),), (("s0", 1.0),))
    told = line(point, STAMP, instance="a b")
    assert told == f"video_heatmap,video=v1,instance=a\\ b s0=1.0 {STAMP}"
    assert line(point, STAMP, instance="") == line(point, STAMP)

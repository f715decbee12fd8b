"""What the hooks of tusd mean: each of them, in any order, again and again, and whatever bytes."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.event import Event, event_type
from exporter.events.upload import told
from exporter.formats.format import Parsed, RefusedError, Sender
from exporter.formats.tusd import Knobs, Tusd
from exporter.record import Entry
from exporter.telemetry import Rejection
from tests.formats.hooks import CANARIES, ID, hook
from tests.pipelines import CLEANER, START, Piped, codec

TUSD = Tusd(CLEANER, Knobs(country_header="CF-IPCountry"))
BEFORE = ("pre-create", "pre-finish", "pre-terminate")
AFTER = ("post-create", "post-receive", "post-finish", "post-terminate")


def parse(body: bytes | Mapping[str, Any], **headers: str) -> Parsed:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return TUSD.parse(raw, Sender("/hooks/tusd", headers=named))


def only(body: Mapping[str, Any], **headers: str) -> Any:
    (event,) = parse(body, **headers).events
    return event


def refusal(body: bytes | Mapping[str, Any], **headers: str) -> Rejection:
    with pytest.raises(RefusedError) as caught:
        parse(body, **headers)
    return caught.value.reason


# -- what each of them means -----------------------------------------------------------------


def test_an_upload_that_is_created_has_started() -> None:
    started = only(hook("post-create", {"Cf_Ipcountry": "de"}))

    assert isinstance(started, told.Started)
    assert (started.upload_id, started.id, started.file_size_bytes) == (ID, ID, 20_000_000)
    assert started.client == ("desktop", "chrome", "windows", "europe", "DE")
    assert started.user_agent is None
    assert started.timed


def test_who_named_no_header_for_the_country_gets_none() -> None:
    tusd = Tusd(CLEANER, Knobs())
    body = json.dumps(hook("post-create", {"Cf_Ipcountry": "de"})).encode()
    (started,) = tusd.parse(body, Sender("/hooks/tusd")).events

    assert started.client.country == "ZZ"  # type: ignore[attr-defined]


def test_what_it_has_received_is_how_far_it_is_and_where_its_request_began() -> None:
    progressed = only(hook("post-receive", {"Upload_Offset": "400"}, Offset=900))

    assert progressed == told.Progressed(upload_id=ID, received_bytes=900, from_bytes=400)


@pytest.mark.parametrize("offset", ["901", "x", "-1", "", "9" * 40, "٣"])
def test_a_beginning_that_cannot_be_is_the_first_byte(offset: str) -> None:
    assert only(hook("post-receive", {"Upload_Offset": offset}, Offset=900)).from_bytes == 0


def test_a_finished_upload_is_completed_with_the_size_that_it_has_now() -> None:
    deferred = only(hook("post-create", SizeIsDeferred=True, Size=0))
    completed = only(hook("post-finish", Offset=20_000_000))

    assert deferred.file_size_bytes is None
    assert completed == told.Completed(id=ID, upload_id=ID, file_size_bytes=20_000_000)


def test_a_terminated_upload_is_cancelled_unless_every_byte_had_come() -> None:
    cancelled = told.Cancelled(id=ID, upload_id=ID)

    assert only(hook("post-terminate", Offset=5)) == cancelled
    assert only(hook("post-terminate", Size=0, SizeIsDeferred=True)) == cancelled
    assert parse(hook("post-terminate", Offset=20_000_000)).events == ()


@pytest.mark.parametrize("kind", BEFORE)
def test_to_what_is_about_to_happen_there_is_no_objection(kind: str) -> None:
    assert parse(hook(kind, ID="")) == Parsed(())


@pytest.mark.parametrize("kind", AFTER)
def test_a_part_of_an_upload_is_none(kind: str) -> None:
    assert parse(hook(kind, IsPartial=True)) == Parsed(())


def test_what_is_put_together_from_parts_is_one_upload_whose_duration_nobody_knows() -> None:
    parts = {"IsFinal": True, "PartialUploads": ["a", "b"], "Offset": 20_000_000}
    piped = Piped()
    for kind in ("post-create", "post-finish"):
        piped.take(parse(hook(kind, **parts)).events)
        piped.wait(2)
    piped.wait(10)

    assert piped.total("video_upload_ended_total", outcome="completed") == 1
    assert piped.series("video_upload_duration") == {}


@pytest.mark.parametrize("kind", AFTER)
def test_version_1_names_its_hook_in_a_header_and_means_the_same(kind: str) -> None:
    first = parse(hook(kind, Offset=7, version=1), Hook_Name=kind)

    assert first == parse(hook(kind, Offset=7))
    assert first.events


@pytest.mark.parametrize(
    ("given", "upload_id"),
    [
        ("5d892c22+Ab_9.x-multipart~id", "5d892c22"),
        ("team-7:clip.1", "team-7:clip.1"),
        ("users/ann.canary@example.com/clip", CLEANER.person("users/ann.canary@example.com/clip")),
        ("+x", CLEANER.person("+x")),
        ("a" * 129, CLEANER.person("a" * 129)),
        ("\udcff", CLEANER.person("\udcff")),
    ],
)
def test_an_id_is_what_a_page_can_read_off_the_address_or_a_hash(
    given: str, upload_id: str
) -> None:
    if given == "\udcff":
        assert refusal(hook("post-finish", ID=given)) is Rejection.MALFORMED
    else:
        assert only(hook("post-finish", ID=given)).upload_id == upload_id


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Rejection.MALFORMED),
        (b'{"Type":"post-finish"', Rejection.MALFORMED),
        (b"[]", Rejection.INVALID),
        ({}, Rejection.INCOMPLETE),
        ({"Type": "post-finish"}, Rejection.INCOMPLETE),
        ({"Type": "post-finish", "Event": {}}, Rejection.INCOMPLETE),
        (hook("post-finish", ID=""), Rejection.INCOMPLETE),
        (hook("post-eaten"), Rejection.UNKNOWN_TYPE),
        (hook("post-finish", Size=-1), Rejection.INVALID),
        (hook("post-finish", Size=2**63 - 1), Rejection.INVALID),
        (hook("post-receive", Offset="7"), Rejection.INVALID),
        ({"Type": 5, "Event": {}}, Rejection.INVALID),
        ({"Type": "post-create", "Event": {"Upload": {"ID": "a"}, "HTTPRequest": {"Header": 1}}},
         Rejection.INVALID),
    ],
)  # fmt: skip
def test_what_is_no_hook_is_refused(body: bytes | Mapping[str, Any], reason: Rejection) -> None:
    assert refusal(body) is reason


def test_a_hook_without_a_request_is_one_all_the_same() -> None:
    started = only({"Type": "post-create", "Event": {"Upload": {"ID": "a", "Size": 5}}})

    assert (started.upload_id, started.client.device) == ("a", "other")


# -- stories ---------------------------------------------------------------------------------

STILL = "video_upload_interruption_seconds_sum"


def tell(piped: Piped, *bodies: Mapping[str, Any]) -> None:
    for body in bodies:
        piped.take(parse(body).events)


def test_a_paused_upload_that_goes_on_was_resumed_and_one_whose_line_hung_stalled() -> None:
    piped = Piped()
    tell(piped, hook("post-create"), hook("post-receive", {"Upload_Offset": "0"}, Offset=100))
    piped.wait(60)
    tell(piped, hook("post-receive", {"Upload_Offset": "0"}, Offset=200))
    piped.wait(90)
    tell(piped, hook("post-receive", {"Upload_Offset": "200"}, Offset=300))

    assert piped.series(STILL) == {
        STILL + '{kind="stalled"}': 60,
        STILL + '{kind="resumed"}': 90,
    }


def test_many_hooks_that_come_after_the_end_change_nothing() -> None:
    piped = Piped()
    tell(piped, hook("post-create"))
    piped.wait(20)
    tell(piped, hook("post-finish", Offset=20_000_000))
    for offset in range(1_000_000, 20_000_001, 1_000_000):
        tell(piped, hook("post-receive", {"Upload_Offset": "0"}, Offset=offset))
        piped.wait(2)

    assert piped.total("video_upload_started_total") == 1
    assert piped.total("video_upload_ended_total") == 1
    assert piped.series(STILL) == {}
    assert piped.series("video_upload_duration_seconds_sum") == {
        'video_upload_duration_seconds_sum{size_class="10-30MB",source="lifecycle"}': 20
    }


def test_silence_is_an_abandonment_and_progress_is_none() -> None:
    piped = Piped()
    tell(piped, hook("post-create"))
    for offset in (1, 2, 3):
        piped.wait(1700)
        tell(piped, hook("post-receive", Offset=offset))
    assert piped.total("video_upload_ended_total") == 0
    piped.wait(1800)

    assert piped.total("video_upload_ended_total", outcome="abandoned") == 1
    assert piped.total("video_upload_cancelled_total") == 0


HOOKS = (
    hook("pre-create", ID=""),
    hook("post-create"),
    hook("post-receive", {"Upload_Offset": "0"}, Offset=9_000_000),
    hook("post-receive", {"Upload_Offset": "8000000"}, Offset=15_000_000),
    hook("post-receive", {"Upload_Offset": "15000000"}, Offset=20_000_000),
    hook("post-finish", {"Upload_Offset": "15000000"}, Offset=20_000_000),
    hook("post-terminate", Offset=20_000_000),
)


def numbers(hooks: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    piped = Piped()
    tell(piped, *hooks)
    piped.wait(10)
    return piped.series("video_")


@given(st.permutations(HOOKS), st.lists(st.sampled_from(HOOKS), max_size=12))
def test_no_order_and_no_repetition_changes_a_number(
    order: Sequence[Mapping[str, Any]], again: Sequence[Mapping[str, Any]]
) -> None:
    assert numbers([*order, *again]) == numbers(HOOKS)


def test_those_numbers_are_the_right_ones() -> None:
    assert numbers(HOOKS)["video_upload_started_total{}"] == 1
    assert numbers(HOOKS)["video_upload_rewinds_total{}"] == 1
    assert (
        numbers(HOOKS)[
            'video_upload_ended_total{device="desktop",outcome="completed",size_class="10-30MB"}'
        ]
        == 1
    )


# -- what strangers send ---------------------------------------------------------------------


def as_written(events: tuple[Event, ...]) -> bytes:
    return codec().encode([Entry(START, events)])


@pytest.mark.parametrize("kind", [*BEFORE, *AFTER])
@pytest.mark.parametrize("version", [1, 2])
def test_nothing_personal_is_written_down(kind: str, version: int) -> None:
    body = hook(kind, {"Upload_Offset": "0"}, version, Offset=7)
    assert all(canary in json.dumps(body) for canary in CANARIES)
    written = as_written(parse(body, Hook_Name=kind).events)

    assert not [canary for canary in CANARIES if canary.encode() in written]


def survives(body: bytes) -> None:
    """Whatever is read of it, the journal holds it and gives it back."""
    try:
        parsed = parse(body, Hook_Name="post-receive")
    except RefusedError:
        return
    (entry,) = codec().decode(1, as_written(parsed.events))
    assert entry.events == parsed.events


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    survives(body)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from([2**53, 2**53 + 1, 2**63, -1, "post-create", "a" * 5000]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)
HEADERS = st.dictionaries(
    st.sampled_from(["User-Agent", "Upload-Offset", "Cf-Ipcountry", "x"]),
    st.lists(st.text(max_size=20), max_size=2) | VALUES,
)
HOSTILE = st.fixed_dictionaries(
    {},
    optional={
        "Type": st.sampled_from([*BEFORE, *AFTER]) | VALUES,
        "Event": st.fixed_dictionaries(
            {},
            optional={
                "Upload": st.fixed_dictionaries(
                    {},
                    optional={
                        "ID": st.text(min_size=1) | VALUES,
                        "Size": st.integers(0, 2**53) | VALUES,
                        "Offset": st.integers(0, 2**53) | VALUES,
                        "SizeIsDeferred": st.booleans() | VALUES,
                        "IsPartial": st.just(False) | VALUES,
                        "IsFinal": st.booleans() | VALUES,
                        "MetaData": VALUES,
                    },
                )
                | VALUES,
                "HTTPRequest": st.fixed_dictionaries({}, optional={"Header": HEADERS}) | VALUES,
            },
        )
        | VALUES,
    },
)


@given(HOSTILE)
def test_any_values_in_a_hook_are_read_or_refused(body: Mapping[str, Any]) -> None:
    survives(json.dumps(body).encode())


@given(
    st.sampled_from(AFTER),
    st.text(min_size=1),
    st.integers(0, 2**53),
    st.integers(0, 2**53),
    st.dictionaries(st.sampled_from(["User_Agent", "Upload_Offset", "Cf_Ipcountry"]), st.text()),
)
def test_hooks_of_the_right_shape_are_read_whatever_is_in_them(
    kind: str, upload_id: str, size: int, offset: int, headers: Mapping[str, str]
) -> None:
    body = hook(kind, headers, ID=upload_id, Size=size, Offset=offset)
    for event in parse(body).events:
        assert event_type(event).startswith("upload.")
        assert msgspec.to_builtins(event)["upload_id"]
    survives(json.dumps(body).encode())

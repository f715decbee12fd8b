"""Bytes to events or rejections: each path has one reader, and each reader one meaning."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exporter.events import DOMAINS
from exporter.formats.format import RefusedError, Sender, decode, reason_of
from exporter.formats.native import Native
from exporter.telemetry import Rejection
from tests.beacons import ANALYTICS, CHROME, EVENTS, EXPERIENCE, PERFORMANCE, UPLOAD_PERFORMANCE
from tests.client_pages import paths
from tests.pipelines import CLEANER, FORMATS, parse, told


def refusal(path: str, body: Any, kind: str | None = None) -> Rejection:
    with pytest.raises(RefusedError) as caught:
        parse(path, body, kind=kind)
    return caught.value.reason


def test_every_path_has_a_reader_and_only_those_of_batches_take_large_bodies() -> None:
    assert set(FORMATS) == paths()
    assert [path for path, form in FORMATS.items() if form.batch] == ["/v1/events", "/collect"]


def test_a_beacon_of_a_kind_that_nobody_names_is_generic() -> None:
    (event,) = parse(ANALYTICS, PERFORMANCE, kind="Performance").events

    assert event.__struct_config__.tag == "upload.generic_happened"


def test_a_path_without_generic_beacons_takes_any_kind_as_its_own() -> None:
    (event,) = parse(UPLOAD_PERFORMANCE, PERFORMANCE, kind="anything").events

    assert event.__struct_config__.tag == "upload.performance_reported"


def test_the_same_bytes_are_the_same_beacon_and_other_bytes_are_another() -> None:
    def first_id(body: bytes, kind: str | None = None) -> str | None:
        return parse(ANALYTICS, body, kind=kind).events[0].id

    assert first_id(b"{}") == first_id(b"{}")
    ids = [first_id(b"{}"), first_id(b"{ }"), first_id(b"{}", "a"), first_id(b"{}", "b")]
    assert len(set(ids)) == 4
    assert first_id(b"{}", "\udcff") is not None


def test_the_user_agent_in_a_body_is_believed_before_that_of_its_connection() -> None:
    proxy = "curl/8.8.0"
    for path, body in (
        (UPLOAD_PERFORMANCE, PERFORMANCE),
        ("/api/analytics/upload-experience", EXPERIENCE),
    ):
        (event,) = parse(path, body, user_agent=proxy, country="FR").events
        client = event.client  # type: ignore[attr-defined]
        assert (client.browser, client.country) == ("chrome", "FR")
    (event,) = parse(UPLOAD_PERFORMANCE, {}, user_agent=CHROME).events
    assert event.client.device == "desktop"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Rejection.MALFORMED),
        (b"{", Rejection.MALFORMED),
        (b"[]", Rejection.INVALID),
        (b"{}", Rejection.INCOMPLETE),
        (b'{"events":5}', Rejection.INVALID),
        (b'{"events":[1,2', Rejection.MALFORMED),
    ],
)
def test_a_body_that_is_no_list_of_events_is_refused_whole(body: bytes, reason: Rejection) -> None:
    assert refusal("/v1/events", body) == reason


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"type": "upload.unheard_of"}, Rejection.UNKNOWN_TYPE),
        ({"upload_id": "u1"}, Rejection.UNKNOWN_TYPE),
        ({"type": 5}, Rejection.UNKNOWN_TYPE),
        ({"type": None}, Rejection.UNKNOWN_TYPE),
        ({"type": "upload.completed"}, Rejection.INCOMPLETE),
        ({"type": "upload.completed", "upload_id": "two words"}, Rejection.INVALID),
        ({"type": "upload.completed", "upload_id": "u1", "at": -1}, Rejection.INVALID),
        ({"type": "upload.completed", "upload_id": "u1", "id": ""}, Rejection.INVALID),
        ({"type": "upload.started", "upload_id": "u", "file_size_bytes": -1}, Rejection.INVALID),
        ({"type": "upload.started", "upload_id": "u", "file_size_bytes": 2**60}, Rejection.INVALID),
        ({"type": "upload.started", "upload_id": "u", "file_size_bytes": 1.5}, Rejection.INVALID),
        ({"type": "upload.started", "upload_id": "u", "country": "Germany"}, Rejection.INVALID),
        ({"type": "api.called", "route": "/", "status": 600}, Rejection.INVALID),
        ({"type": "upload.began"}, Rejection.UNKNOWN_TYPE),
        ({"type": "upload.ended"}, Rejection.UNKNOWN_TYPE),
        ({"type": "upload.experience_reported", "upload_id": "u"}, Rejection.UNKNOWN_TYPE),
        ([], Rejection.INVALID),
        (None, Rejection.INVALID),
    ],
)
def test_an_event_is_refused_for_its_reason_and_alone(event: Any, reason: Rejection) -> None:
    good = {"type": "upload.completed", "upload_id": "u1"}
    parsed = parse("/v1/events", {"events": [good, event, good]})

    assert len(parsed.events) == 2
    assert [(each.place, each.reason) for each in parsed.rejected] == [(1, reason)]
    assert msgspec.json.decode(parsed.rejected[0].body) == event


def test_a_missing_type_within_a_body_is_no_unknown_type_of_event() -> None:
    path = "/api/analytics/upload-experience"

    assert refusal(path, {"uploadId": "u1", "interactions": [{}]}) == Rejection.INCOMPLETE
    assert refusal(path, {"uploadId": "u1", "interactions": [{"type": 5}]}) == Rejection.INVALID


def test_the_words_of_msgspec_that_are_read_are_still_its_words() -> None:
    """``reason_of`` reads messages; a release that words them otherwise must fail here."""

    class One(msgspec.Struct, tag="one"):
        x: int

    class Two(msgspec.Struct, tag="two"):
        x: int

    decoder = msgspec.json.Decoder(One | Two)
    said = {}
    for body in (b'{"type":"three"}', b"{}", b'{"type":"one"}', b'{"type":"one","x":"1"}'):
        with pytest.raises(msgspec.ValidationError) as caught:
            decoder.decode(body)
        said[body] = reason_of(caught.value)

    assert list(said.values()) == [
        Rejection.UNKNOWN_TYPE,
        Rejection.UNKNOWN_TYPE,
        Rejection.INCOMPLETE,
        Rejection.INVALID,
    ]


@pytest.mark.parametrize(
    "error",
    [msgspec.DecodeError("x"), RecursionError(), UnicodeDecodeError("utf-8", b"", 0, 0, "x")],
)
def test_every_way_in_which_decoding_can_fail_is_a_refusal(error: Exception) -> None:
    def fails(body: bytes) -> None:
        raise error

    with pytest.raises(RefusedError) as caught:
        decode(fails, b"{}")
    assert caught.value.reason is Rejection.MALFORMED


def test_of_a_key_that_is_repeated_the_last_one_counts_and_every_one_must_be_right() -> None:
    """So do browsers; a proxy that looks at the first one looks at something else than we do."""
    (reported,) = parse(UPLOAD_PERFORMANCE, b'{"ttfb":1000,"ttfb":2000}').events
    (completed,) = parse(
        "/v1/events",
        b'{"events":[5],"events":[{"type":"upload.completed","upload_id":"a","upload_id":"b"}]}',
    ).events

    assert reported.measured.ttfb == 2  # type: ignore[attr-defined]
    assert completed.upload_id == "b"  # type: ignore[attr-defined]
    assert refusal(UPLOAD_PERFORMANCE, b'{"ttfb":"soon","ttfb":2000}') == Rejection.INVALID


def test_an_event_of_two_types_is_of_none() -> None:
    said = b'{"events":[{"type":"upload.completed","upload_id":"a","type":"upload.failed"}]}'

    (rejected,) = parse("/v1/events", said).rejected
    assert rejected.reason is Rejection.UNKNOWN_TYPE


def test_more_events_than_are_allowed_are_too_many() -> None:
    native = Native(DOMAINS, CLEANER)
    body = msgspec.json.encode({"events": [EVENTS[4]] * 3})

    assert len(native.parse(body, Sender("/v1/events", most_events=3)).events) == 3
    with pytest.raises(RefusedError) as caught:
        native.parse(body, Sender("/v1/events", most_events=2))
    assert caught.value.reason is Rejection.TOO_MANY_EVENTS


def test_what_servers_say_of_a_client_is_kept_where_they_say_it_in_classes() -> None:
    started = {"type": "upload.started", "upload_id": "u1"}
    (by_class,) = told(started | {"device": "tv", "region": "asia", "network": "3g"})
    (by_agent,) = told(started | {"user_agent": CHROME, "country": "de", "device": "tv"})

    assert by_class.client[:1] == ("tv",)  # type: ignore[attr-defined]
    assert by_class.client.region == "asia"  # type: ignore[attr-defined]
    assert by_agent.client[:3] == ("desktop", "chrome", "windows")  # type: ignore[attr-defined]
    assert by_agent.client[3:] == ("europe", "DE")  # type: ignore[attr-defined]


EXAMPLES = re.findall(
    r"curl -s --json '(.*?)' \\\n *http://127\.0\.0\.1:8080(/\S+)",
    (Path(__file__).parents[1] / "docs" / "events.md").read_text(),
    re.DOTALL,
)


@pytest.mark.parametrize(("body", "path"), EXAMPLES)
def test_the_examples_of_the_docs_are_taken(body: str, path: str) -> None:
    parsed = parse(path, body.encode())

    assert parsed.events
    assert parsed.rejected == ()

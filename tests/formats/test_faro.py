"""Grafana Faro's web SDK: its batches as it posts them, and what they come to."""

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from exporter.events.web import told
from exporter.events.web.classes import Action
from exporter.formats.format import Parsed, RefusedError, Sender
from exporter.metric import Observation
from exporter.record import Entry
from exporter.telemetry import Rejection
from tests.apps import Running, Start
from tests.beacons import CHROME
from tests.pipelines import CLEANER, FORMATS, START, Piped, codec

PATH = "/collect"
CAPTURED = Path(__file__).parents[1] / "clients" / "captured" / "faro-2.12.1_retry_on_500.jsonl"
AT = "2026-11-21T02:34:58.380Z"
META = {
    "sdk": {"name": "faro-web", "version": "2.12.1"},
    "browser": {"name": "Chrome", "brands": [{"brand": "Chromium", "version": "147"}],
                "userAgent": CHROME, "mobile": False},
    "page": {"url": "https://video.example.com/watch/1"},
    "session": {"id": "vNW4W1zo43"},
    "view": {"name": "watch"},
}  # fmt: skip


def vital(name: str, value: float | None, **context: Any) -> dict[str, Any]:
    values = {name: value, "delta": value, "time_to_first_byte": 5.1}
    return {"type": "web-vitals", "values": values, "timestamp": AT, "context": context}


def event(name: str, /, **attributes: Any) -> dict[str, Any]:
    return {"name": name, "domain": "browser", "attributes": attributes, "timestamp": AT}


def read(
    body: Any = b"", *, key: str = "", session: str = "", most: int = 500, **sections: Any
) -> Parsed:
    said = {"Idempotency-Key": key, "X-Faro-Session-Id": session}
    headers = {name: value for name, value in said.items() if value}
    raw = body if isinstance(body, bytes) and body else msgspec.json.encode(body or sections)
    return FORMATS[PATH].parse(raw, Sender(PATH, "node", None, most, headers=headers, at=START))


def kinds(parsed: Parsed) -> list[str]:
    return [type(each).__name__ for each in parsed.events]


def first(parsed: Parsed) -> Any:
    return parsed.events[0]


def observed(parsed: Parsed) -> list[Observation]:
    return [observation for each in parsed.events for observation in each.observe()]


# -- the capture -----------------------------------------------------------------------------


def test_a_batch_that_was_retried_twice_counts_once() -> None:
    """By hand: one LCP of 2310.5 ms and a `video_startup` of 812 ms, which the settings list, and
    of 0 ms, which they do not; one event, one line at `warn`, one TypeError; posted three times
    under one key. Anonymous, so the LCP is a value of its own, and the page view lives by the rest.
    """
    piped = Piped()
    posts = [json.loads(line) for line in CAPTURED.read_text().splitlines()]
    for post in posts:
        parsed = read(post["body"].encode(), key=post["headers"]["idempotency-key"])
        assert parsed.rejected == ()
        piped.take(parsed.events)
        piped.wait(1)
    piped.wait(300)

    assert len(posts) == 3
    series = piped.series()
    assert {k: v for k, v in series.items() if "_bucket" not in k and "people" not in k} == {
        'video_web_vitals_total{device="desktop",rating="good",vital="lcp"}': 1,
        'video_web_vitals_by_page_total{page="/watch/:id",rating="good",vital="lcp"}': 1,
        "video_web_lcp_seconds_count{}": 1,
        "video_web_lcp_seconds_sum{}": 2.3105,
        'video_web_measured_seconds_count{measurement="video_startup.startup_ms"}': 1,
        'video_web_measured_seconds_sum{measurement="video_startup.startup_ms"}': 0.812,
        'video_web_measured_seconds_count{measurement="other"}': 1,
        'video_web_errors_total{error_type="javascript"}': 1,
        "video_web_new_errors_total{}": 1,
        'video_web_page_views_total{erred="yes",page="/watch/:id"}': 1,
        'video_web_page_views_by_device_total{device="desktop",erred="yes"}': 1,
        'video_web_page_views_with_error_total{error_type="javascript"}': 1,
        "video_web_custom_events_total{}": 1,
        'video_web_logs_total{level="warn"}': 1,
        'exporter_events_accepted_total{type="web.vital_measured"}': 1,
        'exporter_events_accepted_total{type="web.duration_measured"}': 2,
        'exporter_events_accepted_total{type="web.error_met"}': 1,
        'exporter_events_accepted_total{type="web.custom_happened"}': 1,
        'exporter_events_accepted_total{type="web.log_written"}': 1,
        "exporter_events_duplicate_total{}": 12,
        "exporter_events_received_total{}": 18,
    }


# -- what is the same batch ------------------------------------------------------------------

LOGS = [{"message": "a", "level": "warn", "timestamp": AT}]


def logged(*batches: Parsed) -> float:
    piped = Piped()
    for batch in batches:
        piped.take(batch.events)
    return piped.total("video_web_logs_total")


def test_a_key_is_one_batch_whatever_is_in_it() -> None:
    other = [LOGS[0] | {"level": "error", "message": "b"}]

    assert logged(read(key="k1", logs=LOGS), read(key="k1", logs=other)) == 1
    assert logged(read(key="k1", logs=LOGS), read(key="k2", logs=LOGS)) == 2


def test_what_a_batch_has_more_under_the_same_key_is_news() -> None:
    assert logged(read(key="k1", logs=LOGS), read(key="k1", logs=LOGS * 3)) == 3


def test_a_key_is_that_of_one_session() -> None:
    one, other = (read(key="k1", session=each, logs=LOGS) for each in ("s1", "s2"))

    assert logged(one, other) == 2


def test_without_a_key_the_same_bytes_are_the_same_batch() -> None:
    assert logged(read(logs=LOGS), read(logs=LOGS)) == 1
    assert logged(read(logs=LOGS), read(logs=LOGS, meta={})) == 2


# -- what is told of the page ----------------------------------------------------------------


def test_what_a_page_says_of_itself_is_said_of_every_item() -> None:
    parsed = read(meta=META, logs=LOGS, events=[event("video_play")])

    for each in parsed.events:
        assert isinstance(each, told.Told)
        assert (each.page, each.device, each.browser) == ("/watch/:id", "desktop", "chrome")
        assert each.session_id is not None
        assert each.at == pytest.approx(1795228498.38)


@pytest.mark.parametrize(
    "meta",
    [
        None,
        5,
        [],
        {"session": "s", "page": ["u"], "user": 5, "browser": None},
        {"session": {"id": 5}, "page": {"url": None, "id": {}}, "browser": {"userAgent": []}},
        {"browser": {"brands": "unknown"}, "os": {"name": "linux"}, "k6": {}, "odd": {"a": [1]}},
    ],
)
def test_a_page_that_says_odd_things_of_itself_loses_no_item(meta: Any) -> None:
    assert kinds(read(meta=meta, logs=LOGS)) == ["LogWritten"]


def test_the_session_of_the_header_is_that_of_the_page() -> None:
    by_meta, by_header = read(meta=META, logs=LOGS), read(session="vNW4W1zo43", logs=LOGS)

    assert first(by_meta).session_id == first(by_header).session_id is not None


def test_a_page_whose_id_is_a_uuid_is_a_page_view_and_any_other_id_is_a_name() -> None:
    def view(page_id: str) -> str | None:
        page = {"url": "https://h.example/", "id": page_id}
        return first(read(meta={"page": page, "session": {"id": "s"}}, logs=LOGS)).page_view_id  # type: ignore[no-any-return]

    uuid = "2b1c9a34-0f4e-4a7d-9c1d-1a2b3c4d5e6f"
    assert view(uuid) == view(uuid) is not None
    assert view("/users/:id") is None


def test_a_page_shown_again_out_of_the_cache_is_another_page_view_to_its_vitals() -> None:
    page = {"url": "https://h.example/", "id": "2b1c9a34-0f4e-4a7d-9c1d-1a2b3c4d5e6f"}
    parsed = read(
        meta={"page": page},
        measurements=[
            vital("lcp", 900, id="v6-1-1", navigation_type="navigate"),
            vital("lcp", 100, id="v6-2-2", navigation_type="back-forward-cache"),
        ],
    )
    piped = Piped()
    piped.take(parsed.events)
    piped.wait(300)

    assert piped.total("video_web_page_views_total") == 2
    assert piped.total("video_web_vitals_total", vital="lcp") == 2


def test_a_page_shown_again_several_times_is_measured_each_time() -> None:
    page = {"url": "https://h.example/", "id": "2b1c9a34-0f4e-4a7d-9c1d-1a2b3c4d5e6f"}
    again = "back-forward-cache"
    piped = Piped()
    for value, metric_id, navigation in (
        (3000, "v6-1-1", "navigate"),
        (50, "v6-2-2", again),
        (4500, "v6-3-3", again),
    ):
        measured = vital("lcp", value, id=metric_id, navigation_type=navigation)
        piped.take(read(meta={"page": page}, measurements=[measured]).events)
        piped.wait(5)
    piped.wait(300)

    assert piped.total("video_web_vitals_total", vital="lcp") == 3
    assert sum(piped.series("video_web_lcp_seconds_sum").values()) == pytest.approx(7.55)


def test_inp_may_fall_within_one_batch() -> None:
    said = [vital("inp", value, id="v6-1-1") for value in (208, 192)]
    piped = Piped()
    piped.take(read(meta=META, measurements=said).events)
    piped.wait(10)
    piped.wait(300)

    assert piped.series("video_web_inp_seconds_sum") == {"video_web_inp_seconds_sum{}": 0.192}
    assert piped.total("video_web_vitals_total", rating="good") == 1


# -- measurements ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cls", "fcp", "inp", "lcp", "ttfb", "fid"])
def test_a_web_vital_is_the_one_value_that_is_one(name: str) -> None:
    parsed = read(measurements=[vital(name, 80, id="v6-1-1", rating="poor")])

    (found,) = parsed.events
    assert isinstance(found, told.VitalMeasured)
    assert (found.vital, found.rated) == (name, "poor")
    assert found.value == pytest.approx(80 if name == "cls" else 0.08)


def test_the_last_value_of_a_metric_counts() -> None:
    batches = [
        read(meta=META, measurements=[vital("cls", value, id="v6-1-1") | {"timestamp": when}])
        for value, when in ((0.3, "2026-11-21T02:00:02Z"), (0.05, "2026-11-21T02:00:01Z"))
    ]
    piped = Piped()
    for batch in batches:
        piped.take(batch.events)
    piped.wait(10)
    piped.wait(300)

    assert piped.series("video_web_cls_score_sum") == {"video_web_cls_score_sum{}": 0.3}
    assert piped.total("video_web_vitals_total") == 1


def test_several_vitals_in_one_measurement_are_several() -> None:
    values = {"lcp": 1, "fcp": 1}
    assert (
        kinds(read(measurements=[{"type": "web-vitals", "values": values}]))
        == ["VitalMeasured"] * 2
    )


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("video_startup", {"startup_ms": 812}, ("video_startup.startup_ms", "listed", 0.812)),
        ("Video_Startup", {"STARTUP_ms": 812}, ("video_startup.startup_ms", "listed", 0.812)),
        ("search", {"answer_seconds": 2.5}, ("search.answer_seconds", "other", 2.5)),
        ("search for ann", {"answer_ms": 5}, ("other", "other", 0.005)),
        ("search", {"hits": 40}, ("search.hits", None, 40)),
        ("order 4711", {"items": 3}, ("other", None, 3)),
    ],
)
def test_a_measurement_of_the_page_is_a_time_where_its_name_says_so(
    kind: str, values: Mapping[str, float], expected: tuple[str, str | None, float]
) -> None:
    found = first(read(measurements=[{"type": kind, "values": values}]))

    name, listed, value = expected
    assert found.name == name
    if listed is None:
        assert isinstance(found, told.MetricReported)
        assert found.value == value
    else:
        assert isinstance(found, told.DurationMeasured)
        assert found.measurement == (name if listed == "listed" else "other")
        assert found.duration_seconds == pytest.approx(value)


def test_a_value_that_is_null_or_missing_is_counted_as_none() -> None:
    parsed = read(
        measurements=[
            vital("lcp", None),
            {"type": "video_startup", "values": {"startup_ms": None, "other_ms": 1}},
            {"type": "video_startup", "values": {}},
            {"type": "web-vitals", "values": {"tbt": 90}},
        ]
    )

    assert kinds(parsed) == [
        *("NothingMeasured", "NothingMeasured", "DurationMeasured"),
        *("NothingMeasured", "MetricReported"),
    ]


# -- events ----------------------------------------------------------------------------------

NAVIGATION = {
    "name": "https://video.example.com/watch/1?token=1",
    "duration": "73",
    "tcpHandshakeTime": "12",
    "tlsNegotiationTime": "8",
    "dnsLookupTime": "3",
    "requestTime": "20",
    "responseTime": "5",
    "domProcessingTime": "31",
    "pageLoadTime": "71",
    "responseStatus": "200",
    "renderBlockingStatus": "unknown",
    "type": "navigate",
    "faroNavigationId": "x0yp07SGc0",
}


def test_a_navigation_is_a_page_view_and_where_its_time_went() -> None:
    viewed, timed = read(
        meta=META, events=[event("faro.performance.navigation", **NAVIGATION)]
    ).events

    assert isinstance(viewed, told.PageViewed)
    assert isinstance(timed, told.NavigationTimed)
    assert (
        msgspec.structs.asdict(timed).items()
        >= {
            "dns_lookup_seconds": 0.003,
            "tcp_connect_seconds": 0.012,
            "ssl_handshake_seconds": 0.008,
            "request_response_seconds": 0.025,
            "dom_processing_seconds": 0.031,
            "load_seconds": 0.073,
        }.items()
    )


def test_a_handshake_without_tls_is_none_and_a_load_that_has_not_ended_is_that_of_the_dom() -> None:
    odd = NAVIGATION | {"tlsNegotiationTime": "40", "duration": "0", "responseTime": "unknown"}
    _, timed = read(events=[event("faro.performance.navigation", **odd)]).events

    assert isinstance(timed, told.NavigationTimed)
    assert timed.ssl_handshake_seconds is None
    assert timed.request_response_seconds is None
    assert timed.load_seconds == pytest.approx(0.071)


@pytest.mark.parametrize("attributes", [None, [], "x", {"duration": "NaN"}, {"duration": True}])
def test_a_navigation_that_says_nothing_is_still_a_page_view(attributes: Any) -> None:
    one = event("faro.performance.navigation") | {"attributes": attributes}
    viewed, timed = read(events=[one]).events

    assert isinstance(viewed, told.PageViewed)
    assert isinstance(timed, told.NavigationTimed)
    assert timed.load_seconds is None


@pytest.mark.parametrize(
    ("attributes", "result"),
    [
        ({"duration": "120", "responseStatus": "200"}, "ok"),
        ({"duration": "120", "responseStatus": "0"}, "ok"),
        ({"duration": "5001", "responseStatus": "304"}, "slow"),
        ({"duration": "120", "responseStatus": "404"}, "failed"),
        ({"responseStatus": "503"}, "failed"),
        ({"duration": "120", "responseStatus": "unknown"}, "ok"),
    ],
)
def test_a_resource_is_a_request(attributes: Mapping[str, str], result: str) -> None:
    one = event("faro.performance.resource", name="https://api.example.com/secret", **attributes)
    parsed = read(meta=META, events=[one])
    piped = Piped()
    piped.take(parsed.events)

    assert piped.total("video_web_requests_total") == 1
    assert piped.total("video_web_requests_total", result=result, page="/watch/:id") == 1


@pytest.mark.parametrize(
    ("name", "attributes", "expected"),
    [
        ("session_start", {}, ["SessionSeen"]),
        ("session_resume", {}, ["SessionSeen"]),
        ("session_extend", {}, ["SessionSeen"]),
        ("view_changed", {"fromView": "a", "toView": "b"}, ["SessionSeen"]),
        ("faro.navigation", {"fromUrl": "a", "toUrl": "b"}, ["PageViewed", "ActionTaken"]),
        ("route_change", {"fromRoute": "a", "toRoute": "b"}, ["PageViewed", "ActionTaken"]),
        ("faro.user.action", {"userActionTrigger": "pointerdown"}, ["ActionTaken"]),
        ("faro.user.action", {"userActionTrigger": "keydown"}, ["ActionTaken"]),
        ("click", {}, ["ActionTaken"]),
        ("video_play", {"cid": "c1"}, ["CustomHappened"]),
        ("securitypolicyviolation", {"blockedURI": "https://h.example/x"}, ["CustomHappened"]),
        ("faro.unheard.of", {}, ["CustomHappened"]),
    ],
)
def test_an_event_is_what_it_is_called(
    name: str, attributes: dict[str, str], expected: list[str]
) -> None:
    assert kinds(read(meta=META, events=[event(name, **attributes)])) == expected


def test_actions_say_what_was_done() -> None:
    events = [
        event("route_change"),
        event("faro.user.action", userActionTrigger="pointerdown"),
        event("faro.user.action", userActionTrigger="faroApiCall"),
        event("form_submit"),
    ]
    actions = [e.action for e in read(events=events).events if isinstance(e, told.ActionTaken)]

    assert actions == [Action.ROUTE_CHANGE, Action.CLICK, Action.OTHER, Action.FORM_SUBMIT]


def test_a_session_has_its_documents_as_page_views() -> None:
    """Two documents, one of them with a change of route; without page ids, by URL and time."""
    piped = Piped()

    def batch(url: str, when: str, *events: dict[str, Any], **sections: Any) -> None:
        meta = META | {"page": {"url": f"https://video.example.com{url}"}}
        events = tuple(each | {"timestamp": when} for each in events)
        piped.take(read(meta=meta, events=events, **sections).events)
        piped.wait(1)

    loaded = event("faro.performance.navigation", **NAVIGATION)
    batch("/", "2026-11-21T02:00:00Z", event("session_start"))
    batch("/", "2026-11-21T02:00:00Z", loaded, measurements=[vital("ttfb", 200)])
    batch("/library", "2026-11-21T02:00:20Z", event("faro.navigation"))
    batch("/", "2026-11-21T02:00:40Z", loaded, exceptions=[{"type": "Error", "value": "x"}])
    piped.outlast()

    assert piped.total("video_web_page_views_total", page="/") == 2
    assert piped.total("video_web_page_views_total", page="/", erred="yes") == 1
    assert piped.total("video_web_page_views_total", page="/library") == 1
    assert piped.total("video_web_load_seconds_count") == 2
    assert piped.total("video_web_sessions_total", bounced="no") == 1


# -- exceptions, logs, traces ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("TypeError", "javascript"),
        ("Error", "javascript"),
        ("UnhandledRejection", "promise_rejection"),
        ("MyOwnError", "javascript"),
        ("network_error", "network_error"),
        (None, "javascript"),
        ("", "javascript"),
    ],
)
def test_an_exception_is_an_error_of_a_kind(kind: str | None, expected: str) -> None:
    found = first(read(exceptions=[{"type": kind, "value": "boom"}]))

    assert isinstance(found, told.ErrorMet)
    assert found.error_type == expected
    assert found.fingerprint == CLEANER.fingerprint(f"{kind or 'Error'}: boom")


def test_exceptions_are_one_kind_by_message_or_by_the_fingerprint_that_the_page_gives() -> None:
    same, numbered, other, grouped, regrouped = (
        first(read(exceptions=[{"type": "TypeError", **each}])).fingerprint
        for each in (
            {"value": "chunk 1 is missing"},
            {"value": "chunk 7 is missing", "stacktrace": {"frames": []}},
            {"value": "no player"},
            {"value": "chunk 1 is missing", "fingerprint": "player"},
            {"value": "no player", "fingerprint": "player"},
        )
    )

    assert same == numbered
    assert grouped == regrouped
    assert len({same, other, grouped}) == 3


def test_a_fatal_exception_is_counted_as_one() -> None:
    piped = Piped()
    for fatal in (True, False, None):
        piped.take(read(exceptions=[{"type": "E", "value": "x", "fatal": fatal}]).events)

    assert piped.total("video_web_errors_total") == 3
    assert piped.total("video_web_fatal_errors_total") == 1


@pytest.mark.parametrize(
    ("level", "expected"),
    [("trace", "trace"), ("WARN", "warn"), (None, "log"), ("", "log"), ("fatal", "other")],
)
def test_a_line_of_a_log_is_counted_by_its_level(level: str | None, expected: str) -> None:
    assert first(read(logs=[{"message": "x", "level": level}])).level == expected


def test_spans_are_counted_and_nothing_else() -> None:
    scope = {"scope": {"name": "fetch"}, "spans": [{"name": "GET"}, {"name": "POST"}]}
    traces = {"resourceSpans": [{"resource": {}, "scopeSpans": [scope, {"spans": None}]}, {}]}

    (found,) = read(traces=traces).events
    assert isinstance(found, told.SpansDropped)
    assert found.spans == 2
    assert read(traces={"resourceSpans": []}) == read(traces=None) == Parsed((), ())


# -- what is wrong with a batch --------------------------------------------------------------


def test_an_item_that_cannot_be_read_costs_the_others_nothing() -> None:
    body = (
        b'{"measurements":[{"type":"a","values":{"b_ms":1}},{"type":"a"},{"type":"a","values":'
        b'{"b_ms":"1"}},null],"exceptions":[7,{"value":"x"}],"events":{"name":"x"},'
        b'"logs":[{"level":"info"},{"level":1},{"level":"\xff"}],"traces":[5]}'
    )
    parsed = read(body)

    assert kinds(parsed) == ["DurationMeasured", "ErrorMet", "LogWritten"]
    assert [(each.place, each.reason) for each in parsed.rejected] == [
        (1, Rejection.INCOMPLETE),
        (2, Rejection.INVALID),
        (3, Rejection.INVALID),
        (4, Rejection.INVALID),
        (6, Rejection.INVALID),
        (8, Rejection.INVALID),
        (9, Rejection.MALFORMED),
        (10, Rejection.INVALID),
    ]
    assert parsed.rejected[3].body == b"7"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"x", Rejection.MALFORMED),
        (b'{"logs":[', Rejection.MALFORMED),
        (b"[]", Rejection.INVALID),
        (b"5", Rejection.INVALID),
    ],
)
def test_what_is_no_batch_is_refused(body: bytes, reason: Rejection) -> None:
    with pytest.raises(RefusedError) as caught:
        read(body)
    assert caught.value.reason == reason


def test_an_empty_batch_is_no_error() -> None:
    assert read(b"{}") == read(b'{"meta":{},"logs":null}') == Parsed((), ())


def test_more_items_than_are_allowed_are_too_many() -> None:
    assert len(read(logs=LOGS * 3, most=3).events) == 3
    for sections in (
        {"logs": LOGS * 4},
        {"logs": [5] * 4},
        {"measurements": [{"type": "a", "values": dict.fromkeys("abcd", 1)}]},
        {"events": [event("route_change")] * 2},
    ):
        with pytest.raises(RefusedError) as caught:
            read(most=3, **sections)
        assert caught.value.reason == Rejection.TOO_MANY_EVENTS


# -- what may be written down ----------------------------------------------------------------

CANARIES = (
    "ann.canary@example.com",
    "canarytoken4f9d2c1b8e7a6b5c",
    "canary-user",
    "Ann Canary",
    "canary-query",
    "canary-session",
    "canary-page",
    "Canary/147",
    "canaryfunction",
    "canary-tag",
)
MAIL, TOKEN, USER, FULL, QUERY, SESSION, PAGE, AGENT, STACK, TAG = CANARIES
URL = f"https://{MAIL}:{TOKEN}@video.example.com/{PAGE}?q={QUERY}&t={TOKEN}"
USERS: tuple[dict[str, Any], ...] = (
    {"id": USER, "email": MAIL, "username": USER, "fullName": FULL, "attributes": {"a": TAG}},
    {"email": MAIL, "fullName": FULL},
    {"hash": TOKEN, "roles": TAG},
)


def everything(user: Mapping[str, Any]) -> Parsed:
    """A batch with somebody in every place where somebody can be."""
    names = " or ".join(said for said in user.values() if isinstance(said, str) and said != TAG)
    message = f"{names} ({MAIL}) may not see {URL} with Bearer {TOKEN}"
    return read(
        key=TOKEN,
        session=SESSION,
        meta={
            "app": {"name": TAG, "gitHash": TOKEN},
            "browser": {"userAgent": f"Mozilla/5.0 {AGENT}", "language": TAG},
            "page": {"url": URL, "id": PAGE, "attributes": {"a": MAIL}},
            "session": {"id": SESSION, "attributes": {"previousSession": SESSION}},
            "user": user,
            "view": {"name": PAGE},
        },
        measurements=[
            vital("lcp", 5, id=TOKEN, element=f"#{USER}", resource_url=URL),
            {"type": TAG, "values": {f"{USER}_ms": 5, MAIL: 5}, "context": {"a": MAIL}},
        ],
        events=[
            event("faro.performance.navigation", name=URL, duration="5"),
            event("faro.performance.resource", name=URL, duration="5", httpHost=TAG),
            event("faro.navigation", fromUrl=URL, toUrl=URL),
            event("session_start", previousSession=SESSION),
            event("faro.user.action", userActionName=TAG),
            event(TAG, of=MAIL),
            event(MAIL),
        ],
        exceptions=[
            {
                "type": "TypeError",
                "value": message,
                "fingerprint": message,
                "context": {"of": MAIL},
                "stacktrace": {"frames": [{"filename": URL, "function": STACK}]},
            },
            {"type": MAIL, "value": None, "stacktrace": {"frames": [{"filename": URL}]}},
        ],
        logs=[{"message": message, "level": TAG, "context": {"of": MAIL}}],
        traces={"resourceSpans": [{"scopeSpans": [{"spans": [{"name": MAIL}]}]}]},
    )


@pytest.mark.parametrize("user", USERS)
def test_nobody_is_in_what_is_written_down(user: Mapping[str, Any]) -> None:
    parsed = everything(user)
    piped = Piped()
    piped.take(parsed.events)
    states = repr([body for *_, body in piped.pipeline.sessions.changed()])
    piped.outlast()

    assert parsed.rejected == ()
    assert len(parsed.events) == 16
    assert len({each.user_id for each in parsed.events if isinstance(each, told.Told)}) == 1
    written = codec().encode([Entry(START, parsed.events)]).decode("latin1")
    for text in (written, states, repr(piped.points)):
        for canary in CANARIES:
            assert canary.lower() not in text.lower(), canary


def test_a_person_is_who_the_page_says_by_id_hash_name_or_address() -> None:
    people = [
        first(read(meta={"user": user}, logs=LOGS)).user_id
        for user in ({"id": "a"}, {"id": "a", "email": "b"}, {"hash": "h"}, {"email": "e"}, {})
    ]

    assert people[0] == people[1]
    assert people[4] is None
    assert len(set(people)) == 4


# -- whatever comes --------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
GOOD: dict[str, Any] = {
    "meta": META | {"user": {"id": "u"}},
    "measurements": [vital("lcp", 5), {"type": "a", "values": {"b_ms": 5}}],
    "events": [event("faro.performance.navigation", **NAVIGATION), event("session_start")],
    "exceptions": [{"type": "E", "value": "x", "fatal": True, "fingerprint": "f"}],
    "logs": LOGS,
    "traces": {"resourceSpans": [{"scopeSpans": [{"spans": [{}]}]}]},
}


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """A good batch in which anything may stand anywhere."""

    def spoil(value: Any) -> Any:
        if draw(st.integers(0, 11)) == 0:
            return draw(JSON)
        if isinstance(value, dict):
            return {name: spoil(each) for name, each in value.items()}
        return [spoil(each) for each in value] if isinstance(value, list) else value

    return msgspec.json.encode(spoil(GOOD))


HEADERS = st.dictionaries(
    st.sampled_from(("Idempotency-Key", "X-Faro-Session-Id")), st.text(max_size=300)
)


@given(st.binary() | JSON.map(msgspec.json.encode) | spoilt(), HEADERS)
@example(b'{"meta":' + b"[" * 100_000, {})
@example(b'{"logs":[' * 50_000, {})
@example(b'{"logs":[{"timestamp":1e308},{"timestamp":"9999-12-31T23:59:59+00:00"}]}', {})
@example(b"{}", {"Idempotency-Key": "\udcff", "X-Faro-Session-Id": "\udcff"})
@bounded(max_examples=300)
def test_every_body_is_read_or_refused_and_what_is_read_can_be_written_down(
    body: bytes, headers: dict[str, str]
) -> None:
    sender = Sender(PATH, "node", None, 500, headers=headers, at=START)
    try:
        parsed = FORMATS[PATH].parse(body, sender)
    except RefusedError:
        return
    entry = Entry(START, parsed.events)
    (found,) = codec().decode(1, codec().encode([entry]))
    assert found.events == parsed.events
    Piped().take(parsed.events)


ITEMS = st.fixed_dictionaries(
    {
        "measurements": st.lists(
            st.builds(
                lambda name, value, when: (
                    vital(name, value, id=f"v6-{name}")
                    | {"timestamp": f"2026-11-21T02:00:{when:02}Z"}
                ),
                st.sampled_from(("lcp", "cls", "inp", "fcp", "ttfb")),
                st.integers(0, 4000).map(lambda n: n / 1024),
                st.integers(0, 59),
            ),
            max_size=8,
        ),
        "events": st.lists(
            st.sampled_from(
                (
                    event("session_start"),
                    event("faro.user.action", userActionTrigger="pointerdown"),
                    event("faro.performance.resource", duration="120"),
                    event("faro.performance.navigation", **NAVIGATION),
                )
            ),
            max_size=5,
        ),
        "exceptions": st.lists(
            st.sampled_from(("a", "b")).map(lambda v: {"type": "E", "value": v}), max_size=4
        ),
        "logs": st.lists(st.sampled_from(LOGS), max_size=3),
    }
)


def settled(batches: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    piped = Piped()
    for number, batch in enumerate(batches):
        parsed = read(key=f"{batch.get('key', number)}", meta=META, **batch["sections"])
        assert parsed.rejected == ()
        piped.take(parsed.events)
    piped.wait(10)
    piped.wait(300)
    piped.wait(1800)
    series = piped.series("video_web")
    return {name: value for name, value in series.items() if "people" not in name}


def _is_inp(item: Any) -> bool:
    return isinstance(item, dict) and "inp" in (item.get("values") or {})


def _in_turn(items: list[Any], shuffled: list[Any]) -> list[Any]:
    """Shuffled, but for INP: it may fall, and nothing else says which value is the last."""
    inp = iter([item for item in items if _is_inp(item)])
    return [next(inp) if _is_inp(item) else item for item in shuffled]


@given(ITEMS, st.data(), st.integers(1, 3))
@bounded(max_examples=60)
def test_any_order_of_items_and_any_repetition_of_a_batch_give_the_same_numbers(
    sections: Mapping[str, list[Any]], data: st.DataObject, times: int
) -> None:
    shuffled = {
        name: _in_turn(items, data.draw(st.permutations(items))) for name, items in sections.items()
    }
    one = settled([{"key": "k", "sections": sections}])
    other = settled([{"key": "k", "sections": shuffled}] * times)

    assert other == pytest.approx(one)


# -- through the public port -----------------------------------------------------------------


async def test_what_the_settings_list_is_counted_under_its_name(start: Start) -> None:
    app = await start(
        faro={"measurements": ("Search.answer_ms",)}, receiver={"origins": ("https://h.example",)}
    )
    body = {
        "measurements": [
            {"type": "search", "values": {"answer_ms": 250}},
            {"type": "video_startup", "values": {"startup_ms": 812}},
        ]
    }
    headers = {
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
        "Idempotency-Key": "AhcMT2jd2F0KhPH2C5zh",
        "X-Faro-Session-Id": "vNW4W1zo43",
        "Origin": "https://h.example",
    }
    raw = gzip.compress(json.dumps(body).encode())
    answers = [await app.ask("POST", PATH, data=raw, headers=headers) for _ in range(2)]
    series = await app.scrape()

    assert [answer.status for answer in answers] == [202, 202]
    assert [answer.json["accepted"] for answer in answers] == [2, 0]
    assert answers[0].headers["Access-Control-Expose-Headers"] == "Retry-After"
    counts = {name: n for name, n in series.items() if "measured_seconds_count" in name}
    assert counts == {
        'video_web_measured_seconds_count{measurement="Search.answer_ms"}': 1,
        'video_web_measured_seconds_count{measurement="other"}': 1,
    }


async def test_a_batch_of_which_nothing_can_be_read_is_a_bad_request(app: Running) -> None:
    answer = await app.post(PATH, {"logs": [5]})

    assert answer.status == 400
    assert answer.json["rejected"] == [{"index": 0, "reason": "invalid"}]
    assert (await app.post(PATH, {})).status == 202

"""The web-vitals library: its metrics as its own examples send them, and what they come to."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from exporter.events.web import told
from exporter.formats.format import Parsed, RefusedError, Sender
from exporter.record import Entry
from exporter.telemetry import Rejection
from tests.beacons import CHROME
from tests.pipelines import FORMATS, START, Piped, Saved, codec

# What version 6.2.3 sends when a page is hidden: JSON.stringify([...queue]).
FLUSHED = (
    b'[{"name":"INP","value":64,"rating":"good","delta":64,"entries":[{"name":"pointerdown",'
    b'"entryType":"event","duration":64}],"id":"v6-1795227595404-4919409382940",'
    b'"navigationType":"navigate","navigationId":0,"navigationURL":"https://h.example/watch/1?q=1",'
    b'"navigationStartTime":0},{"name":"CLS","value":0,"rating":"good","delta":0,"entries":[],'
    b'"id":"v6-1795227595408-4715120706732","navigationType":"navigate"}]'
)
# What the example of its README sends, one metric at a time.
SINGLE = {
    "name": "LCP",
    "value": 2600.4,
    "id": "v6-1795227595404-1",
    "page_location": "https://h.example/watch/1",
}
PATH = "/web-vitals"


def read(body: Any, *, most: int = 50, user_agent: str | None = CHROME) -> Parsed:
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return FORMATS[PATH].parse(raw, Sender(PATH, user_agent, "DE", most, at=START))


def vitals(parsed: Parsed) -> list[tuple[str, float, str]]:
    return [
        (event.vital.value, event.value, event.rated.value)
        for event in parsed.events
        if isinstance(event, told.VitalMeasured)
    ]


def sent(*bodies: Any) -> Piped:
    piped = Piped()
    for body in bodies:
        piped.take(read(body).events)
    piped.wait(300)
    return piped


def test_a_flushed_queue_is_the_metrics_in_it() -> None:
    assert vitals(read(FLUSHED)) == [("inp", 0.064, "good"), ("cls", 0, "good")]


def test_a_queue_flushed_again_counts_once() -> None:
    piped = sent(FLUSHED, FLUSHED)

    # INP may have been something else in between: it is taken over again, and is one value still.
    assert piped.total("exporter_events_duplicate_total") == 1
    assert {
        name: value for name, value in piped.series("video_web").items() if "total" in name
    } == {
        'video_web_page_views_total{erred="no",page="other"}': 1,
        'video_web_page_views_total{erred="no",page="/watch/:id"}': 1,
        'video_web_page_views_by_device_total{device="desktop",erred="no"}': 2,
        'video_web_vitals_total{device="desktop",rating="good",vital="inp"}': 1,
        'video_web_vitals_total{device="desktop",rating="good",vital="cls"}': 1,
        'video_web_vitals_by_page_total{page="/watch/:id",rating="good",vital="inp"}': 1,
        'video_web_vitals_by_page_total{page="other",rating="good",vital="cls"}': 1,
    }


@pytest.mark.parametrize(
    ("name", "value", "seconds", "rating"),
    [
        ("LCP", 2500, 2.5, "good"),
        ("LCP", 2501, 2.501, "needs-improvement"),
        ("LCP", 4001, 4.001, "poor"),
        ("INP", 500, 0.5, "needs-improvement"),
        ("CLS", 0.1, 0.1, "good"),
        ("CLS", 0.26, 0.26, "poor"),
        ("FCP", 1801, 1.801, "needs-improvement"),
        ("TTFB", 801, 0.801, "needs-improvement"),
        ("FID", 90, 0.09, "good"),
        ("fid", 301, 0.301, "poor"),
    ],
)
def test_a_rating_that_nobody_gave_is_that_of_the_limits(
    name: str, value: float, seconds: float, rating: str
) -> None:
    (found,) = vitals(read(SINGLE | {"name": name, "value": value}))

    assert found == (name.lower(), pytest.approx(seconds), rating)


def test_a_rating_that_somebody_gave_is_believed() -> None:
    assert vitals(read(SINGLE | {"rating": "poor"}))[0][2] == "poor"
    assert vitals(read(SINGLE | {"rating": "odd"}))[0][2] == "needs-improvement"


def test_the_last_value_of_an_id_counts() -> None:
    bodies = [SINGLE | {"name": "CLS", "value": value} for value in (0.01, 0.2, 0.12)]
    piped = Piped()
    for body in bodies:
        piped.take(read(body).events)
        piped.wait(60)
    piped.wait(300)

    assert piped.series("video_web_cls_score_sum") == {"video_web_cls_score_sum{}": 0.12}
    assert piped.total("video_web_vitals_total", rating="needs-improvement") == 1


VIEWS: tuple[dict[str, str], ...] = ({}, {"page_view_id": "p1"}, {"session_id": "s1"})


def inp(value: float, **more: Any) -> dict[str, Any]:
    return SINGLE | {"name": "INP", "value": value} | more


@pytest.mark.parametrize("about", VIEWS)
def test_inp_may_fall_and_be_again_as_it_was(about: dict[str, str]) -> None:
    piped = Piped()
    for value in (200, 180, 200):
        piped.take(read(inp(value, **about)).events)
        piped.wait(60)
    piped.wait(300)

    assert piped.series("video_web_inp_seconds_sum") == {"video_web_inp_seconds_sum{}": 0.2}
    assert piped.total("video_web_vitals_total") == 1


@pytest.mark.parametrize("about", VIEWS)
@pytest.mark.parametrize(
    ("values", "last", "rating"),
    [([200, 180], 0.18, "good"), ([208, 192], 0.192, "good"), ([192, 208], 0.208, "needs-impr")],
)
def test_the_last_metric_of_a_body_is_the_later_one(
    values: list[float], last: float, rating: str, about: dict[str, str]
) -> None:
    piped = Piped()
    piped.take(read([inp(value, **about) for value in values]).events)
    piped.wait(10)
    piped.wait(300)

    found = piped.series("video_web_inp_seconds_sum")
    assert found == {"video_web_inp_seconds_sum{}": pytest.approx(last)}
    (by_rating,) = piped.series("video_web_vitals_total")
    assert f'rating="{rating}' in by_rating


@pytest.mark.parametrize("about", VIEWS)
def test_the_same_bytes_again_count_once_however_late(about: dict[str, str]) -> None:
    piped = Piped()
    for pause in (1, 20, 400, 3000):
        piped.take(read([inp(200, **about), inp(-1, **about), inp(1e9, **about)]).events)
        piped.take(read(inp(0, **about) | {"value": None}).events)
        piped.wait(pause)

    assert piped.total("video_web_vitals_total") == 1
    if about:
        assert piped.total("video_web_page_views_total") == 1
    assert piped.total("video_web_clamped_total") == 2
    assert piped.total("video_web_null_values_total") == 1


def test_with_a_time_of_the_page_an_inp_that_comes_late_again_changes_nothing() -> None:
    first, second = inp(200, timestamp=1000), inp(180, timestamp=2000)
    piped = sent(first, second, first)

    assert piped.series("video_web_inp_seconds_sum") == {"video_web_inp_seconds_sum{}": 0.18}
    assert piped.total("exporter_events_duplicate_total") == 1
    assert sent(second, first).series("video_web_inp_seconds_sum") == {
        "video_web_inp_seconds_sum{}": 0.18
    }
    third = inp(200, timestamp=3000)
    assert sent(first, second, third).series("video_web_inp_seconds_sum") == {
        "video_web_inp_seconds_sum{}": 0.2
    }


def test_without_an_id_two_browsers_are_two_visitors() -> None:
    nameless = {"name": "CLS", "value": 0, "page_location": "https://x/"}
    piped = Piped()
    for version in (146, 147, 148):
        piped.take(read(nameless, user_agent=CHROME + f" v/{version}").events)
        piped.wait(400)

    assert piped.total("video_web_vitals_total") == 3
    assert piped.total("exporter_events_duplicate_total") == 0


@pytest.mark.parametrize("other", [{"origin": "https://two.example"}, {"country": "FR"}])
def test_without_an_id_other_sites_and_countries_are_other_visitors(other: dict[str, str]) -> None:
    raw = b'{"name":"CLS","value":0}'
    sender = Sender(PATH, CHROME, "DE", origin="https://one.example", at=START)
    senders = (sender, sender, msgspec.structs.replace(sender, **other))
    ids = [FORMATS[PATH].parse(raw, each).events[0].id for each in senders]

    assert ids[0] == ids[1] != ids[2]


def test_each_time_that_a_page_is_restored_its_vitals_are_others() -> None:
    restored = {"navigationType": "back-forward-cache"}
    metrics = [
        SINGLE | {"value": 3000, "id": "v6-1-1"},
        SINGLE | {"value": 50, "id": "v6-2-2"} | restored,
        SINGLE | {"value": 4500, "id": "v6-3-3"} | restored,
        SINGLE | {"value": 4600, "id": "v6-3-3"} | restored,
    ]
    piped = sent(*(metric | {"page_view_id": "p1"} for metric in metrics))

    assert piped.total("video_web_vitals_total") == 3
    assert piped.total("video_web_page_views_total") == 1
    assert sum(piped.series("video_web_lcp_seconds_sum").values()) == pytest.approx(7.65)
    (point,) = [point for point, _ in piped.points if point.measurement == "page_view"]
    assert dict(point.fields)["lcp_seconds"] == 3.0


def test_a_page_that_is_restored_after_its_end_is_measured_once_more() -> None:
    restored = {"navigationType": "back-forward-cache", "id": "v6-2-2", "value": 50}
    piped = Piped()
    for metric in (SINGLE, SINGLE | restored, SINGLE | restored | {"name": "LCP"}):
        piped.take(read(metric | {"page_view_id": "p1"}).events)
        piped.wait(400)

    assert piped.total("video_web_vitals_total") == 2
    fields = [dict(point.fields) for point, _ in piped.points if point.measurement == "page_view"]
    assert [each["lcp_seconds"] for each in fields if "lcp_seconds" in each] == [2.6004]


def test_a_page_that_is_restored_without_end_has_no_more_values_than_any_other() -> None:
    restored = {"navigationType": "back-forward-cache", "page_view_id": "p1", "value": 50}
    piped = sent(*(SINGLE | restored | {"id": f"v6-{number}"} for number in range(500)))

    assert 60 <= piped.total("video_web_vitals_total") <= 70


def test_two_people_with_the_same_browser_on_the_same_page_are_two_values() -> None:
    piped = sent(SINGLE, SINGLE | {"id": "v6-2-2", "value": 1000})

    assert piped.total("video_web_vitals_total") == 2
    assert piped.total("video_web_vitals_by_page_total", page="/watch/:id") == 2


def test_a_page_that_says_which_page_view_it_is_has_one() -> None:
    about = {"page_view_id": "p1", "session_id": "s1", "user_id": "u1"}
    piped = sent(SINGLE | about, SINGLE | about | {"name": "CLS", "value": 0, "id": "v6-3-3"})

    assert piped.total("video_web_page_views_total") == 1
    (point,) = [point for point, _ in piped.points if point.measurement == "page_view"]
    assert dict(point.fields) == {"lcp_seconds": 2.6004, "cls": 0, "errors": 0, "actions": 0}


def test_a_soft_navigation_is_a_page_view_of_its_own_at_its_own_address() -> None:
    soft = {
        "navigationType": "soft-navigation",
        "navigationId": 7,
        "navigationURL": "https://h.example/library",
        "page_view_id": "p1",
    }
    piped = sent(SINGLE | {"page_view_id": "p1"}, SINGLE | soft | {"id": "v6-4-4", "value": 900})

    assert piped.total("video_web_page_views_total", page="/watch/:id") == 1
    assert piped.total("video_web_page_views_total", page="/library") == 1
    assert piped.total("video_web_vitals_by_page_total", page="/library", rating="good") == 1


def test_what_is_null_or_of_another_name_is_no_vital() -> None:
    parsed = read([SINGLE | {"value": None}, SINGLE | {"name": "Next.js-hydration", "value": 5}])

    null, other = parsed.events
    assert isinstance(null, told.NothingMeasured)
    assert isinstance(other, told.MetricReported)
    assert (other.name, other.value) == ("other", 5)


def test_a_metric_that_cannot_be_read_costs_the_others_nothing() -> None:
    metrics = (
        msgspec.json.encode(SINGLE),
        b'{"name":"LCP"}',
        b'"LCP"',
        b'{"name":"LCP","value":"fast"}',
        b'{"name":"LCP","value":1e999}',
        b'{"name":"\xff","value":1}',
        b'{"name":"CLS","value":0.1}',
    )
    parsed = read(b" [" + b",".join(metrics) + b"]")

    assert [vital for vital, _, _ in vitals(parsed)] == ["lcp", "cls"]
    assert [(each.place, each.reason) for each in parsed.rejected] == [
        (1, Rejection.INCOMPLETE),
        (2, Rejection.INVALID),
        (3, Rejection.INVALID),
        (4, Rejection.INVALID),
        (5, Rejection.MALFORMED),
    ]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Rejection.MALFORMED),
        (b"LCP", Rejection.MALFORMED),
        (b"5", Rejection.INVALID),
        (b'"LCP"', Rejection.INVALID),
        (b"{}", Rejection.INCOMPLETE),
        (b'{"name":"LCP","value":1', Rejection.MALFORMED),
    ],
)
def test_a_single_metric_that_cannot_be_read_is_refused(body: bytes, reason: Rejection) -> None:
    with pytest.raises(RefusedError) as caught:
        read(body)
    assert caught.value.reason == reason


def test_an_empty_queue_is_no_error_and_a_cut_one_is_malformed() -> None:
    assert read([]) == Parsed((), ())
    assert [each.reason for each in read(FLUSHED[:-1]).rejected] == [Rejection.MALFORMED]


def test_more_metrics_than_are_allowed_are_too_many() -> None:
    assert len(read([SINGLE] * 3, most=3).events) == 3
    with pytest.raises(RefusedError) as caught:
        read([SINGLE] * 3, most=2)
    assert caught.value.reason == Rejection.TOO_MANY_EVENTS


def test_metrics_without_an_id_repeat_where_their_body_repeats() -> None:
    nameless = [{"name": "CLS", "value": 0.1}, {"name": "CLS", "value": 0.1}]
    piped = sent(nameless, nameless)

    assert piped.total("exporter_events_accepted_total", type="web.vital_measured") == 2
    assert piped.total("exporter_events_duplicate_total") == 2


def test_a_time_that_the_page_adds_says_which_value_was_last() -> None:
    late, early = (SINGLE | {"value": v, "timestamp": t} for v, t in ((100, 2000), (900, 1000)))

    assert sent(late, early).series("video_web_lcp_seconds_sum") == {
        "video_web_lcp_seconds_sum{}": 0.1
    }


# -- what may be written down, and what may not change the numbers ---------------------------

CANARIES = ("ann.canary@example.com", "canarytoken4f9d2c1b8e7a6b5c", "canary-view", "Canary/147")
MAIL, TOKEN, VIEW, AGENT = CANARIES
WHOSE = {
    "page_location": f"https://{MAIL}:{TOKEN}@h.example/watch/{VIEW}?mail={MAIL}#{TOKEN}",
    "id": f"v6-{TOKEN}",
    "page_view_id": VIEW,
    "session_id": TOKEN,
    "user_id": MAIL,
    "entries": [{"name": MAIL, "url": f"https://h.example/{TOKEN}"}],
}


def test_nobody_is_in_what_is_written_down() -> None:
    metrics = [SINGLE | WHOSE, SINGLE | WHOSE | {"name": MAIL}, SINGLE | WHOSE | {"value": None}]
    metrics += [{**SINGLE, **WHOSE, "page_view_id": None, "session_id": None}]
    events = read(metrics, user_agent=f"Mozilla/5.0 {AGENT}").events

    assert len(events) == 4
    piped = Piped()
    piped.take(events)
    states = repr([body for *_, body in piped.pipeline.sessions.changed()])
    piped.outlast()
    written = codec().encode([Entry(START, events)]).decode("latin1")
    for text in (written, states, repr(piped.points)):
        for canary in CANARIES:
            assert canary.lower() not in text.lower(), canary


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from([*SINGLE, *WHOSE, "rating", "navigationType", "navigationId", "timestamp"])
ODD = st.dictionaries(KEYS, JSON, max_size=6).map(lambda odd: SINGLE | odd)


@given(st.binary() | (JSON | st.lists(ODD, max_size=4) | ODD).map(msgspec.json.encode))
@example(b"[" * 100_000)
@example(b'{"name":' * 100_000)
@bounded(max_examples=300)
def test_every_body_is_read_or_refused_and_what_is_read_can_be_written_down(body: bytes) -> None:
    try:
        parsed = read(body)
    except RefusedError:
        return
    entry = Entry(START, parsed.events)
    (found,) = codec().decode(1, codec().encode([entry]))
    assert found.events == parsed.events


METRICS = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(("CLS", "INP", "LCP", "FCP", "TTFB")),
            "value": st.integers(0, 4000).map(lambda n: n / 1024),
            "id": st.sampled_from(("v6-1-1", "v6-2-2", "v6-3-3")),
        },
        optional={
            "page_view_id": st.sampled_from(("p1", "p2")),
            "page_location": st.sampled_from(("https://h.example/", "https://h.example/library")),
        },
    ),
    max_size=12,
)


@given(METRICS, st.data())
@bounded(max_examples=60)
def test_any_order_and_any_repetition_of_a_batch_give_the_same_numbers(
    metrics: Sequence[dict[str, Any]], data: st.DataObject
) -> None:
    for metric in metrics:  # of one id there is one page, as in the world
        metric["page_location"] = f"https://h.example/watch/{metric['id']}"
        if metric["name"] == "INP":  # only a time can say which was the last
            metric["timestamp"] = 1e12 + metric["value"] * 1024
    repeated = [
        *metrics,
        *data.draw(st.lists(st.sampled_from(metrics)) if metrics else st.just([])),
    ]
    shuffled = data.draw(st.permutations(repeated))
    one, other = sent(metrics), sent(shuffled, shuffled)

    assert other.series("video_web") == pytest.approx(one.series("video_web"))


def test_a_value_outlives_a_restart_and_so_does_that_it_was_counted() -> None:
    saved, piped = Saved(), Piped()
    piped.take(read(SINGLE).events)
    saved.save(piped)
    again = saved.restored()
    again.wait(300)
    counted = again.total("video_web_vitals_total")
    saved.save(again)
    last = saved.restored()
    last.now = again.now
    last.take(read(SINGLE | {"value": 9000}).events)
    last.wait(300)

    assert (counted, last.total("video_web_vitals_total")) == (1, 1)
    last.wait(3600)
    assert last.total("video_web_vitals_total") == 1
    assert not [each for each in last.pipeline.sessions.changed() if each[0] == "vital" and each[2]]

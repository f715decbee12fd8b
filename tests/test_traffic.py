"""The demo's traffic: what it sends is what the exporter takes, and its truth is the exporter's."""

import json
import math
from collections import Counter
from random import Random

import pytest

from demo.hours import BAD, GOOD, Weather, hour_at
from demo.life import Clocks, Life, template
from demo.message import Message
from demo.model import HOSTILE, PEACE, Hostility, Model, Run
from demo.scenes import embeds
from demo.scenes.flow import Times
from demo.truth import Truth, quantile, sample
from demo.world import COUNTRIES, DEVICES, PICTURES, TROUBLES
from exporter.catalogue import DEFAULTS
from exporter.event import Event, event_type
from exporter.events import upload
from exporter.events.upload.classes import ErrorType, Resolution
from exporter.privacy import Privacy
from exporter.record import Entry
from tests.pipelines import START, Piped, parse

EPOCH = 1_760_000_000.0


def read(**parts: object) -> tuple[list[Message], Model]:
    """Every message of a run, and the model with its truth."""
    model = Model(Run(**{"epoch": EPOCH, "uploads": 300, **parts}))  # type: ignore[arg-type]
    return list(model.messages()), model


def events(message: Message) -> tuple[Event, ...]:
    """What the exporter reads in a message, all of which it must take."""
    path, _, query = message.path.partition("?")
    kind = query.removeprefix("type=") or None
    user_agent = message.headers.get("User-Agent")
    parsed = parse(path, message.body, user_agent=user_agent, kind=kind)
    assert parsed.rejected == ()
    return parsed.events


def test_the_same_seed_sends_the_same_bytes_and_another_one_does_not() -> None:
    messages, model = read(hostility=HOSTILE)
    again, its_model = read(hostility=HOSTILE)
    assert messages == again
    assert model.truth.document() == its_model.truth.document()
    assert messages != read(hostility=HOSTILE, seed=2)[0]


def test_messages_are_in_order_of_time() -> None:
    for hostility in (PEACE, HOSTILE):
        times = [message.at for message in read(hostility=hostility)[0]]
        assert times == sorted(times)


@pytest.mark.parametrize("hostility", [PEACE, HOSTILE])
def test_the_exporter_reads_every_message_as_the_events_that_it_is(hostility: Hostility) -> None:
    for message in read(hostility=hostility)[0]:
        assert tuple(map(event_type, events(message))) == message.types


def test_every_kind_of_beacon_and_event_is_sent() -> None:
    sent = {event for message in read(uploads=1000)[0] for event in message.types}
    known = {event_type(e) for e in (*upload.DOMAIN.events, *upload.DOMAIN.reports)}
    of_partners = {
        event_type(event)
        for message in embeds.messages(
            Times(epoch=1_700_000_000.0, hour_seconds=120.0, seconds=900.0),
            Random(1),  # noqa: S311 - to be repeatable
        )
        for event in parse(message.path, message.body).events
    }
    assert known - of_partners < sent <= known
    assert sent | of_partners >= known


def test_people_are_in_the_classes_in_which_the_exporter_puts_them() -> None:
    privacy = Privacy(DEFAULTS, bytes(32))
    for device in DEVICES:
        found = privacy.client(device.user_agent)
        assert (found.device, found.browser) == (device.device, device.browser), device
    for country in COUNTRIES:
        assert privacy.client(None, country.code).region == country.region
    for trouble in TROUBLES.values():
        assert ErrorType.of(trouble.text) == trouble.kind
        if trouble.status >= 500:
            assert ErrorType.of(None, trouble.status) == trouble.kind
    named = {480: "sd", 720: "hd", 1080: "full_hd", 2160: "uhd"}
    for _, (width, height) in PICTURES:
        assert Resolution.of(width, height) == named[min(width, height)]


@pytest.mark.parametrize(
    "path",
    [
        "/api/uploads",
        "/api/uploads/upload-1-2/chunks/3",
        "/api/uploads/upload-1-2/complete",
        "/api/videos?page=1",
        "/api/videos/upload-1-2/preview",
    ],
)
def test_routes_are_the_exporters(path: str) -> None:
    assert template(path) == Privacy(DEFAULTS, bytes(32)).route(path) != "other"


def test_the_first_hour_is_short_and_good_and_every_twelfth_after_it_is_bad() -> None:
    assert hour_at(59.9, 120).weather is GOOD
    first = hour_at(60.0, 120)
    assert (first.number, first.begins, first.weather) == (1, 60.0, BAD[0])
    bad = [hour_at(60.0 + 120 * place + 1, 120) for place in range(40)]
    assert [each.number for each in bad if each.bad] == [1, 13, 25, 37]
    assert [each.weather for each in bad if each.bad] == [*BAD, BAD[0]]


@pytest.mark.parametrize("weather", [GOOD, *BAD])
def test_bad_hours_are_bad_enough_for_the_critical_alert_and_good_ones_good_enough(
    weather: Weather,
) -> None:
    truth = Truth()
    for number in range(800):
        life = Life(f"1-{number}", 0.0, weather, Clocks(EPOCH))
        life.messages()
        truth.add(life.truth)
    success = truth.kpis()["upload_success_ratio"]
    assert success > 0.98 if weather is GOOD else success < 0.88


def test_the_hostile_world_repeats_and_shuffles_as_much_as_it_says() -> None:
    messages, model = read(uploads=800, hostility=HOSTILE)
    bodies = Counter(message.body for message in messages)
    repeated = sum(count - 1 for count in bodies.values())
    assert repeated / len(bodies) == pytest.approx(HOSTILE.repeated, abs=0.012)
    calm = [message.body for message in read(uploads=800)[0]]
    assert len(calm) == len(set(calm))
    count = model.truth.sum_of
    assert count("exporter_events_received_total") == count(
        "exporter_events_accepted_total"
    ) + count("exporter_events_duplicate_total")
    assert count("video_upload_clamped_total") > 0


def test_the_hostile_world_sets_clocks_wrong_but_loses_no_upload() -> None:
    messages, model = read(uploads=600, hostility=HOSTILE)
    clocks = [
        event["at"] - EPOCH - message.at
        for message in messages
        if message.path == "/v1/events"
        for event in json.loads(message.body)["events"]
    ]
    assert sum(abs(wrong) > 600 for wrong in clocks) / len(clocks) == pytest.approx(0.2, abs=0.06)
    count = model.truth.sum_of
    assert count("video_upload_started_total") == count("video_upload_ended_total")


def test_a_share_of_values_is_a_value_and_nothing_has_none() -> None:
    assert quantile(0.95, [float(place) for place in range(1, 101)]) == 95.0
    assert quantile(0.95, [7.0]) == 7.0
    assert math.isnan(quantile(0.95, []))


def test_samples_are_named_as_prometheus_names_them() -> None:
    assert sample("a_total") == "a_total"
    assert sample("a_total", b="2", a="1") == 'a_total{a="1",b="2"}'


def count(piped: Piped, messages: list[Message]) -> dict[str, float]:
    """What the exporter counts when every message comes when it is sent."""
    for message in messages:
        piped.now = START + message.at
        piped.apply(Entry(piped.now, events(message)))
    piped.outlast()
    return {name.removesuffix("{}"): value for name, value in piped.series().items()}


@pytest.mark.parametrize("hostility", [PEACE, HOSTILE], ids=["peace", "hostile"])
def test_the_exporter_counts_the_truth(piped: Piped, hostility: Hostility) -> None:
    messages, model = read(uploads=1000, hour_seconds=60.0, hostility=hostility)
    assert model.truth.differences(count(piped, messages)) == []


def test_whatever_is_not_the_truth_is_found(piped: Piped) -> None:
    messages, model = read(uploads=60)
    counted = count(piped, messages)
    assert model.truth.differences(counted) == []
    for name, value in counted.items():
        if name.startswith("video_") and "by_age" not in name:
            more = {**counted, name: value * 1.01 + 1}
            assert len(model.truth.differences(more)) == 1, name
        if name.startswith("video_") and name.endswith(("_total", "_count")):
            less = {each: counted[each] for each in counted if each != name}
            assert len(model.truth.differences(less)) == 1, name

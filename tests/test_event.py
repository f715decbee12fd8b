"""What an event is, and what every domain's events have in common."""

import re
from typing import get_type_hints

import msgspec
import pytest

from exporter import event as events
from exporter.event import (
    NOBODY,
    Beacon,
    Browser,
    Client,
    Device,
    Domain,
    Event,
    Known,
    Network,
    Region,
    System,
    event_type,
)
from exporter.events import DOMAINS
from exporter.record import Entry
from tests.pipelines import CLEANER, codec

SENT = [(domain, event) for domain in DOMAINS for event in domain.events]
WRITTEN = [event for domain in DOMAINS for event in (*domain.events, *domain.reports)]
ALL = [*WRITTEN, *(event for domain in DOMAINS for event in domain.conclusions)]
CLASSES = [each for each in vars(events).values() if each in Known.__subclasses__()]


@pytest.mark.parametrize("closed", CLASSES, ids=lambda closed: closed.__name__)
def test_a_value_nobody_has_heard_of_is_other(closed: type[Known]) -> None:
    assert closed("unheard of") == "other"
    assert msgspec.json.decode(b'"unheard of"', type=closed) == "other"
    assert msgspec.json.decode(b'""', type=closed) == "other"
    assert len(set(closed)) > 2


def test_the_classes_of_clients_are_tested() -> None:
    assert {Device, Browser, System, Network, Region} == set(CLASSES)


@pytest.mark.parametrize("event", ALL, ids=event_type)
def test_an_event_has_a_type_a_sentence_and_cannot_be_changed(event: type[Event]) -> None:
    assert re.fullmatch(r"[a-z]+\.[a-z_]+", event_type(event))
    assert event.__struct_config__.frozen
    assert not event.__struct_config__.gc, "an event that is tracked costs every collection"
    assert (event.__doc__ or "").split("\n")[0].endswith((".", ",")), event


def test_no_two_events_have_one_type() -> None:
    types = [event_type(event) for event in ALL]

    assert len(types) == len(set(types))


@pytest.mark.parametrize(("domain", "event"), SENT, ids=lambda each: getattr(each, "name", ""))
def test_what_names_a_person_does_not_survive_cleaning(domain: Domain, event: type[Event]) -> None:
    """Every field that holds text of a client goes, or becomes a class or a fingerprint."""
    canary = "c4n4ry@example.com"
    filled = {}
    for field in msgspec.structs.fields(event):
        if _takes(field.type, canary):
            filled[field.name] = canary
    required = {
        field.name: _something(field.type)
        for field in msgspec.structs.fields(event)
        if field.required and field.name not in filled
    }
    cleaned = msgspec.convert({"type": event_type(event)} | required | filled, event).cleaned(
        CLEANER
    )

    assert canary not in repr(cleaned)
    assert canary.encode() not in codec().encode([Entry(1.0, (cleaned,))])


def _takes(kind: object, text: str) -> bool:
    try:
        return bool(msgspec.convert(text, kind) == text)
    except msgspec.ValidationError:
        return False


def _something(kind: object) -> object:
    """A value that a required field takes."""
    for value in ("u1", 1, True, "put", "lcp", "ok"):
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError:
            continue
        return value
    raise AssertionError(f"no value for {kind}")


@pytest.mark.parametrize(
    "beacon", [b for d in DOMAINS for b in d.beacons], ids=lambda beacon: beacon.path
)
def test_a_beacon_is_of_a_path_and_says_what_it_means(beacon: Beacon) -> None:
    assert beacon.path.startswith("/")
    assert beacon.translate.__doc__
    assert set(get_type_hints(beacon.translate)) == {"body", "received", "cleaner", "return"}


def test_two_sides_tell_of_one_client() -> None:
    server = Client(region=Region.EUROPE, country="DE")
    page = Client(Device.TV, Browser.CHROME, System.OTHER)
    both = Client(Device.TV, Browser.CHROME, System.OTHER, Region.EUROPE, "DE")

    assert server.informed(page) == page.informed(server) == both
    assert NOBODY.informed(page) == page.informed(NOBODY) == page
    assert both.informed(Client(device=Device.MOBILE)).device is Device.MOBILE


def test_a_name_made_by_a_program_holds_no_address_and_no_words() -> None:
    for name in ("u1", "0b9c-77", "a.b:c_d", "A" * 128):
        assert msgspec.convert(name, events.Name) == name
    for text in ("", "somebody@example.com", "two words", "a/b", "ü", "A" * 129, "a\n"):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(text, events.Name)

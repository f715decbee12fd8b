"""Who sends says which half of an A/B test it is: in a body of our trackers, or in an address."""

from contextlib import suppress
from typing import Any

import pytest

from exporter.event import Event
from exporter.formats.format import RefusedError, Sender
from tests.apps import Running
from tests.fuzz import seeds
from tests.pipelines import parse

BODIES: dict[str, dict[str, Any]] = {
    "/api/analytics/upload-performance": {"totalTime": 4000, "success": True},
    "/api/analytics/upload-experience": {"uploadId": "u1", "interactions": []},
    "/api/analytics/video-view": {"session_id": "s1"},
    "/api/analytics/video-progress": {"session_id": "s1", "watch_time_seconds": 15},
    "/api/analytics/video-complete": {"session_id": "s1", "watch_time_seconds": 15},
    "/api/metrics": {"name": "web_vitals_cls", "value": 0, "tags": {"url": "/"}},
    "/api/errors": {"errors": [{"id": "e1", "type": "javascript", "message": "m", "url": "/"}]},
    "/api/analytics/events": {"type": "page_view", "data": {"url": "/"}},
}
INSIDE = {
    "/api/metrics": lambda body: body["tags"],
    "/api/errors": lambda body: body["errors"][0],
    "/api/analytics/events": lambda body: body["data"],
}
"""Where such a body says it; others at their top."""


def trial(path: str, **said: Any) -> str | None:
    """What the event of a body belongs to, where the body says so much of it."""
    inside = INSIDE.get(path, lambda body: body)
    inside(BODIES[path]).update({"experiment": None, "variant": None} | said)
    (event,) = parse(path, BODIES[path]).events
    return event.trial


@pytest.mark.parametrize("path", BODIES)
def test_a_trial_of_a_tracker_is_the_trial_of_the_event(path: str) -> None:
    assert trial(path, experiment="frame", variant="gold") == "frame/gold"


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    "said",
    [
        {},
        {"experiment": "frame"},
        {"variant": "gold"},
        {"experiment": "frame", "variant": "for ann@example.com"},
        {"experiment": "frame", "variant": 1},
        {"experiment": "frame", "variant": ""},
        {"experiment": {"a": 1}, "variant": "gold"},
    ],
    ids=str,
)
def test_what_is_no_name_is_left_out_and_costs_the_event_nothing(
    path: str, said: dict[str, Any]
) -> None:
    # The trackers of web pages take a whole number for a name.
    expected = "frame/1" if said.get("variant") == 1 and path in INSIDE else None
    assert trial(path, **said) == expected


def seed(name: str) -> seeds.Seed:
    """A beacon of a format of which something is taken."""
    return next(each for each in seeds.of(name) if events_of(each))


def events_of(each: seeds.Seed) -> int:
    form = seeds.EVERY[each.path]
    query = {"CMCD" if "cmcd" in each.path else "type": each.query}
    headers = dict(zip(form.headers, each.headers, strict=False))
    with suppress(RefusedError):
        return len(form.parse(each.body, Sender(each.path, query=query, headers=headers)).events)
    return 0


# What webhooks sign is their time as well: a seed of them is too old for a real receiver.
@pytest.mark.parametrize("name", sorted({*seeds.names()} - {"webhooks"}))
async def test_whoever_cannot_say_it_in_a_body_says_it_in_the_address(
    app: Running, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    written: list[Event] = []
    write = app.engine.write
    monkeypatch.setattr(
        app.engine, "write", lambda events: (written.extend(events), write(events))[1]
    )
    each = seed(name)
    form = seeds.EVERY[each.path]
    query = {"experiment": "frame", "variant": "gold"}
    if each.query:
        query["CMCD" if "cmcd" in each.path else "type"] = each.query

    answer = await app.ask(
        "POST" if each.body else "GET",
        each.path,
        params=query,
        data=each.body or None,
        headers=dict(zip(form.headers, each.headers, strict=False))
        | {"Content-Type": max(form.media_types)},
    )

    assert answer.status < 300
    assert {event.trial for event in written} == {"frame/gold"}


def test_what_a_body_says_outweighs_the_address() -> None:
    parsed = parse(
        "/v1/events",
        {
            "events": [
                {"type": "upload.started", "upload_id": "u1", "experiment": "f", "variant": "a"},
                {"type": "upload.started", "upload_id": "u2"},
            ]
        },
    )

    tried = parsed.tried({"experiment": "f", "variant": "b"})

    assert [event.trial for event in tried.events] == ["f/a", "f/b"]


@pytest.mark.parametrize("variant", ["", "for ann@example.com", "x" * 1000])
async def test_what_is_no_name_in_an_address_is_left_out(app: Running, variant: str) -> None:
    answer = await app.ask(
        "POST",
        "/v1/events",
        params={"experiment": "frame", "variant": variant},
        json={"events": [{"type": "upload.started", "upload_id": "u1"}]},
    )

    assert answer.status == 202
    assert (await app.scrape())['exporter_events_accepted_total{type="upload.started"}'] == 1

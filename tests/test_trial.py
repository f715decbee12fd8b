"""A page says which half of an A/B test it is, in the body of any of our trackers."""

from typing import Any

import pytest

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

"""People on pages: how fast the pages are, what the people do, which errors they meet."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any, Final, NamedTuple

from demo.hours import GOOD, Weather
from demo.message import Message
from demo.scenes.flow import Times, flow, page, told
from demo.world import EXPERIMENT, VARIANTS, Person, pick, somebody, spread

PER_SECOND: Final = 0.7
HOST: Final = "https://video.example.com"
PAGES: Final = (
    (5.0, "/"),
    (8.0, "/watch/{}"),
    (3.0, "/courses/{}"),
    (2.0, "/upload"),
    (2.0, "/library"),
    (1.0, "/account"),
)
ERRORS: Final = (
    (4.0, ("javascript", "TypeError: Cannot read properties of undefined (reading 'duration')")),
    (2.0, ("promise_rejection", "AbortError: The play() request was interrupted")),
    (2.0, ("network_error", "Failed to fetch")),
    (2.0, ("http_error", "HTTP 503 for /api/videos/{}")),
    (1.0, ("slow_request", "Slow request: GET /api/videos/{} took 7312 ms")),
    (1.0, ("javascript", "ReferenceError: captions is not defined")),
)
VITALS: Final = (
    ("lcp", 1500.0, 0.45),
    ("fcp", 900.0, 0.4),
    ("ttfb", 350.0, 0.5),
    ("inp", 90.0, 0.6),
    ("cls", 0.03, 0.9),
)
"""Name, median (ms; CLS a score) and spread."""

PARTS: Final = (
    ("dns_lookup", 12.0),
    ("tcp_connect", 25.0),
    ("ssl_handshake", 40.0),
    ("request_response", 180.0),
    ("dom_processing", 420.0),
    ("total_load_time", 1100.0),
)


ACTIONS: Final = (
    (6.0, "click"),
    (3.0, "scroll"),
    (1.0, "form_submit"),
    (1.0, "page_hidden"),
    (0.2, "ux_error"),
)


DEPTHS: Final = ((4.0, 25), (3.0, 50), (2.0, 75), (1.0, 100))
"""How far down a page somebody scrolls, in percent."""


class Visitor(NamedTuple):
    """Somebody on the site: who, in which session, and how things go."""

    person: Person
    session: str
    user: str
    weather: Weather
    variant: str

    @property
    def trial(self) -> dict[str, str]:
        """Which half of the A/B test."""
        return {"experiment": EXPERIMENT, "variant": self.variant}

    @property
    def network(self) -> dict[str, str]:
        """Over what, where the browser tells."""
        person = self.person
        return {"network": person.network} if person.device.tells_network else {}

    @property
    def agent(self) -> str:
        """What the browser says of itself."""
        return self.person.device.user_agent


def messages(times: Times, rng: Random) -> Iterator[Message]:
    """Sessions of one to a dozen page views."""
    return flow(times, rng, PER_SECOND, "session", lambda name, at: _session(times, rng, name, at))


def _session(times: Times, rng: Random, name: str, began: float) -> Iterator[Message]:
    weather = times.weather(began)
    visitor = Visitor(
        somebody(rng, weather.slowing),
        name,
        f"user-{rng.randrange(4000)}",
        weather,
        rng.choice(VARIANTS),
    )
    at = began
    bounces = rng.random() < 0.3
    for number in range(1 if bounces else 1 + min(11, int(rng.expovariate(0.4)) + 1)):
        url = HOST + pick(rng, PAGES).format(rng.randrange(40))
        view = _View(times, rng, visitor, url, f"{name}-{number}", at)
        yield from view.shown()
        stays = 8.0 if bounces else spread(rng, 25.0, 0.7)
        if not bounces:
            yield from view.used(stays)
        at += stays


class _View(NamedTuple):
    """One page view: what the page says of it."""

    times: Times
    rng: Random
    visitor: Visitor
    url: str
    name: str
    began: float

    def shown(self) -> Iterator[Message]:
        """The view, how long everything took, and an error if there is one."""
        rng, weather = self.rng, self.visitor.weather
        yield self._event(0.0, "page_view", {})
        slow = weather.slowing**0.8 * (0.85 if self.visitor.variant == "wide" else 1.0)
        for place, (name, median) in enumerate(PARTS):
            took = spread(rng, median * slow, 0.35)
            yield self._metric(1.5 + place / 100, f"navigation_{name}", took)
        for place, (name, median, sigma) in enumerate(VITALS):
            value = spread(rng, median * (1.0 if name == "cls" else slow), sigma)
            if name in {"lcp", "cls"}:
                # Both come on every change; the last one counts.
                yield self._metric(1.6, f"web_vitals_{name}", value * 0.6)
            yield self._metric(2 + place / 100, f"web_vitals_{name}", value)
        yield from self._resources(slow)
        if rng.random() < (0.005 if weather is GOOD else 0.12):
            yield self._error(3.0)

    def _resources(self, slow: float) -> Iterator[Message]:
        """What the page loaded, and what it did to the main thread."""
        rng = self.rng
        for place in range(rng.randrange(3)):
            took = spread(rng, 220.0 * slow, 0.6)
            yield self._metric(2.2 + place / 100, "resource_load_time", took)
        if rng.random() < 0.05:
            # Old browsers have no navigationStart, of which NaN comes, of which null comes.
            yield self._metric(2.3, "navigation_total_load_time", None)
            yield self._metric(2.35, "player_bundle_kilobytes", 412.0)
        yield self._request(2.38)
        if rng.random() < 0.15:
            yield self._metric(2.4, "long_task_duration", spread(rng, 90.0, 0.4))

    def used(self, stays: float) -> Iterator[Message]:
        """What the person does for so many seconds."""
        rng = self.rng
        for _ in range(int(rng.expovariate(0.4))):
            said: dict[str, Any] = {"action": pick(rng, ACTIONS)}
            if said["action"] == "scroll":
                said["depth"] = pick(rng, DEPTHS)
            yield self._event(rng.uniform(3.0, max(3.5, stays)), "user_action", said)

    def _metric(self, after: float, name: str, value: float | None) -> Message:
        at, visitor = self.began + after, self.visitor
        body = {
            "name": name,
            "value": None if value is None else round(value, 4),
            "timestamp": self.times.milliseconds(at),
            "tags": {
                "environment": "production",
                "user_agent": visitor.agent,
                "url": self.url,
                "sessionId": visitor.session,
                "pageViewId": self.name,
                **visitor.network,
                **visitor.trial,
            },
        }
        return page(at, "/api/metrics", body, visitor.agent)

    def _request(self, after: float) -> Message:
        """The server in front of the pages tells of a request of theirs, and from where it came."""
        made = {
            "type": "web.request_made",
            "url": self.url,
            "page_view_id": self.name,
            "session_id": self.visitor.session,
            "country": self.visitor.person.country.code,
            "result": "ok" if self.visitor.weather is GOOD or self.rng.random() < 0.9 else "failed",
            "duration_seconds": round(spread(self.rng, 0.2, 0.5), 3),
        }
        return told(self.times, self.began + after, made)

    def _error(self, after: float) -> Message:
        kind, text = pick(self.rng, ERRORS)
        at, visitor = self.began + after, self.visitor
        error: dict[str, Any] = {
            "id": f"error-{self.name}",
            "type": kind,
            "message": text.format(self.rng.randrange(1000)),
            "stack": f"Error\n    at play ({HOST}/static/player.js:1:2345)",
            "url": self.url,
            "timestamp": self.times.milliseconds(at),
            "sessionId": visitor.session,
            "userId": visitor.user,
            "pageViewId": self.name,
            "buildVersion": "2026.11.2",
        }
        if kind == "http_error":
            error["status"] = 503
        if kind == "slow_request":
            error["duration"] = 7312
        return page(at, "/api/errors", {"errors": [error]}, visitor.agent)

    def _event(self, after: float, kind: str, more: dict[str, Any]) -> Message:
        at, visitor = self.began + after, self.visitor
        data = {
            "url": self.url,
            "sessionId": visitor.session,
            "userId": visitor.user,
            "pageViewId": self.name,
            **visitor.trial,
            **more,
        }
        body = {"type": kind, "data": data, "timestamp": self.times.milliseconds(at)}
        return page(at, "/api/analytics/events", body, visitor.agent)

"""Stories of web sessions: told by our own trackers, by events, by Faro, by the web-vitals library.

Whoever is named is named in the first beacon, and a page view is announced before anything is said
of it: what waits for one of them is counted elsewhere when the wait is over. A session lasts far
longer by its page's clock than its beacons take to come, so its length is what the page says.
"""

import json
import uuid
from datetime import UTC, datetime
from typing import Any

from tests.durability.telling import AT, COUNTRIES, NETWORKS, TEXT, Body, Post, Story, Teller

URLS = ("/", "/watch/7", "/courses/9", "/upload", "/library", "/account", "/elsewhere")
ACTIONS = ("click", "form_submit", "scroll", "ux_error")
ERROR_TYPES = ("javascript", "promise_rejection", "http_error", "network_error", "slow_request")
MESSAGES = ("video is not defined", "failed to fetch", "request timed out", "decoding failed")
LEVELS = ("info", "warn", "error", "odd")
VITALS = (("LCP", 400, 6000), ("FCP", 200, 4000), ("TTFB", 20, 2500), ("FID", 5, 400))
LATER = (("INP", 20, 700), ("CLS", 0, 1))
"""What a page knows only when it is hidden."""

APART = 300.0
"""Seconds by the page's clock between two page views of a session."""


class Pages(Teller):
    """What is told by browsers; see :class:`tests.durability.traffic.Stories`."""

    # -- our own trackers ------------------------------------------------------------------------

    def _session_of_page(self) -> Story:
        """One to three page views with all that the trackers say; or one, and nothing else."""
        chance, agent = self._random, self._agent()
        who = {"sessionId": self._name("session"), "userId": self._person()}
        story: Story = []
        views = chance.randrange(1, 4)
        for number in range(views):
            at = (AT + number * APART) * 1000
            view = {**who, "pageViewId": self._another("page"), "page_url": chance.choice(URLS)}
            story.append(self._happening("page_view", view, at, agent))
            if views == 1 and self._maybe(0.3):
                return story
            story += self._measurements(view, at, agent)
            if self._maybe(0.4):
                story.append(self._errors(view, at, agent))
        for kind in chance.sample(ACTIONS, chance.randrange(1, 3)):
            depth = {"depth": chance.choice((10, 50, 100))} if kind == "scroll" else {}
            story.append(self._happening(kind, {**view, **depth}, at + 700_000, agent))
        return story

    def _happening(self, kind: str, data: Body, at: float, agent: str) -> Post:
        body = {"type": kind, "data": data, "timestamp": at}
        return self._of_page("/api/analytics/events", body, agent)

    def _measurements(self, view: Body, at: float, agent: str) -> Story:
        """Vitals, and a part of what else is measured, each in a beacon."""
        chance = self._random
        tags = {**view, "effectiveType": chance.choice(NETWORKS)}
        values = {f"web_vitals_{name.lower()}": _value(chance, *rest) for name, *rest in VITALS}
        values |= {
            "navigation_dns_lookup": chance.uniform(0, 90),
            "navigation_total_load_time": chance.uniform(300, 9000),
            "resource_load_time": chance.uniform(10, 9000),
            "long_task_duration": chance.uniform(50, 900),
            "of_our_own": chance.uniform(0, 9),
            "nothing": None,
        }
        return [
            self._of_page(
                "/api/metrics",
                {"name": name, "value": values[name], "tags": tags, "timestamp": at + 500},
                agent,
            )
            for name in chance.sample(sorted(values), chance.randrange(2, 5))
        ]

    def _errors(self, view: Body, at: float, agent: str) -> Post:
        chance = self._random
        errors = [
            {
                **view,
                "type": chance.choice((*ERROR_TYPES, "odd")),
                "id": self._another("error"),
                "message": chance.choice(MESSAGES),
                "timestamp": at + 1000,
            }
            for _ in range(chance.randrange(1, 4))
        ]
        return self._of_page("/api/errors", {"errors": errors}, agent, len(errors))

    # -- by events -------------------------------------------------------------------------------

    def _session(self) -> Story:
        """Two page views; the first is hidden and left at once, and is measured once more later."""
        chance = self._random
        about: Body = {
            "session_id": self._name("events"),
            "user_id": self._person(),
            "user_agent": self._agent(),
            "country": chance.choice(COUNTRIES),
        }
        first, second = (
            {**about, "page_view_id": self._another("page"), "url": chance.choice(URLS)}
            for _ in range(2)
        )
        return [
            self._events(_event("page_viewed", first, AT)),
            self._events(*self._request(first, AT + 1)),
            self._events(
                _event("vital_measured", first, AT + 2, vital="lcp", value=chance.uniform(0.5, 6)),
                _event("action_taken", first, AT + 60, action="page_hidden"),
                _event("page_viewed", second, AT + 61),
            ),
            self._events(
                _event("vital_measured", first, AT + 62, vital="inp", value=chance.uniform(0, 0.7))
            ),
            self._events(
                _event("custom_happened", second, AT + 500, name="quality.chosen"),
                _event("log_written", second, AT + 500, level=chance.choice(LEVELS)),
                _event("long_task_ran", second, AT + 600, duration_seconds=chance.uniform(0, 1)),
                _event("action_taken", second, AT + 700, action="click"),
            ),
        ]

    def _request(self, view: Body, at: float) -> list[Body]:
        """One request of a page, of which two tell; the worse of them counts."""
        chance = self._random
        request = {"request_id": self._another("request")}
        made = {"result": chance.choice(("ok", "failed")), "duration_seconds": chance.uniform(0, 9)}
        name = chance.choice(("video_startup.startup_ms", "of.our.own_ms"))
        return [
            _event("resource_loaded", view, at, duration_seconds=chance.uniform(0, 9), **request),
            _event("request_made", view, at, **made, **request),
            _event("duration_measured", view, at, name=name, duration_seconds=chance.random()),
        ]

    # -- Faro ------------------------------------------------------------------------------------

    def _session_of_faro(self) -> Story:
        """A page view that says its id, what it measures later, and a second page view or not."""
        session, agent, story = self._name("faro"), self._agent(), []
        for number in range(self._random.randrange(1, 3)):
            at = AT + number * APART
            page = {"url": f"https://video.example.com{self._random.choice(URLS)}"}
            page["id"] = str(uuid.UUID(int=self._random.getrandbits(128)))
            meta = {
                "session": {"id": session},
                "user": {"id": self._person()},
                "page": page,
                "browser": {"userAgent": agent},
            }
            story.append(self._loaded(meta, at))
            later = [self._vital(name.lower(), *rest, at=at + 200) for name, *rest in LATER]
            clicked = _happened("faro.user.action", at + 700, userActionTrigger="pointerdown")
            batch = {"meta": meta, "measurements": later, "events": [clicked]}
            story.append(self._batch_of_faro(batch, len(later) + 1))
        return story

    def _loaded(self, meta: Body, at: float) -> Post:
        """What the SDK sends of a page that has been loaded."""
        chance = self._random
        measured = [self._vital(name.lower(), *rest, at=at) for name, *rest in VITALS[:3]]
        own = {"type": "video_startup", "values": {"startup_ms": chance.uniform(9, 4000)}}
        measured.append({**own, "timestamp": _iso(at)})
        timings = {"duration": "812", "dnsLookupTime": "3", "tcpHandshakeTime": "12"}
        events = [
            _happened("session_start", at),
            _happened("faro.performance.navigation", at, **timings),
            _happened("faro.performance.resource", at, duration="73", responseStatus="200"),
            _happened("faro.performance.resource", at, duration="9", responseStatus="503"),
        ]
        thrown = {"type": "TypeError", "value": chance.choice(MESSAGES), "timestamp": _iso(at)}
        batch: Body = {
            "meta": meta,
            "measurements": measured,
            "events": events,
            "exceptions": [thrown] if self._maybe(0.5) else [],
            "traces": {"resourceSpans": [{"scopeSpans": [{"spans": [{}, {}]}]}]},
            "logs": [{"message": "ready", "level": chance.choice(LEVELS), "timestamp": _iso(at)}],
        }
        # A navigation is two: the page view, and where its time went. Traces are one.
        count = len(measured) + len(events) + 1 + len(batch["exceptions"]) + 2
        return self._batch_of_faro(batch, count)

    def _vital(self, name: str, least: float, most: float, at: float) -> Body:
        context = {"id": self._another("v6"), "navigation_type": "navigate"}
        values = {name: _value(self._random, least, most), "delta": 1.0}
        kind = {"type": "web-vitals", "timestamp": _iso(at)}
        return {**kind, "values": values, "context": context}

    def _batch_of_faro(self, batch: Body, events: int) -> Post:
        """With its key, which is the same however often it is sent."""
        key = (("Idempotency-Key", self._another("batch")),)
        body = json.dumps(batch).encode()
        return Post("/collect", None, body, events, self._agent(), "application/json", key)

    # -- the web-vitals library ------------------------------------------------------------------

    def _vitals_of_library(self) -> Story:
        """The metrics of a page that says which page view it is, now and when it is hidden."""
        page = {"page_view_id": self._another("page"), "session_id": self._name("vitals")}
        return self._measured_by_library({**page, "user_id": self._person()})

    def _vitals_of_nobody(self) -> Story:
        """Of a page that says nothing of itself: only the library's ids tell values apart."""
        return self._measured_by_library({})

    def _measured_by_library(self, page: Body) -> Story:
        agent, url = self._agent(), f"https://video.example.com{self._random.choice(URLS)}"
        names = {name: self._another("v4") for name, *_ in (*VITALS, *LATER)}
        story = []
        for at, vitals in ((AT, VITALS[:3]), (AT + 700, LATER), (AT + 800, LATER)):
            metrics = [
                {
                    "name": name,
                    "value": _value(self._random, *rest) + (at - AT),
                    "id": names[name],
                    "navigationType": "navigate",
                    "navigationURL": url,
                    "timestamp": at * 1000,
                    **page,
                }
                for name, *rest in vitals
            ]
            body = json.dumps(metrics).encode()
            story.append(Post("/web-vitals", None, body, len(metrics), agent, TEXT))
        return story


def _value(chance: Any, least: float, most: float) -> float:
    return float(chance.uniform(least, most))


def _event(kind: str, view: Body, at: float, **more: Any) -> Body:
    return {"type": f"web.{kind}", **view, "at": at, **more}


def _happened(name: str, at: float, **attributes: str) -> Body:
    return {"name": name, "domain": "browser", "attributes": attributes, "timestamp": _iso(at)}


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()

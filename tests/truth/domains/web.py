"""Sessions of known page views: how fast, with which errors, and what people did."""

from __future__ import annotations

from typing import Any

from tests.truth.domains.told import Sums, Teller, Told, p95
from tests.truth.facts import Span
from tests.truth.plans import AGENTS, Agent
from tests.truth.sending import Message, Step

SESSIONS = 220
LOAD_LIMITS = (0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 10.0)
PAGES = {
    "https://video.example.com/": "/",
    "https://video.example.com/watch/abc?t=3": "/watch/:id",
    "https://video.example.com/courses/7#top": "/courses/:id",
    "https://video.example.com/upload": "/upload",
    "https://video.example.com/nowhere/else": "other",
}
GOOD = {"lcp": 2500.0, "inp": 200.0, "cls": 0.1, "fcp": 1800.0, "ttfb": 800.0}
"""Limits of good as pages say them: milliseconds, and a score for CLS."""

REQUESTS = {"http_error": "failed", "network_error": "failed", "slow_request": "slow"}
ERRORS = ("javascript", "promise_rejection", *REQUESTS)


class _Web:
    """Tells sessions, and adds up what they amount to."""

    def __init__(self, seed: int, epoch: float) -> None:
        self.teller = Teller("web", seed, epoch)
        self.rng = self.teller.rng
        self.vitals = {vital: Sums() for vital in GOOD}
        self.erred, self.bounced, self.engaged = Sums(), Sums(), Sums()
        self.by_kind: dict[str, int] = dict.fromkeys(ERRORS, 0)
        self.requests = Sums()
        self.loads: list[float] = []
        self.views = 0

    def session(self) -> None:
        """Views one after the other, each with what it measures and meets."""
        agent = self.rng.choice([each for each in AGENTS if each.text])
        session, views = self.teller.name(), self.rng.randint(1, 4)
        steps: list[Step] = []
        actions = 0
        for _ in range(views):
            url = self.rng.choice(list(PAGES))
            tags = {
                "url": url,
                "sessionId": session,
                "pageViewId": self.teller.name(),
                "userId": f"user-{self.rng.randrange(50)}",
            }
            steps += self._view(agent, tags, PAGES[url])
            for _ in range(self.rng.choice((0, 0, 0, 1, 3))):
                actions += 1
                steps.append(self._happening(agent, "user_action", {"action": "click", **tags}))
        self.bounced.add(float(views == 1 and not actions), device=agent.device)
        self.engaged.add(min(2 * actions, 20), device=agent.device)
        self.teller.story(steps)

    def _view(self, agent: Agent, tags: dict[str, Any], page: str) -> list[Step]:
        rng = self.rng
        steps: list[Step] = [self._happening(agent, "page_view", tags)]
        for vital, limit in GOOD.items():
            if rng.random() < 0.2:
                continue
            values = [round(limit * rng.choice((0.3, 0.7, 1.0, 1.3, 2.0, 4.0)), 4)]
            while vital in {"lcp", "cls"} and rng.random() < 0.5:
                values.append(round(values[-1] * rng.choice((1.0, 1.5)), 4))
            for number, value in enumerate(values):
                steps.append(self._metric(agent, f"web_vitals_{vital}", value, tags, number))
            self.vitals[vital].add(float(values[-1] <= limit), device=agent.device, route=page)
        load = round(rng.uniform(200, 9000), 1)
        self.loads.append(load / 1000)
        steps.append(self._metric(agent, "navigation_total_load_time", load, tags))
        for number in range(rng.randrange(3)):
            took = rng.choice((120.0, 800.0, 6000.0))
            self.requests.add(float(took > 5000), route=page)
            steps.append(self._metric(agent, "resource_load_time", took, tags, number))
        kinds = [rng.choice(ERRORS)] * rng.randint(1, 2) if rng.random() < 0.3 else []
        if kinds:
            steps += self._errors(agent, kinds, tags, page)
        self.views += 1
        self.erred.add(float(bool(kinds)), route=page)
        return steps

    def _errors(
        self, agent: Agent, kinds: list[str], tags: dict[str, Any], page: str
    ) -> list[Step]:
        self.by_kind[kinds[0]] += 1
        for kind in kinds:
            if kind in REQUESTS:
                self.requests.add(1.0, route=page)
        errors = [
            {
                "id": self.teller.name(),
                "type": kind,
                "message": f"{kind} number {self.rng.randrange(1000)}",
                "stack": "Error\n    at x.js:1",
                "status": 503 if kind == "http_error" else None,
                "duration": 7000 if kind == "slow_request" else None,
                **tags,
            }
            for kind in kinds
        ]
        return [self.teller.page("/api/errors", {"errors": errors}, agent.text, len(errors))]

    def _happening(self, agent: Agent, kind: str, data: dict[str, Any]) -> Message:
        body = {"type": kind, "data": {**data, "n": self.teller.name()}, "timestamp": None}
        return self.teller.page("/api/analytics/events", body, agent.text)

    def _metric(
        self, agent: Agent, name: str, value: float, tags: dict[str, Any], number: int = 0
    ) -> Message:
        body = {"name": name, "value": value, "timestamp": None, "tags": {**tags, "n": number}}
        return self.teller.page("/api/metrics", body, agent.text)


def told(seed: int, epoch: float) -> Told:
    """Everything about pages."""
    web = _Web(seed, epoch)
    for _ in range(SESSIONS):
        web.session()
    truth = web.teller.told
    for vital, sums in web.vitals.items():
        sums.means(truth, f"web_{vital}_good_ratio")
    web.erred.means(truth, "web_error_ratio")
    for kind, views in web.by_kind.items():
        share = views / web.views
        truth.segments["web_error_ratio", "error_type", kind] = Span(share, share)
    web.requests.means(truth, "web_request_failure_ratio")
    web.bounced.means(truth, "web_bounce_ratio")
    web.engaged.means(truth, "web_engagement_score")
    # Whatever is sent within seconds is no minute; a session lasts as long as this machine takes.
    for key in [key for key in truth.segments if key[0] == "web_engagement_score"]:
        low, high = truth.segments[key]
        truth.segments[key] = Span(low, high + 1)
    low, high = truth.kpis["web_engagement_score"]
    truth.kpis["web_engagement_score"] = Span(low, high + 1)
    truth.kpis["web_session_mean_seconds"] = Span(0.0, 60.0)
    truth.kpis["web_load_p95_seconds"] = p95(web.loads, LOAD_LIMITS)
    return truth

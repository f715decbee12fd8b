"""What the services say and what people do, of known outcome."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.truth.domains.told import Sums, Teller, Told, p95, ratio
from tests.truth.facts import exactly

SERVICES = ("api", "web", "database", "storage", "cache", "queue")
CACHES = {"cdn": "cdn", "API": "api", "session": "session", "shelf": "other"}
ROUTES = (
    ("/api/videos?page=2", "/api/videos"),
    ("/api/videos/9f8e#t=3", "/api/videos/:id"),
    ("/api/uploads/4711", "/api/uploads/:id"),
    ("/api/uploads/4711/complete?token=x", "/api/uploads/:id/complete"),
    ("/api/people/anna", "other"),
)
FAST = ("/api/uploads/:id", "/api/videos", "/api/videos/:id")
CALL_LIMITS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0)
ACTIONS = {
    "auth.acted": "auth",
    "content.acted": "content",
    "pwa.acted": "pwa",
    "system.acted": "system",
}


def told(seed: int, epoch: float) -> Told:
    """Everything about the platform."""
    teller = Teller("platform", seed, epoch)
    _checks(teller)
    _resources(teller)
    _caches(teller)
    _actions(teller, _calls(teller))
    _ratings(teller)
    return teller.told


def _checks(teller: Teller) -> None:
    rng, healthy = teller.rng, Sums()
    words = {True: ("healthy", "ok", "pass", "UP"), False: ("unhealthy", "down", "fail")}
    for _ in range(60):
        checks: dict[str, Any] = {}
        for service in SERVICES:
            ok = rng.random() < (0.7 if service == "storage" else 0.99)
            healthy.add(float(ok), service=service)
            checks[service] = {
                "status": rng.choice(words[ok]),
                "message": "said",
                "responseTime": rng.randrange(5, 900),
            }
        body = {"status": "healthy", "timestamp": teller.name(), "checks": checks, "summary": {}}
        teller.story([teller.page("/api/health/status", body, "curl/8.5.0", len(checks))])
    for _ in range(60):
        ok, service = rng.random() < 0.9, rng.choice(SERVICES)
        healthy.add(float(ok), service=service)
        checked = teller.event("service.checked", service=service, ok=ok, duration_seconds=0.01)
        teller.story([teller.native(checked)])
    healthy.means(teller.told, "service_availability_ratio")


def _resources(teller: Teller) -> None:
    """The KPI is the fullest service; all reports of one are the same here."""
    kinds = {"memory_used_ratio": 0.0, "cpu_used_ratio": 0.0, "disk_used_ratio": 0.0}
    for service in SERVICES:
        said = {kind: round(teller.rng.uniform(0.1, 0.6), 3) for kind in kinds}
        for kind, value in said.items():
            kinds[kind] = max(kinds[kind], value)
            teller.told.segments[kind, "service", service] = exactly(value)
        for _ in range(3):
            teller.story(
                [teller.native(teller.event("resources.measured", service=service, **said))]
            )
    for kind, most in kinds.items():
        teller.told.kpis[kind] = exactly(most)


def _caches(teller: Teller) -> None:
    found: dict[str, list[int]] = {}
    for said, listed in CACHES.items():
        for _ in range(10):
            hits, misses = teller.rng.randrange(200), teller.rng.randrange(60)
            looked = teller.event("cache.looked_up", cache=said, hits=hits, misses=misses)
            teller.story([teller.native(looked)])
            totals = found.setdefault(listed, [0, 0])
            totals[0] += hits
            totals[1] += hits + misses
    for listed, (hits, lookups) in found.items():
        teller.told.segments["cache_hit_ratio", "cache", listed] = ratio(hits, lookups)
    hits, lookups = (sum(each[n] for each in found.values()) for n in (0, 1))
    teller.told.kpis["cache_hit_ratio"] = ratio(hits, lookups)


def _calls(teller: Teller) -> list[bool]:
    """Calls of the API, of which some say how long they took; whether each failed."""
    rng, times, outcomes = teller.rng, Sums(), []
    fast: dict[str, list[float]] = {route: [] for route in FAST}
    for _ in range(400):
        path, route = rng.choice(ROUTES)
        status = rng.choice((200, 200, 200, 201, 404, 500, 503, 0))
        called = teller.event("api.called", route=path, status=status, method="GET")
        if rng.random() < 0.9:
            seconds = round(rng.uniform(0.01, 0.12 if route in FAST else 3.0), 4)
            called["duration_seconds"] = seconds
            times.add(seconds, route=route)
            if route in FAST:
                fast[route].append(seconds)
        outcomes.append(status == 0 or status >= 500)
        teller.story([teller.native(called)])
    truth = teller.told
    times.means(truth, "response_time_mean_seconds")
    together = [seconds for each in fast.values() for seconds in each]
    truth.kpis["response_time_p95_seconds"] = p95(together, CALL_LIMITS)
    for route, seconds_of in fast.items():
        span = p95(seconds_of, CALL_LIMITS)
        truth.segments["response_time_p95_seconds", "route", route] = span
    return outcomes


def _actions(teller: Teller, calls: Iterable[bool]) -> None:
    """A call of the API is an action of the system as well."""
    rng, failed, logins = teller.rng, Sums(), Sums()
    for each in calls:
        failed.add(float(each), phase="system")
    for _ in range(300):
        kind = rng.choice(("auth.login_tried", *ACTIONS))
        ok = rng.random() < 0.9
        failed.add(float(not ok), phase=ACTIONS.get(kind, "auth"))
        if kind == "auth.login_tried":
            logins.add(float(not ok))
        teller.story([teller.native(teller.event(kind, action="whatever", ok=ok))])
    offers, installs = 0, 0
    for _ in range(60):
        offers += 1
        events = [teller.event("pwa.install_offered")]
        if rng.random() < 0.3:
            installs += 1
            events.append(teller.event("pwa.installed"))
        teller.story([teller.native(*events)])
    failed.means(teller.told, "error_ratio")
    logins.means(teller.told, "login_failure_ratio")
    teller.told.kpis["pwa_install_ratio"] = ratio(installs, offers)


def _ratings(teller: Teller) -> None:
    """Those that no other domain counts; the whole of the KPI is theirs as well."""
    ratings = Sums()
    for _ in range(80):
        stars, about = teller.rng.randint(1, 5), teller.rng.choice(("playback", "web", "kitchen"))
        ratings.add(stars, domain=about if about != "kitchen" else "other")
        teller.told.ratings.append(stars)
        teller.story([teller.native(teller.event("feedback.rated", about=about, rating=stars))])
    ratings.means(teller.told, "user_satisfaction_score")
    del teller.told.kpis["user_satisfaction_score"]

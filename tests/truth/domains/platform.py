"""What the services say and what people do, of known outcome."""

from __future__ import annotations

from typing import Any

from tests.truth.domains.told import Sums, Teller, Told, ratio
from tests.truth.facts import exactly

SERVICES = ("api", "web", "database", "storage", "cache", "queue")
CACHES = {"cdn": "cdn", "API": "api", "session": "session", "shelf": "other"}
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
    _actions(teller)
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


def _actions(teller: Teller) -> None:
    rng, failed, logins = teller.rng, Sums(), Sums()
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
    """Those that no other domain counts; the KPI has theirs as well, so its whole is not told."""
    ratings = Sums()
    for _ in range(80):
        stars, about = teller.rng.randint(1, 5), teller.rng.choice(("playback", "web", "kitchen"))
        ratings.add(stars, domain=about if about != "kitchen" else "other")
        teller.story([teller.native(teller.event("feedback.rated", about=about, rating=stars))])
    ratings.means(teller.told, "user_satisfaction_score")
    del teller.told.kpis["user_satisfaction_score"]

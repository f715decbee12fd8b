"""The services behind the platform: what they use, how they are, and what people do with them."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from random import Random
from typing import Any, Final

from demo.hours import GOOD
from demo.message import Message
from demo.scenes.flow import Times, beginnings, page, told
from demo.world import pick, spread

EVERY: Final = 15.0
ACTIONS_PER_SECOND: Final = 2.0
SERVICES: Final = (
    ("api", 0.45, 0.55, 0.40),
    ("web", 0.30, 0.40, 0.35),
    ("database", 0.40, 0.62, 0.61),
    ("storage", 0.20, 0.35, 0.66),
    ("cache", 0.15, 0.58, 0.20),
    ("queue", 0.22, 0.30, 0.25),
)
"""Name, and how much CPU, memory and disk it usually uses."""

CACHES: Final = (("cdn", 0.95, 400), ("api", 0.87, 120), ("session", 0.97, 80))
"""Name, share of hits, look-ups in a report."""

PHASES: Final = (
    (5.0, "content.acted", ("viewed", "searched", "created", "published")),
    (2.0, "auth.login_tried", ("login",)),
    (1.0, "auth.acted", ("sign_up", "logout")),
    (1.0, "pwa.acted", ("offline", "push")),
    (1.0, "system.acted", ("job", "backup")),
)


def messages(times: Times, rng: Random) -> Iterator[Message]:
    """Reports every few seconds, and actions at random."""
    return heapq.merge(
        _reports(times, rng),
        _actions(times, Random(rng.random())),
        key=lambda message: message.at,
    )


def _reports(times: Times, rng: Random) -> Iterator[Message]:
    at = 0.5
    while at < times.seconds:
        yield told(times, at, *_measured(times, rng, at), *_looked_up(times, rng, at))
        yield _health(times, rng, at + 1)
        at += EVERY


def _measured(times: Times, rng: Random, at: float) -> Iterator[dict[str, Any]]:
    strain = 1.0 if times.weather(at) is GOOD else 1.4
    for name, cpu, memory, disk in SERVICES:
        # Disks fill by a thousandth in an hour, and somebody cleans up every day.
        filling = 0.001 * (at / times.hour_seconds % 24)
        yield {
            "type": "resources.measured",
            "service": name,
            "cpu_used_ratio": _share(cpu * strain * times.busy(at) + rng.gauss(0, 0.03)),
            "memory_used_ratio": _share(memory + rng.gauss(0, 0.01)),
            "disk_used_ratio": _share(disk + filling),
            "queue_length": int(spread(rng, 4 * strain**3, 0.4)) if name == "queue" else 0,
        }


def _share(value: float) -> float:
    return round(min(0.99, max(0.0, value)), 4)


def _looked_up(times: Times, rng: Random, at: float) -> Iterator[dict[str, Any]]:
    for name, hits, lookups in CACHES:
        share = hits if times.weather(at) is GOOD else hits * 0.9
        hit = sum(rng.random() < share for _ in range(lookups))
        yield {"type": "cache.looked_up", "cache": name, "hits": hit, "misses": lookups - hit}


def _health(times: Times, rng: Random, at: float) -> Message:
    broken = times.weather(at).storage_failing
    checks = {}
    for name, *_ in SERVICES:
        down = name == "storage" and rng.random() < broken / 4
        checks[name] = {
            "status": "unhealthy" if down else "healthy",
            "message": "write refused" if down else "ok",
            "responseTime": round(spread(rng, 20, 0.5), 1),
        }
    body = {
        "status": "healthy",
        "timestamp": times.milliseconds(at),
        "checks": checks,
        "summary": {"total": len(checks)},
    }
    return page(at, "/api/health/status", body, "status-page/1.0")


def _actions(times: Times, rng: Random) -> Iterator[Message]:
    for at in beginnings(times, rng, ACTIONS_PER_SECOND):
        _, kind, names = pick(rng, [(weight, (weight, kind, n)) for weight, kind, n in PHASES])
        failing = 0.004 if times.weather(at) is GOOD else 0.06
        if kind == "auth.login_tried":
            failing += 0.03
        events: list[dict[str, Any]] = [
            {"type": kind, "action": rng.choice(names), "ok": rng.random() >= failing}
        ]
        if rng.random() < 0.02:
            events.append({"type": "pwa.install_offered"})
            if rng.random() < 0.3:
                events.append({"type": "pwa.installed"})
        if rng.random() < 0.01:
            stars = times.weather(at).ratings
            rating = pick(rng, [(share, star) for star, share in enumerate(stars, start=1)])
            about = rng.choice(("playback", "web", "other"))
            events.append({"type": "feedback.rated", "rating": rating, "about": about})
        yield told(times, at, *events)

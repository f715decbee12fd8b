"""Stories of generated videos, of the business around them, and of the platform behind it all."""

import json

from tests.durability.telling import AT, Body, Post, Story, Teller

PROVIDERS = ("replicate", "mux", "internal", "somebody else")
CURRENCIES = ("USD", "EUR", "GBP", "CHF")
MISHAPS = ("rate limit", "NSFW content", "CUDA out of memory", "odd")
SERVICES = ("api", "web", "database", "storage", "cache", "queue", "of our own")


class Makings(Teller):
    """What servers tell; see :class:`tests.durability.traffic.Stories`."""

    # -- generations -----------------------------------------------------------------------------

    def _generation(self) -> Story:
        """Step by step; a failure is followed by another attempt, or by nothing at all."""
        return [self._events(step) for step in self._steps()]

    def _generation_at_once(self) -> Story:
        return [self._events(*self._steps())]

    def _steps(self) -> list[Body]:
        """Of one generation; one end at the most, because which of two counts is a race."""
        chance = self._random
        provider = chance.choice(PROVIDERS)
        about = {"generation_id": self._another("generation"), "provider": provider}
        at = AT + self._eighths(1, 120)
        steps: list[Body] = [
            {"type": "generation.requested", "at": AT, "generation_id": about["generation_id"]},
            {"type": "generation.started", **about, "at": at, "attempt": 1, "model": "make/one"},
        ]
        if self._maybe(0.3):
            error = {"error": chance.choice(MISHAPS)}
            steps += [
                {"type": "generation.failed", **about, "at": at + 9, "attempt": 1, **error},
                {"type": "generation.started", **about, "at": at + 20, "attempt": 2},
                {"type": "generation.recovered", **about, "at": at + 21, "attempt": 2},
            ]
        at += self._eighths(30, 600)
        match chance.choice(("delivered", "delivered", "delivered", "cancelled", "failed", "lost")):
            case "delivered":
                steps.append({"type": "generation.completed", **about, "at": at, **self._made()})
                if self._maybe(0.5):
                    rated = {"type": "generation.rated", "rating": chance.randrange(1, 6)}
                    steps.append({**rated, "generation_id": about["generation_id"]})
            case "cancelled":
                steps.append({"type": "generation.cancelled", **about, "at": at})
            case "failed":
                error = {"error": chance.choice(MISHAPS), "attempt": 3}
                steps.append({"type": "generation.failed", **about, "at": at, **error})
            case _:
                steps.append({"type": "generation.progressed", **about, "progress_ratio": 0.5})
        return steps

    def _made(self) -> Body:
        chance = self._random
        return {
            "run_seconds": self._eighths(5, 300),
            "quality_score": self._eighths(0, 10),
            "cost": self._eighths(0.125, 4),
            "currency": chance.choice(CURRENCIES),
            "bytes": float(chance.randrange(10**6, 10**8)),
        }

    # -- the business ----------------------------------------------------------------------------

    def _business(self) -> Story:
        """What somebody does with the product, one beacon after the other."""
        return [self._events(deal) for deal in self._deals()]

    def _deals(self) -> list[Body]:
        chance = self._random
        person = {"person": self._person()}
        money = {"amount": self._eighths(1, 90), "currency": chance.choice(CURRENCIES)}
        # Who adopts a feature once more is a repetition, so it is somebody else each time.
        once = {"person": self._another("adopter"), "feature": "captions"}
        deals: list[Body] = [
            {"type": "person.active", **person},
            {"type": "premium.offered", **person},
            {"type": "premium.purchased", **person},
            {"type": "revenue.received", **money, "payment_id": self._another("payment")},
            {"type": "revenue.received", **money, "amount": -money["amount"]},
            {"type": "feature.adopted", **once},
        ]
        return deals[: chance.randrange(1, len(deals) + 1)]

    # -- the platform ----------------------------------------------------------------------------

    def _platform(self) -> Story:
        return [self._events(self._deed()) for _ in range(self._random.randrange(1, 4))]

    def _deed(self) -> Body:
        """Something that somebody does on the platform, or thinks of it."""
        chance = self._random
        deed = chance.choice(
            ("auth.login_tried", "auth.acted", "content.acted", "pwa.acted", "system.acted")
        )
        hits = {"hits": chance.randrange(100), "misses": chance.randrange(9)}
        deeds: tuple[Body, ...] = (
            {"type": deed, "ok": self._maybe(0.8), "action": "publish"},
            {"type": "pwa.install_offered"},
            {"type": "pwa.installed"},
            {"type": "cache.looked_up", "cache": chance.choice(("cdn", "api", "odd")), **hits},
            {
                "type": "feedback.rated",
                "rating": chance.randrange(1, 6),
                "about": chance.choice(("upload", "playback", "weather")),
            },
        )
        return chance.choice((deeds[0], *deeds))

    def _levels(self) -> Story:
        """How the services are, and how long the queues; of each the last report counts."""
        chance = self._random
        used: list[Body] = [
            {
                "type": "resources.measured",
                "service": service,
                "memory_used_ratio": chance.random(),
                "cpu_used_ratio": chance.random(),
                "disk_used_ratio": chance.random(),
                "queue_length": chance.randrange(1000),
            }
            for service in SERVICES
        ]
        queues: list[Body] = [
            {"type": "generation.queue_measured", "length": chance.randrange(50), "provider": each}
            for each in PROVIDERS
        ]
        checked: Body = {
            "type": "service.checked",
            "service": chance.choice(SERVICES),
            "ok": self._maybe(0.8),
            "duration_seconds": chance.choice((chance.random(), -1.0)),
        }
        story = [self._events(*used, *queues), self._health(), self._events(checked)]
        return [post._replace(in_order=True) for post in story]

    def _health(self) -> Post:
        """A health report, with a check for each service."""
        checks = {
            service: {
                "status": "healthy" if self._maybe(0.9) else "unhealthy",
                "responseTime": self._random.randrange(1, 9000),
            }
            for service in SERVICES
        }
        body = json.dumps({"status": "healthy", "timestamp": self._told, "checks": checks}).encode()
        return Post("/api/health/status", None, body, len(checks), self._agent())

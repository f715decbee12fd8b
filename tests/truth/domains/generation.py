"""Generations of known fate, and the business around them."""

from __future__ import annotations

from typing import Any

from tests.truth.domains.told import Sums, Teller, Told, mean, ratio
from tests.truth.plans import Random
from tests.truth.sending import Step

PROVIDERS = {"replicate": "replicate", "Mux": "mux", "internal": "internal", "unheard-of": "other"}
"""As they are said, and as they are listed by default."""

CURRENCIES = {"USD": "USD", "eur": "EUR", "GBP": "GBP", "doubloons": "other"}
USUAL = {
    ("replicate", "USD"): (2.0, 30.0),
    ("mux", "USD"): (3.5, 10.0),
    ("internal", "USD"): (0.5, 20.0),
    ("replicate", "EUR"): (1.8, 12.0),
    ("mux", "EUR"): (4.0, 12.0),
}
"""What a video cost in an hour of the days before, and how many there were; GBP is new."""

COUNT = 400


def told(seed: int, epoch: float) -> Told:
    """Everything about generations."""
    teller = Teller("generation", seed, epoch)
    _generations(teller)
    _business(teller)
    _queues(teller)
    return teller.told


def _generations(teller: Teller) -> None:
    rng, truth = teller.rng, teller.told
    success, recovery = Sums(), Sums()
    costs = _Costs()
    durations, qualities, ratings = Sums(), Sums(), Sums()
    for _ in range(COUNT):
        said = rng.choice(list(PROVIDERS))
        one = {"generation_id": teller.name(), "provider": said}
        of = {"provider": PROVIDERS[said]}
        began = rng.uniform(-3600, 0)
        steps: list[Step] = [
            teller.native(teller.event("generation.requested", began, **one)),
            teller.native(teller.event("generation.started", began + 2, **one)),
        ]
        fate = rng.random()
        fails_first = fate < 0.25
        if fails_first:
            error = rng.choice(("timed out", "429 Too Many Requests", "odd"))
            steps.append(
                teller.native(teller.event("generation.failed", began + 9, error=error, **one))
            )
        if 0.10 <= fate < 0.96:
            took = round(rng.uniform(5, 200), 3)
            quality = round(rng.uniform(5, 10), 2)
            price = costs.draw(rng, PROVIDERS[said])
            steps.append(
                teller.native(
                    teller.event(
                        "generation.completed",
                        began + took,
                        duration_seconds=took,
                        quality_score=quality,
                        **price,
                        **one,
                    )
                )
            )
            durations.add(took, **of)
            qualities.add(quality, **of)
            success.add(1.0, **of)
            if rng.random() < 0.4:
                stars = rng.randint(1, 5)
                rated = teller.event("generation.rated", began + took + 5, rating=stars, **one)
                steps.append(teller.native(rated))
                ratings.add(stars, **of)
                truth.ratings.append(stars)
        elif fate < 0.10:
            success.add(0.0, **of)
        elif fate < 0.98:
            steps.append(teller.native(teller.event("generation.cancelled", began + 8, **one)))
        if fails_first:
            recovery.add(float(fate >= 0.10), **of)
        # In any order: what the senders' clocks say tells what came first.
        teller.story(steps, shuffled=rng.random() < 0.3)
    success.means(truth, "generation_success_ratio")
    recovery.means(truth, "generation_recovery_ratio")
    durations.means(truth, "generation_duration_mean_seconds")
    qualities.means(truth, "generation_quality_score")
    ratings.means(truth, "generation_satisfaction_score")
    truth.segments["user_satisfaction_score", "domain", "generation"] = mean(truth.ratings)
    costs.settle(truth)


class _Costs:
    """What videos cost, each against what is usual in its currency; none is ever added to another.

    The whole and each currency know what is usual in a currency, each provider what is usual there.
    """

    def __init__(self) -> None:
        self._paid: list[tuple[str, str, float]] = []

    def draw(self, rng: Random, provider: str) -> dict[str, Any]:
        """What the end of a generation says of its cost; some say nothing."""
        if rng.random() < 0.3:
            return {}
        said = rng.choice(list(CURRENCIES))
        cost = round(rng.uniform(0.2, 9.0), 2)
        self._paid.append((provider, CURRENCIES[said], cost))
        return {"cost": cost, "currency": said}

    def settle(self, truth: Told) -> None:
        """The days before, and what follows."""
        for (provider, currency), (cost, videos) in USUAL.items():
            of = f'provider="{provider}",currency="{currency}",window="1h"'
            truth.hours[f"generation:cost:increase{{{of}}}"] = cost * videos
            truth.hours[f"generation:priced:increase{{{of}}}"] = videos
        usual: dict[str, float] = {}
        for currency in ("USD", "EUR"):
            hours = [hour for (_, known), hour in USUAL.items() if known == currency]
            usual[currency] = sum(c * n for c, n in hours) / sum(n for _, n in hours)
        sums = Sums()
        for _, currency, cost in self._paid:
            if currency in usual:
                sums.add(cost / usual[currency], currency=currency)
        sums.means(truth, "generation_cost_mean")
        by_provider: dict[str, list[float]] = {}
        for provider, currency, cost in self._paid:
            if (provider, currency) in USUAL:
                relative = cost / USUAL[provider, currency][0]
                by_provider.setdefault(provider, []).append(relative)
        for provider, costs in by_provider.items():
            truth.segments["generation_cost_mean", "provider", provider] = mean(costs)


def _business(teller: Teller) -> None:
    rng, offers, purchases = teller.rng, 0, 0
    for _ in range(150):
        somebody = f"person-{rng.randrange(60)}"
        events = [teller.event("premium.offered", person=somebody)]
        offers += 1
        if rng.random() < 0.6:
            purchases += 1
            events.append(teller.event("premium.purchased", person=somebody))
            payment = {"amount": 9.99, "currency": rng.choice(("USD", "EUR", "XXX"))}
            events.append(teller.event("revenue.received", payment_id=teller.name(), **payment))
        events.append(teller.event("person.active", person=somebody))
        teller.story([teller.native(*events)])
    teller.told.kpis["premium_conversion_ratio"] = ratio(purchases, offers)


def _queues(teller: Teller) -> None:
    """The queue is that of all providers, each of which says the same three times."""
    lengths = {said: teller.rng.randrange(50) for said in PROVIDERS}
    for _ in range(3):
        reports = (
            teller.event("generation.queue_measured", provider=said, length=length)
            for said, length in lengths.items()
        )
        teller.story([teller.native(*reports)])
    teller.told.kpis["generation_queue_length"] = ratio(sum(lengths.values()), 1)

"""Generations of known fate, and the business around them."""

from __future__ import annotations

from tests.truth.domains.told import Sums, Teller, Told, ratio
from tests.truth.sending import Step

PROVIDERS = {"replicate": "replicate", "Mux": "mux", "internal": "internal", "unheard-of": "other"}
"""As they are said, and as they are listed by default."""

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
            steps.append(
                teller.native(
                    teller.event(
                        "generation.completed",
                        began + took,
                        duration_seconds=took,
                        quality_score=quality,
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

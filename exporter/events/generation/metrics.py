"""Every number about generated videos and the business around them.

Amounts of different currencies are never added: ``currency`` is a label, and an amount in a
currency that the settings do not list is counted as unpriced.
"""

from __future__ import annotations

from typing import NamedTuple

from exporter.events.generation.classes import ErrorType, Outcome, Result
from exporter.metric import Counter, Currency, Histogram, Level, Provider, Unlabelled


class ByProvider(NamedTuple):
    provider: Provider


class EndedLabels(NamedTuple):
    outcome: Outcome
    provider: Provider


class RecoveryLabels(NamedTuple):
    provider: Provider
    result: Result


class ErrorLabels(NamedTuple):
    provider: Provider
    error_type: ErrorType


class CostLabels(NamedTuple):
    provider: Provider
    currency: Currency


class InCurrency(NamedTuple):
    currency: Currency


REQUESTED = Counter(
    "video_generation_requested_total",
    "Generations that somebody asked for; minus those that ended, the ones that go on now.",
    Unlabelled,
)
ENDED = Counter(
    "video_generation_ended_total",
    "Generations over, each counted once, by how they ended.",
    EndedLabels,
)
DELIVERED_AFTER_END = Counter(
    "video_generation_delivered_after_end_total",
    "Generations delivered after they were counted as failed, cancelled or lost, which they stay.",
    Unlabelled,
)
DURATION = Histogram(
    "video_generation_duration_seconds",
    "Requested to ready, of delivered videos.",
    ByProvider,
    (15, 30, 60, 90, 120, 300, 600),
)
QUEUE_TIME = Histogram(
    "video_generation_queue_seconds",
    "Requested to started.",
    Unlabelled,
    (1, 5, 15, 30, 60, 120),
)
RUN_TIME = Histogram(
    "video_generation_run_seconds",
    "Time that the model worked, of delivered videos where it is told.",
    Unlabelled,
    (15, 30, 60, 90, 120, 300),
)
QUALITY = Histogram(
    "video_generation_quality_score",
    "Quality of delivered videos, 0 to 10.",
    ByProvider,
    (5, 6, 7, 8, 9, 10),
)
RATING = Histogram(
    "video_generation_rating",
    "Ratings that people gave to a generated video, 1 to 5.",
    ByProvider,
    (1, 2, 3, 4, 5),
)
RECOVERIES = Counter(
    "video_generation_recoveries_total",
    "Generations over that failed at least once, by whether they were delivered all the same.",
    RecoveryLabels,
)
ERRORS = Counter(
    "video_generation_errors_total",
    "Errors met by generations, whether the generation survived them or not.",
    ErrorLabels,
)
QUEUE_LENGTH = Level(
    "video_generation_queue_length", "Generations that wait now, as reported.", ByProvider
)
COST = Counter(
    "video_generation_cost_total",
    "Cost of the videos of video_generation_priced_total, in their currency.",
    CostLabels,
)
PRICED = Counter(
    "video_generation_priced_total", "Delivered videos whose cost is known.", CostLabels
)
UNPRICED = Counter(
    "video_generation_unpriced_total",
    "Amounts (costs, payments) in a currency that the settings do not list; not added up.",
    Unlabelled,
)
OUTPUT_BYTES = Counter(
    "video_generation_output_bytes_total", "Sizes of delivered videos.", ByProvider
)
ATTEMPTS = Counter(
    "video_generation_attempts_total", "Attempts that generations over needed.", ByProvider
)
PREMIUM_OFFERS = Counter("video_premium_offers_total", "Premium offers shown.", Unlabelled)
PREMIUM_PURCHASES = Counter(
    "video_premium_purchases_total", "Premium offers that were bought.", Unlabelled
)
REVENUE = Counter("video_revenue_total", "Revenue, in its currency.", InCurrency)
PAYMENTS = Counter(
    "video_revenue_payments_total", "Payments that video_revenue_total adds up.", InCurrency
)
FEATURES_ADOPTED = Counter(
    "video_features_adopted_total", "First uses of a feature by somebody.", Unlabelled
)
PEOPLE_BEFORE = Level(
    "video_people_before",
    "Distinct people active in the 30 days before the last 30; within 2 %.",
    Unlabelled,
)
PEOPLE_RETAINED = Level(
    "video_people_retained",
    "Those of video_people_before who were active in the last 30 days as well; within 2 % of them.",
    Unlabelled,
)
CLAMPED = Counter(
    "video_generation_clamped_total",
    "Numbers about generations that were absurd and were not used.",
    Unlabelled,
)

"""Every number about the services behind the platform and what people do with it."""

from __future__ import annotations

from typing import NamedTuple

from exporter.events.platform.classes import CheckSource, Lookup, Part, Phase, Result
from exporter.metric import Cache, Counter, Histogram, Level, Service, Unlabelled


class ActionLabels(NamedTuple):
    phase: Phase
    result: Result


class ByResult(NamedTuple):
    result: Result


class OfService(NamedTuple):
    service: Service


class CheckLabels(NamedTuple):
    service: Service
    source: CheckSource
    result: Result


class LookupLabels(NamedTuple):
    cache: Cache
    lookup: Lookup


class About(NamedTuple):
    part: Part


ACTIONS = Counter(
    "video_platform_actions_total",
    "Actions of every kind, by part of the platform and how they came out.",
    ActionLabels,
)
LOGINS = Counter("video_auth_logins_total", "Logins that somebody tried.", ByResult)
PWA_OFFERS = Counter(
    "video_pwa_install_offers_total", "People who were offered to install the app.", Unlabelled
)
PWA_INSTALLS = Counter("video_pwa_installs_total", "Installations of the app.", Unlabelled)
MEMORY = Level(
    "video_service_memory_used_ratio", "Memory in use, as a service or host reports.", OfService
)
CPU = Level("video_service_cpu_used_ratio", "CPU in use, as a service or host reports.", OfService)
DISK = Level(
    "video_service_disk_used_ratio", "Disk in use, as a service or host reports.", OfService
)
QUEUE_LENGTH = Level(
    "video_service_queue_length", "What waits in the queue of a service, as reported.", OfService
)
CACHE_LOOKUPS = Counter(
    "video_cache_lookups_total", "Look-ups in a cache, by what it answered.", LookupLabels
)
CHECKS = Counter(
    "video_service_checks_total", "Health checks of services, by who looked.", CheckLabels
)
CHECK_DURATION = Histogram(
    "video_service_check_seconds", "How long health checks took.", OfService, (0.05, 0.1, 0.5, 1, 5)
)
UP = Level("video_service_up", "Whether the last health check of a service was healthy.", OfService)
RATING = Histogram(
    "video_feedback_rating",
    "Ratings that people gave, 1 to 5, that no other family counts, by what they are about.",
    About,
    (1, 2, 3, 4, 5),
)
CLAMPED = Counter(
    "video_platform_clamped_total",
    "Numbers of reports that were absurd and were not used.",
    Unlabelled,
)

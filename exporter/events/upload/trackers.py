"""The bodies that the browser trackers of upload pages send, and what they mean.

Times are milliseconds, throughput is bytes per second, downlink is Mbit/s (Network Information
API). Anything may be null or absent; a time may be 1.797e308 (JavaScript's ``MAX_VALUE``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from exporter.event import Beacon, Cleaner, Event, Name, Network, Received, Text, trial_of
from exporter.events.upload.classes import ErrorType, Outcome
from exporter.events.upload.measured import Measured
from exporter.events.upload.reported import (
    GenericHappened,
    PerformanceReported,
    ResourcesReported,
)
from exporter.events.upload.told import ExperienceReported
from exporter.instant import LONGEST

MS: Final = 0.001
BYTES_PER_SECOND_OF_A_MEGABIT: Final = 125_000.0
MOST_UTILISATION: Final = 100.0
"""Chrome caps ``downlink`` at 10 Mbit/s, so a fast line reaches several times its downlink."""

MOST_BYTES: Final = 2.0**53
MOST_CHUNKS: Final = 100_000


class Wire(msgspec.Struct, rename="camel", gc=False):
    """A body of a tracker; unknown keys are ignored."""


class ChunkMetrics(Wire, rename="camel", gc=False):
    """Of a performance report."""

    total_chunks: float | None = None
    successful_first_attempt_chunks: float | None = None


class NetworkInfo(Wire, rename="camel", gc=False):
    """Of a performance report (Network Information API)."""

    effective_type: Text | None = None
    downlink: float | None = None


class SystemInfo(Wire, rename="camel", gc=False):
    """Of a performance report."""

    user_agent: Text | None = None


class PerformanceReport(Wire, rename="camel", gc=False):
    """``POST /api/analytics/upload-performance``."""

    total_time: float | None = None
    ttfb: float | None = None
    file_size: float | None = None
    throughput: float | None = None
    chunk_metrics: ChunkMetrics | None = None
    network_info: NetworkInfo | None = None
    system_info: SystemInfo | None = None
    success: bool | None = None
    upload_id: Name | None = None
    experiment: Any = None
    variant: Any = None


class Interaction(Wire, rename="camel", gc=False):
    """Something that the person or the page did during an upload."""

    type: Text
    time: float | None = None
    data: Any = None


class ExperienceReport(Wire, rename="camel", gc=False):
    """``POST /api/analytics/upload-experience``, by ``navigator.sendBeacon``."""

    upload_id: Name
    interactions: list[Interaction] | None = None
    is_abandonment: bool | None = None
    user_agent: Text | None = None
    experiment: Any = None
    variant: Any = None


class Heap(Wire, gc=False):
    """``performance.memory``, in bytes."""

    used: float | None = msgspec.field(name="usedJSHeapSize", default=None)


class Load(Wire, rename="camel", gc=False):
    """An estimate of the CPU, as a share or in percent."""

    estimated: float | None = None


class Reading(Wire, rename="camel", gc=False):
    """One sample of a resource report."""

    memory: Heap | None = None
    cpu: Load | None = None


class Extent(Wire, rename="camel", gc=False):
    """Of the summary of a resource report."""

    average: float | None = None
    peak: float | None = None


class Summary(Wire, rename="camel", gc=False):
    """Of a resource report."""

    memory: Extent | None = None
    cpu: Extent | None = None


class ResourceReport(Wire, rename="camel", gc=False):
    """``POST /api/analytics?type=resource``."""

    readings: list[Reading] | None = None
    summary: Summary | None = None


def seconds(milliseconds: float | None) -> float | None:
    """Milliseconds of a client as seconds, and None for what no upload can take."""
    if milliseconds is None:
        return None
    return milliseconds * MS if 0 <= milliseconds <= LONGEST / MS else None


def _within(value: float | None, most: float) -> float | None:
    return value if value is not None and 0 <= value <= most else None


def performance(body: PerformanceReport, received: Received, cleaner: Cleaner) -> Iterable[Event]:
    """One report of how an upload went."""
    duration, ttfb = seconds(body.total_time), seconds(body.ttfb)
    network = body.network_info or NetworkInfo()
    throughput = _within(body.throughput, MOST_BYTES)
    utilisation = None
    if throughput is not None and network.downlink and network.downlink > 0:
        utilisation = _within(
            throughput / (network.downlink * BYTES_PER_SECOND_OF_A_MEGABIT), MOST_UTILISATION
        )
    chunks, first_try = _chunks(body.chunk_metrics)
    size = _within(body.file_size, MOST_BYTES)
    client = received.client
    if body.system_info is not None and body.system_info.user_agent:
        client = cleaner.client(body.system_info.user_agent, client.country)
    yield PerformanceReported(
        id=received.id,
        client=client,
        clamped=(duration is None and body.total_time is not None)
        + (ttfb is None and body.ttfb is not None),
        upload_id=body.upload_id,
        network=Network(network.effective_type or "other"),
        file_size_bytes=None if size is None else int(size),
        # A failed upload was never transferred: what it took is no duration of an upload.
        measured=Measured(
            None if body.success is False else duration,
            ttfb,
            throughput,
            utilisation,
            chunks,
            first_try,
        ),
        success=body.success,
        **trial_of(body.experiment, body.variant),
    )


def _chunks(metrics: ChunkMetrics | None) -> tuple[int, int]:
    total = _within(metrics.total_chunks, MOST_CHUNKS) if metrics else None
    if not metrics or not total:
        return 0, 0
    first_try = _within(metrics.successful_first_attempt_chunks, total)
    return (0, 0) if first_try is None else (int(total), int(first_try))


def experience(body: ExperienceReport, received: Received, cleaner: Cleaner) -> Iterable[Event]:
    """One report of what somebody went through; it may come again, longer, for one upload."""
    client = received.client
    if body.user_agent:
        client = cleaner.client(body.user_agent, client.country)
    interactions = body.interactions or ()
    errors = tuple(dict.fromkeys(_error_type(i) for i in interactions if i.type == "error"))
    ended = next((i for i in reversed(interactions) if i.type == "complete"), None)
    took = _milliseconds(interactions, ended)
    duration = seconds(took)
    yield ExperienceReported(
        id=received.id,
        client=client,
        upload_id=body.upload_id,
        errors=errors,
        went_on=_went_on(interactions),
        outcome=_outcome(ended),
        duration=duration,
        clamped=duration is None and took is not None,
        rating=_rating(interactions),
        abandon_hint=bool(body.is_abandonment)
        or any(i.type == "abandonment_detected" for i in interactions),
        **trial_of(body.experiment, body.variant),
    )


def _data(interaction: Interaction) -> Mapping[str, Any]:
    return interaction.data if isinstance(interaction.data, dict) else {}


def _error_type(interaction: Interaction) -> ErrorType:
    message = _data(interaction).get("message")
    return ErrorType.of(message[:4096] if isinstance(message, str) else None)


def _outcome(ended: Interaction | None) -> Outcome | None:
    if ended is None:
        return None
    # A tracker that says "complete" and nothing else means success.
    return Outcome.FAILED if _data(ended).get("success") is False else Outcome.COMPLETED


def _went_on(interactions: Sequence[Interaction]) -> bool:
    """Whether progress or completion came after an error."""
    failed = False
    for interaction in interactions:
        if interaction.type == "error":
            failed = True
        elif failed and interaction.type == "progress":
            return True
        elif failed and interaction.type == "complete":
            return _outcome(interaction) is Outcome.COMPLETED
    return False


def _milliseconds(interactions: Sequence[Interaction], ended: Interaction | None) -> float | None:
    started = next((i.time for i in interactions if i.type == "start"), None)
    if ended is None or ended.time is None or started is None:
        return None
    return ended.time - started


def _rating(interactions: Sequence[Interaction]) -> int | None:
    for interaction in interactions:
        rating = _data(interaction).get("rating") if interaction.type == "feedback" else None
        if isinstance(rating, int | float) and not isinstance(rating, bool) and 1 <= rating <= 5:
            return round(rating)
    return None


def resources(body: ResourceReport, received: Received, cleaner: Cleaner) -> Iterable[Event]:
    """What an upload cost the client's CPU and memory."""
    summary = body.summary or Summary()
    cpu, memory = summary.cpu or Extent(), summary.memory or Extent()
    readings = body.readings or ()
    loads = [r.cpu.estimated for r in readings if r.cpu and r.cpu.estimated is not None]
    heaps = [r.memory.used for r in readings if r.memory and r.memory.used is not None]
    yield ResourcesReported(
        id=received.id,
        client=received.client,
        cpu_increase=_cpu_increase(loads, cpu),
        memory_increase_bytes=_memory_increase(heaps, memory),
    )


def _cpu_increase(loads: Sequence[float], summary: Extent) -> float | None:
    if not loads:
        return None
    mean = summary.average if summary.average is not None else sum(loads) / len(loads)
    # Trackers estimate either a share or a percentage; a share is never above one.
    scale = 0.01 if max(mean, *loads, summary.peak or 0.0) > 1.0 else 1.0
    increase = (mean - loads[0]) * scale
    return _within(max(increase, 0.0), 1.0)


def _memory_increase(heaps: Sequence[float], summary: Extent) -> float | None:
    if not heaps:
        return None
    peak = summary.peak if summary.peak is not None else max(heaps)
    return _within(max(peak - heaps[0], 0.0), MOST_BYTES)


TAKEN: Final = frozenset({"time", "type"})
"""Fields that a point of InfluxDB has already; a second one of another type would be refused."""


def generic(body: dict[str, Any], received: Received, cleaner: Cleaner) -> Iterable[Event]:
    """An event of a type that no domain knows: kept without its texts."""
    kind = received.kind or body.get("type")
    numbers = {
        name: float(value)
        for name, value in body.items()
        if isinstance(value, int | float)
        and abs(value) <= MOST_BYTES
        and _is_name(name)
        and name not in TAKEN
    }
    yield GenericHappened(
        id=received.id,
        kind=kind if isinstance(kind, str) and _is_name(kind) else "other",
        numbers=dict(sorted(numbers.items())[:32]),
    )


def _is_name(text: str) -> bool:
    return 0 < len(text) <= 64 and text.isascii() and text.replace("_", "").isalnum()


ANALYTICS: Final = "/api/analytics"

BEACONS: Final = (
    Beacon(f"{ANALYTICS}/upload-performance", PerformanceReport, performance),
    Beacon(f"{ANALYTICS}/upload-experience", ExperienceReport, experience),
    Beacon(ANALYTICS, PerformanceReport, performance, kind="performance"),
    Beacon(ANALYTICS, ExperienceReport, experience, kind="experience"),
    Beacon(ANALYTICS, ResourceReport, resources, kind="resource"),
    Beacon(ANALYTICS, dict[str, Any], generic),
)

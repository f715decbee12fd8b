"""What Prometheus must say of the facts: every sample of the domain, every KPI, every segment."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from tests.truth.facts import (
    ABANDONED,
    COMPLETED,
    FAILED,
    MB,
    Facts,
    Report,
    Span,
    Upload,
    age_class,
    exactly,
    resolution_class,
    size_class,
)

Sample = tuple[str, frozenset[tuple[str, str]]]
"""A name and its labels."""

BUCKETS: Mapping[str, Sequence[float]] = {
    "video_upload_duration_seconds": (2, 5, 10, 20, 30, 60, 120, 300, 900),
    "video_upload_duration_by_network_seconds": (5, 10, 20, 30, 60, 120),
    "video_upload_duration_by_resolution_seconds": (5, 10, 20, 30, 60, 120),
    "video_upload_ttfb_seconds": (0.1, 0.25, 0.5, 1, 2, 5),
    "video_upload_throughput_utilisation_ratio": (0.5, 0.8, 1),
    "video_upload_throughput_utilisation_by_region_ratio": (0.5, 0.8, 1),
    "video_upload_preview_seconds": (1, 2, 3, 5, 10),
    "video_upload_rating": (1, 2, 3, 4, 5),
    "video_upload_cpu_increase_ratio": (0.1, 0.3, 0.6),
    "video_upload_memory_increase_bytes": (25 * MB, 50 * MB, 100 * MB, 250 * MB, 500 * MB),
    "video_api_duration_seconds": (0.05, 0.1, 0.2, 0.5, 1, 2.5, 5),
    "video_storage_duration_seconds": (0.05, 0.1, 0.5, 1, 5),
}
ERROR_TYPES = (
    "network",
    "timeout",
    "server",
    "storage",
    "auth",
    "validation",
    "cancelled",
    "other",
)


def sample(name: str, **labels: str) -> Sample:
    return name, frozenset(labels.items())


# -- Samples ---------------------------------------------------------------------------------------


class Ledger:
    """Counters, and the values that went into each histogram."""

    def __init__(self) -> None:
        self._counters: Counter[Sample] = Counter()
        self._values: defaultdict[Sample, list[Span]] = defaultdict(list)

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        self._counters[sample(name, **labels)] += amount

    def observe(self, name: str, value: Span | float | None, **labels: str) -> None:
        if value is not None:
            span = value if isinstance(value, Span) else exactly(value)
            self._values[sample(name, **labels)].append(span)

    def samples(self) -> dict[Sample, Span]:
        """Every sample that is not 0."""
        found = {key: exactly(amount) for key, amount in self._counters.items() if amount}
        for (name, labels), values in self._values.items():
            found[f"{name}_count", labels] = exactly(len(values))
            low, high = (math.fsum(each) for each in zip(*values, strict=True))
            # Clocks are told as floats of a billion seconds, which are good to a microsecond.
            margin = 1e-6 * (high + len(values))
            found[f"{name}_sum", labels] = Span(low - margin, high + margin)
            for limit in (*BUCKETS[name], math.inf):
                certain = sum(value.high <= limit for value in values)
                possible = sum(value.low <= limit for value in values)
                found[f"{name}_bucket", labels | {("le", str(float(limit)))}] = Span(
                    certain, possible
                )
        return found


def ledger(facts: Facts) -> Ledger:
    """Every metric of docs/metrics.md but those that are about the process."""
    books = Ledger()
    for upload in facts.uploads:
        _ended(books, upload)
    for report in facts.reports:
        _reported(books, report)
    for cost in facts.resources:
        books.observe("video_upload_cpu_increase_ratio", cost.cpu, device=cost.device)
        books.observe("video_upload_memory_increase_bytes", cost.memory, device=cost.device)
    books.count("video_generic_events_total", facts.generic)
    _service(books, facts)
    _accounting(books, facts)
    return books


def _ended(books: Ledger, upload: Upload) -> None:
    outcome, device, network = upload.outcome, upload.device, upload.network
    books.count("video_upload_started_total")
    books.count(
        "video_upload_ended_total",
        outcome=outcome,
        device=device,
        size_class=size_class(upload.size),
    )
    books.count(
        "video_upload_ended_by_client_total",
        outcome=outcome,
        browser=upload.browser,
        network=network,
    )
    books.count("video_upload_ended_by_age_total", outcome=outcome, age_class=age_class(upload.age))
    books.count("video_upload_ended_by_region_total", outcome=outcome, region=upload.region)
    books.count("video_upload_abandon_hints_total", upload.hinted)
    books.count("video_upload_recovered_after_end_total", upload.recovered_late)
    books.count("video_upload_clamped_total", upload.clamped)
    for error in upload.errors:
        books.count("video_upload_errors_total", error_type=error)
    if upload.tried:
        result = "ok" if outcome == COMPLETED else "failed"
        books.count(
            "video_upload_recoveries_total", error_type=_kind_of_error(upload), result=result
        )
    books.observe("video_upload_preview_seconds", upload.preview, device=device)
    books.observe("video_upload_rating", upload.rating, device=device)
    _measured(books, "lifecycle", upload)
    if upload.duration is not None and _is_small(upload.size):
        name = "video_upload_duration_by_resolution_seconds"
        books.observe(name, upload.duration, resolution=resolution_class(upload.picture))


def _kind_of_error(upload: Upload) -> str:
    known = upload.errors - {"other"}
    assert len(known) <= 1, "which of two errors an upload recovered from is nowhere defined"
    return next(iter(known), "other")


def _is_small(size: int | None) -> bool:
    return size is not None and size < 30 * MB


def _measured(books: Ledger, source: str, about: Upload | Report) -> None:
    network, size = about.network, about.size
    duration = about.duration
    name = "video_upload_duration_seconds"
    books.observe(name, duration, source=source, size_class=size_class(size))
    if _is_small(size):
        name = "video_upload_duration_by_network_seconds"
        books.observe(name, duration, source=source, network=network)
    books.observe("video_upload_ttfb_seconds", about.ttfb, source=source, network=network)
    share = about.utilisation
    books.observe("video_upload_throughput_utilisation_ratio", share, network=network)
    name = "video_upload_throughput_utilisation_by_region_ratio"
    books.observe(name, share, region=about.region)
    chunks = {"yes": about.first_try, "no": about.chunks - about.first_try}
    for first_try, count in chunks.items():
        books.count(
            "video_upload_chunks_total", count, source=source, network=network, first_try=first_try
        )


def _reported(books: Ledger, report: Report) -> None:
    books.count("video_upload_clamped_total", report.clamped)
    _measured(books, "report", report)
    if report.success is None:
        return
    result = "ok" if report.success else "failed"
    books.count(
        "video_upload_reports_total",
        result=result,
        device=report.device,
        size_class=size_class(report.size),
    )
    books.count(
        "video_upload_reports_by_client_total",
        result=result,
        browser=report.browser,
        network=report.network,
    )


def _service(books: Ledger, facts: Facts) -> None:
    for call in facts.calls:
        result = "failed" if call.error else "ok"
        books.count("video_api_calls_total", route=call.route, result=result)
        books.observe("video_api_duration_seconds", call.seconds, route=call.route)
        if call.error:
            books.count("video_api_errors_total", route=call.route, error_type=call.error)
    for operation in facts.operations:
        result = "ok" if operation.ok else "failed"
        books.count("video_storage_operations_total", operation=operation.name, result=result)
        name = "video_storage_duration_seconds"
        books.observe(name, operation.seconds, operation=operation.name)
    books.count("video_storage_stored_files_total", len(facts.files))
    books.count("video_storage_original_bytes_total", sum(file.original for file in facts.files))
    books.count("video_storage_stored_bytes_total", sum(file.stored for file in facts.files))


def _accounting(books: Ledger, facts: Facts) -> None:
    books.count("exporter_events_received_total", facts.received)
    for kind, count in facts.accepted.items():
        books.count("exporter_events_accepted_total", count, type=kind)
    for reason, count in facts.rejected.items():
        books.count("exporter_events_rejected_total", count, reason=reason)
    books.count("exporter_events_duplicate_total", facts.duplicate)
    books.count("exporter_events_limited_total", facts.limited)


def differences(found: Mapping[Sample, float], expected: Mapping[Sample, Span]) -> list[str]:
    """Where a page differs from the truth; a sample that the truth does not name must be 0."""
    wrong = [
        f"{_shown(key)} is missing, should be {expected[key]}" for key in expected.keys() - found
    ]
    for key, value in found.items():
        low, high = expected.get(key, exactly(0))
        if not low <= value <= high:
            wrong.append(
                f"{_shown(key)} is {value}, should be {low if low == high else (low, high)}"
            )
    return sorted(wrong)


def _shown(key: Sample) -> str:
    name, labels = key
    return name + "{" + ", ".join(f'{n}="{v}"' for n, v in sorted(labels)) + "}"


# -- KPIs ------------------------------------------------------------------------------------------


class Part(NamedTuple):
    """What one upload (report, call, ...) adds to a KPI, and its segments."""

    traits: Mapping[str, str]
    value: Span
    weight: float = 1


class Truth(NamedTuple):
    """Between which numbers a KPI must be, and how many events it is made of."""

    value: Span
    events: float


Parts = Callable[[Facts], list[Part]]
Value = Callable[[Sequence[Part]], Span]


class Kpi(NamedTuple):
    """How a KPI of docs/kpis.md is made, and by what it is segmented."""

    parts: Parts
    value: Value
    segments: Mapping[str, Value] = {}


def _traits(about: Upload | Report) -> dict[str, str]:
    traits = {
        "size_class": size_class(about.size),
        "device": about.device,
        "browser": about.browser,
        "network": about.network,
        "region": about.region,
    }
    if isinstance(about, Upload):
        traits["resolution"] = resolution_class(about.picture)
        traits["age_class"] = age_class(about.age)
    return traits


def _either(of: Callable[[Upload | Report], Part | None]) -> Parts:
    """A KPI of followed uploads; of reports where no upload has a part in it."""

    def parts(facts: Facts) -> list[Part]:
        followed = [part for part in map(of, facts.uploads) if part is not None]
        return followed or [part for part in map(of, facts.reports) if part is not None]

    return parts


def _success(about: Upload | Report) -> Part | None:
    if isinstance(about, Upload):
        success = {COMPLETED: True, FAILED: False}.get(about.outcome)
    else:
        success = about.success
    return None if success is None else Part(_traits(about), exactly(success))


def _duration(about: Upload | Report) -> Part | None:
    return _part(about, about.duration) if _is_small(about.size) else None


def _any_duration(about: Upload | Report) -> Part | None:
    return _part(about, about.duration)


def _ttfb(about: Upload | Report) -> Part | None:
    return _part(about, about.ttfb)


def _part(about: Upload | Report, value: Span | float | None) -> Part | None:
    if value is None:
        return None
    return Part(_traits(about), value if isinstance(value, Span) else exactly(value))


def _chunks(about: Upload | Report) -> Part | None:
    if not about.chunks:
        return None
    return Part(_traits(about), exactly(about.first_try), about.chunks)


def _utilisation(facts: Facts) -> list[Part]:
    everybody: Iterable[Upload | Report] = (*facts.uploads, *facts.reports)
    return [part for each in everybody if (part := _part(each, each.utilisation))]


def _abandonment(facts: Facts) -> list[Part]:
    return [Part(_traits(u), exactly(u.outcome == ABANDONED)) for u in facts.uploads]


def _preview(facts: Facts) -> list[Part]:
    return [Part(_traits(u), u.preview) for u in facts.uploads if u.preview is not None]


def _recovery(facts: Facts) -> list[Part]:
    return [
        Part({"error_type": _kind_of_error(upload)}, exactly(upload.outcome == COMPLETED))
        for upload in facts.uploads
        if upload.tried
    ]


def _ratings(facts: Facts) -> list[Part]:
    return [Part(_traits(u), exactly(u.rating)) for u in facts.uploads if u.rating is not None]


def _cpu(facts: Facts) -> list[Part]:
    return [
        Part({"device": r.device}, exactly(r.cpu)) for r in facts.resources if r.cpu is not None
    ]


def _memory(facts: Facts) -> list[Part]:
    found = ((r.device, r.memory) for r in facts.resources)
    return [Part({"device": d}, exactly(memory)) for d, memory in found if memory is not None]


def _calls(facts: Facts) -> list[Part]:
    return [Part({"route": c.route}, exactly(c.error is not None)) for c in facts.calls]


def _files(facts: Facts) -> list[Part]:
    return [Part({}, exactly(file.original), file.stored) for file in facts.files]


def _operations(facts: Facts) -> list[Part]:
    return [Part({"operation": o.name}, exactly(o.ok)) for o in facts.operations]


def _ratio(parts: Sequence[Part]) -> Span:
    """A ratio of sums, within 0.1 %."""
    return _mean(parts, 0.001)


def _average(parts: Sequence[Part]) -> Span:
    """A mean, within 0.5 %."""
    return _mean(parts, 0.005)


def _mean(parts: Sequence[Part], tolerance: float) -> Span:
    weight = math.fsum(part.weight for part in parts)
    low = math.fsum(part.value.low for part in parts) / weight
    high = math.fsum(part.value.high for part in parts) / weight
    return Span(low * (1 - tolerance), high * (1 + tolerance))


def _best(parts: Sequence[Part]) -> Span:
    return exactly(max(part.value.low for part in parts))


def _p95(histogram: str) -> Value:
    """The bucket of the histogram that holds the 95th percentile."""

    def value(parts: Sequence[Part]) -> Span:
        rank = 0.95 * len(parts)
        # Where the rank is a whole number, the last digit of a float decides for this or the next.
        at_least, at_most = math.ceil(rank - 1e-6) - 1, math.floor(rank + 1e-6)
        low = sorted(part.value.low for part in parts)[at_least]
        high = sorted(part.value.high for part in parts)[min(at_most, len(parts) - 1)]
        limits = BUCKETS[histogram]
        below = max((limit for limit in limits if limit < low), default=0)
        # Of what lies above all limits, Prometheus says the last of them.
        return Span(below, min((limit for limit in limits if limit >= high), default=limits[-1]))

    return value


def _by(value: Value, *segments: str) -> dict[str, Value]:
    return dict.fromkeys(segments, value)


DURATION = _p95("video_upload_duration_seconds")
TTFB = _p95("video_upload_ttfb_seconds")
PREVIEW = _p95("video_upload_preview_seconds")
MEMORY = _p95("video_upload_memory_increase_bytes")

KPIS: Mapping[str, Kpi] = {
    "upload_success_ratio": Kpi(
        _either(_success), _ratio, _by(_ratio, "size_class", "device", "browser", "network")
    ),
    "upload_duration_p95_seconds": Kpi(
        _either(_duration),
        DURATION,
        {
            "size_class": DURATION,
            "resolution": _p95("video_upload_duration_by_resolution_seconds"),
            "network": _p95("video_upload_duration_by_network_seconds"),
        },
    ),
    "upload_ttfb_p95_seconds": Kpi(_either(_ttfb), TTFB, {"network": TTFB}),
    "upload_throughput_utilisation_ratio": Kpi(
        _utilisation, _average, _by(_average, "network", "region")
    ),
    "upload_chunk_first_try_ratio": Kpi(_either(_chunks), _ratio, {"network": _ratio}),
    "upload_abandonment_ratio": Kpi(
        _abandonment, _ratio, _by(_ratio, "age_class", "size_class", "device")
    ),
    "upload_preview_p95_seconds": Kpi(_preview, PREVIEW, {"device": PREVIEW}),
    "upload_recovery_ratio": Kpi(_recovery, _ratio, {"error_type": _ratio}),
    "upload_satisfaction_score": Kpi(_ratings, _average, {"device": _average}),
    "upload_cpu_increase_ratio": Kpi(_cpu, _average, {"device": _average}),
    "upload_memory_increase_bytes": Kpi(_memory, MEMORY, {"device": MEMORY}),
    "api_error_ratio": Kpi(_calls, _ratio, {"route": _ratio}),
    "storage_efficiency_ratio": Kpi(_files, _ratio),
    "storage_available": Kpi(_operations, _best, {"operation": _best}),
}
"""All but `upload_duration_increase_ratio`, which compares with the day before."""


def _events(kpi: str, parts: Sequence[Part]) -> float:
    """Chunks are counted one by one; of everything else, each part is an event."""
    chunks = kpi == "upload_chunk_first_try_ratio"
    return sum(part.weight for part in parts) if chunks else len(parts)


def kpis(facts: Facts, mean_of_the_day_before: float) -> dict[str, Truth]:
    """Every KPI that has a value, over the whole run."""
    found = {kpi: (how.parts(facts), how.value) for kpi, how in KPIS.items()}
    truth = {k: Truth(value(p), _events(k, p)) for k, (p, value) in found.items() if p}
    durations = _either(_any_duration)(facts)
    if durations:
        low, high = _average(durations)
        increase = Span(low / mean_of_the_day_before - 1, high / mean_of_the_day_before - 1)
        truth["upload_duration_increase_ratio"] = Truth(increase, len(durations))
    return truth


def segments(facts: Facts) -> dict[tuple[str, str, str], Truth]:
    """Every KPI by each of its segments and each member of it that has a value."""
    found = {}
    for kpi, how in KPIS.items():
        for segment, of in how.segments.items():
            for member, parts in _members(how.parts(facts), segment):
                found[kpi, segment, member] = Truth(of(parts), _events(kpi, parts))
    if facts.calls:
        # A call that succeeds has no type of error, so each type is measured against all calls.
        errors = Counter(call.error for call in facts.calls)
        calls = len(facts.calls)
        for kind in ERROR_TYPES:
            share = errors[kind] / calls
            value = Span(share * 0.999, share * 1.001)
            found["api_error_ratio", "error_type", kind] = Truth(value, calls)
    return found


def _members(parts: Sequence[Part], segment: str) -> Iterator[tuple[str, list[Part]]]:
    members: defaultdict[str, list[Part]] = defaultdict(list)
    for part in parts:
        if segment in part.traits:
            members[part.traits[segment]].append(part)
    yield from members.items()

"""What was sent, as the exporter must have counted it; an oracle that knows nothing of its code.

A number is under the sample's name and labels as Prometheus writes them, labels by name.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any


def sample(metric: str, **labels: str) -> str:
    """The name of a sample: ``metric{a="x",b="y"}``."""
    inside = ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
    return f"{metric}{{{inside}}}" if inside else metric


class Truth:
    """Counters, and for each histogram the values that went into it."""

    def __init__(self) -> None:
        self.counters: Counter[str] = Counter()
        self.values: defaultdict[str, list[float]] = defaultdict(list)
        self.by_arrival: Counter[str] = Counter()
        """Values that two clocks contradicted, so that only the arrival told them."""

    def count(self, metric: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""
        self.counters[sample(metric, **labels)] += amount  # type: ignore[assignment]

    def value(self, metric: str, value: float | None, **labels: str) -> None:
        """Observe a value; None is one that nobody but the arrival tells."""
        name = sample(metric, **labels)
        if value is None:
            self.by_arrival[name] += 1
        else:
            self.values[name].append(value)

    def add(self, other: Truth) -> None:
        """Take over what another one knows."""
        self.counters.update(other.counters)
        self.by_arrival.update(other.by_arrival)
        for name, values in other.values.items():
            self.values[name] += values

    def sum_of(self, metric: str, **labels: str) -> float:
        """The sum of a counter over every label that is not given."""
        return sum(self.counters[name] for name in self._named(self.counters, metric, labels))

    def values_of(self, metric: str, **labels: str) -> list[float]:
        """The values of a histogram over every label that is not given."""
        found = [self.values[name] for name in self._named(self.values, metric, labels)]
        return sorted(value for values in found for value in values)

    @staticmethod
    def _named(names: Iterable[str], metric: str, labels: dict[str, str]) -> list[str]:
        wanted = [f'{name}="{value}"' for name, value in labels.items()]
        return [
            name
            for name in names
            if name.partition("{")[0] == metric and all(each in name for each in wanted)
        ]

    def kpis(self) -> dict[str, float]:
        """Every upload KPI over the whole run that has a value, exactly."""
        total, values = self.sum_of, self.values_of
        ended, chunks = "video_upload_ended_total", "video_upload_chunks_total"
        completed, failed = total(ended, outcome="completed"), total(ended, outcome="failed")
        followed = {"source": "lifecycle"}
        asked, looked = "video_storage_operations_total", {}
        if not total(asked):
            asked, looked = "video_service_checks_total", {"service": "storage"}
        small = values("video_upload_duration_by_network_seconds", **followed)
        kpis = {
            "upload_success_ratio": _ratio(completed, completed + failed),
            "upload_duration_p95_seconds": quantile(0.95, small),
            "upload_ttfb_p95_seconds": quantile(
                0.95, values("video_upload_ttfb_seconds", **followed)
            ),
            "upload_throughput_utilisation_ratio": _mean(
                values("video_upload_throughput_utilisation_ratio")
            ),
            "upload_chunk_first_try_ratio": _ratio(
                total(chunks, first_try="yes", **followed), total(chunks, **followed)
            ),
            "upload_abandonment_ratio": _ratio(total(ended, outcome="abandoned"), total(ended)),
            "upload_preview_p95_seconds": quantile(0.95, values("video_upload_preview_seconds")),
            "upload_recovery_ratio": _ratio(
                total("video_upload_recoveries_total", result="ok"),
                total("video_upload_recoveries_total"),
            ),
            "upload_satisfaction_score": _mean(values("video_upload_rating")),
            "upload_cpu_increase_ratio": _mean(values("video_upload_cpu_increase_ratio")),
            "upload_memory_increase_bytes": quantile(
                0.95, values("video_upload_memory_increase_bytes")
            ),
            "api_error_ratio": _ratio(
                total("video_api_calls_total", result="failed"), total("video_api_calls_total")
            ),
            "storage_efficiency_ratio": _ratio(
                total("video_storage_original_bytes_total"),
                total("video_storage_stored_bytes_total"),
            ),
            "storage_available": float(total(asked, **looked, result="ok") > 0)
            if total(asked, **looked)
            else math.nan,
        }
        return {kpi: value for kpi, value in kpis.items() if not math.isnan(value)}

    def differences(self, scraped: Mapping[str, float]) -> list[str]:
        """Every sample of `/metrics` that is not what was sent; counts must agree exactly.

        Values must be in their bucket. Of those that only the arrival tells, the truth knows how
        many there are, but not which bucket they are in.
        """
        families = {name.partition("{")[0] for name in (*self.counters, *self.values)}
        names = set(self.counters)
        names |= {_part(name, "count") for name in (*self.values, *self.by_arrival)}
        names |= {name for name in scraped if _family(name) in families}
        wrong = []
        for name in sorted(names):
            least, most = self._bounds(name)
            got = scraped.get(name, 0.0)
            if not least <= got <= most:
                wrong.append(f"{name}: {got:g}, but {least:g} to {most:g} were sent")
        return wrong

    def _bounds(self, name: str) -> tuple[float, float]:
        if name in self.counters or _family(name) == name.partition("{")[0]:
            return self.counters[name], self.counters[name]
        labels = name.partition("{")[2].removesuffix("}").split(",")
        bound = next((each for each in labels if each.startswith("le=")), 'le="+Inf"')
        whole = ",".join(each for each in labels if each and each != bound)
        observed = f"{_family(name)}{{{whole}}}" if whole else _family(name)
        values, unsure = self.values[observed], self.by_arrival[observed]
        if name.startswith(f"{_family(name)}_sum"):
            total = math.fsum(values)
            return (total - 1e-6 * total, math.inf if unsure else total + 1e-6 * total)
        most = float(bound[4:-1])
        least = sum(value <= most for value in values)
        if math.isinf(most):
            return least + unsure, least + unsure
        return least, least + unsure

    def document(self) -> dict[str, Any]:
        """All of it, for a file."""
        return {
            "counters": dict(sorted(self.counters.items())),
            "values": {name: sorted(values) for name, values in sorted(self.values.items())},
            "by_arrival": dict(sorted(self.by_arrival.items())),
            "kpis": self.kpis(),
        }


def _family(name: str) -> str:
    """The family of a sample."""
    bare = name.partition("{")[0]
    for part in ("_bucket", "_count", "_sum"):
        bare = bare.removesuffix(part)
    return bare


def _part(name: str, part: str) -> str:
    """The sample that holds a part of a histogram."""
    family, brace, labels = name.partition("{")
    return f"{family}_{part}{brace}{labels}"


def quantile(share: float, ordered: list[float]) -> float:
    """The smallest value that at least ``share`` of the ordered values do not exceed."""
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else math.nan


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _mean(values: list[float]) -> float:
    return _ratio(math.fsum(values), len(values))

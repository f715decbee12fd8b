"""Numbers with a unit, and how they are shown to people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

NOTHING: Final = "–"


class Unit(StrEnum):
    """What a number counts; the value is its name in JSON."""

    SHARE = "ratio"
    SECONDS = "seconds"
    BYTES = "bytes"
    SPEED = "bits_per_second"
    SCORE = "score"
    COUNT = "count"
    NUMBER = "number"


class Quantity(NamedTuple):
    """A number, or nothing where nobody knows it."""

    value: float | None
    unit: Unit

    def __str__(self) -> str:
        return NOTHING if self.value is None else _SHOWN[self.unit](self.value)


_UNITS: Final[Mapping[str, Unit]] = {
    "ratio": Unit.SHARE,
    "seconds": Unit.SECONDS,
    "bytes": Unit.BYTES,
    "bps": Unit.SPEED,
    "score": Unit.SCORE,
    "length": Unit.COUNT,
}
_CAPITALS: Final = {
    "api", "cdn", "cls", "cpu", "fcp", "inp", "lcp", "mttr", "pwa", "ttfb",
}  # fmt: skip


def unit_of(kpi: str) -> Unit:
    """The unit that the last word of a KPI's id promises."""
    return _UNITS.get(kpi.rpartition("_")[2], Unit.NUMBER)


def title_of(kpi: str) -> str:
    """A KPI's id in words: ``upload_ttfb_p95_seconds`` is Upload TTFB p95."""
    words = kpi.split("_")
    if len(words) > 1 and words[-1] in _UNITS and words[-1] not in {"score", "length"}:
        words.pop()
    shown = [word.upper() if word in _CAPITALS else word for word in words]
    return shown[0][:1].upper() + shown[0][1:] + "".join(f" {word}" for word in shown[1:])


def change(now: float | None, before: float | None, unit: Unit) -> str:
    """How a number changed: shares in points, everything else in percent of what it was."""
    if now is None or before is None:
        return NOTHING
    if unit is Unit.SHARE:
        return _signed(100 * (now - before), " pt")
    if before == 0:
        return "±0 %" if now == 0 else NOTHING
    return _signed(100 * (now - before) / abs(before), " %")


def _signed(number: float, unit: str) -> str:
    digits = 1 if abs(number) < 10 else 0
    rounded = round(number, digits)
    return f"±0{unit}" if rounded == 0 else f"{rounded:+,.{digits}f}{unit}"


def _share(value: float) -> str:
    # 99.95 % and 100 % are not the same promise.
    digits = 2 if 0.99 <= abs(value) < 1 or 0 < abs(value) < 0.01 else 1
    return f"{100 * value:,.{digits}f} %"


def _scaled(*steps: tuple[float, float, str]) -> Callable[[float], str]:
    """By steps of (from what on, divided by, unit), the largest first."""

    def show(value: float) -> str:
        size = abs(value)
        divisor, unit = next((by, unit) for least, by, unit in steps if size >= least)
        number = value / divisor
        digits = 0 if abs(number) >= 100 or round(number, 1).is_integer() else 1
        return f"{number:,.{digits}f} {unit}"

    return show


_SHOWN: Final[Mapping[Unit, Callable[[float], str]]] = {
    Unit.SHARE: _share,
    Unit.SECONDS: _scaled(
        (172_800, 86_400, "d"), (7200, 3600, "h"), (120, 60, "min"), (1, 1, "s"), (0, 0.001, "ms")
    ),
    Unit.BYTES: _scaled((1e9, 1e9, "GB"), (1e6, 1e6, "MB"), (1e3, 1e3, "kB"), (0, 1, "B")),
    Unit.SPEED: _scaled((1e6, 1e6, "Mbit/s"), (1e3, 1e3, "kbit/s"), (0, 1, "bit/s")),
    Unit.SCORE: lambda value: f"{value:.1f}" if abs(value) > 10 else f"{value:.2f}",
    Unit.COUNT: lambda value: f"{value:,.0f}",
    Unit.NUMBER: lambda value: f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}",
}

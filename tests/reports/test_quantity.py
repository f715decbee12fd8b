"""Numbers as people read them."""

import pytest

from exporter.reports.quantity import Quantity, Unit, change, title_of, unit_of


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (None, Unit.SHARE, "–"),
        (0.981, Unit.SHARE, "98.1 %"),
        (1.0, Unit.SHARE, "100.0 %"),
        (0.9995, Unit.SHARE, "99.95 %"),
        (0.002, Unit.SHARE, "0.20 %"),
        (1.25, Unit.SHARE, "125.0 %"),
        (-0.2, Unit.SHARE, "-20.0 %"),
        (0.0, Unit.SECONDS, "0 ms"),
        (0.24, Unit.SECONDS, "240 ms"),
        (0.0125, Unit.SECONDS, "12.5 ms"),
        (1.0, Unit.SECONDS, "1 s"),
        (29.6, Unit.SECONDS, "29.6 s"),
        (60.000001, Unit.SECONDS, "60 s"),
        (119.0, Unit.SECONDS, "119 s"),
        (120.0, Unit.SECONDS, "2 min"),
        (2700.0, Unit.SECONDS, "45 min"),
        (9000.0, Unit.SECONDS, "2.5 h"),
        (259_200.0, Unit.SECONDS, "3 d"),
        (100e6, Unit.BYTES, "100 MB"),
        (1536.0, Unit.BYTES, "1.5 kB"),
        (2.5e6, Unit.SPEED, "2.5 Mbit/s"),
        (4.5, Unit.SCORE, "4.50"),
        (87.25, Unit.SCORE, "87.2"),
        (12_345.0, Unit.COUNT, "12,345"),
        (0.0123, Unit.NUMBER, "0.0123"),
        (1234.5, Unit.NUMBER, "1,234"),
    ],
)
def test_a_number_is_shown_in_the_unit_that_fits(
    value: float | None, unit: Unit, shown: str
) -> None:
    assert str(Quantity(value, unit)) == shown


@pytest.mark.parametrize(
    ("now", "before", "unit", "shown"),
    [
        (0.93, 0.95, Unit.SHARE, "-2.0 pt"),
        (0.95, 0.80, Unit.SHARE, "+15 pt"),
        (0.95, 0.9501, Unit.SHARE, "±0 pt"),
        (24.0, 40.0, Unit.SECONDS, "-40 %"),
        (1.05, 1.0, Unit.SECONDS, "+5.0 %"),
        (3000.0, 1.0, Unit.COUNT, "+299,900 %"),
        (0.0, 0.0, Unit.COUNT, "±0 %"),
        (5.0, 0.0, Unit.COUNT, "–"),
        (-0.1, -0.2, Unit.SCORE, "+50 %"),
        (None, 1.0, Unit.COUNT, "–"),
        (1.0, None, Unit.COUNT, "–"),
    ],
)
def test_shares_change_in_points_and_the_rest_in_percent(
    now: float | None, before: float | None, unit: Unit, shown: str
) -> None:
    assert change(now, before, unit) == shown


@pytest.mark.parametrize(
    ("kpi", "title", "unit"),
    [
        ("upload_success_ratio", "Upload success", Unit.SHARE),
        ("upload_ttfb_p95_seconds", "Upload TTFB p95", Unit.SECONDS),
        ("api_error_ratio", "API error", Unit.SHARE),
        ("upload_memory_increase_bytes", "Upload memory increase", Unit.BYTES),
        ("upload_satisfaction_score", "Upload satisfaction score", Unit.SCORE),
        ("playback_bitrate_mean_bps", "Playback bitrate mean", Unit.SPEED),
        ("generation_queue_length", "Generation queue length", Unit.COUNT),
        ("storage_available", "Storage available", Unit.NUMBER),
        ("web_lcp_good_ratio", "Web LCP good", Unit.SHARE),
        ("pwa_install_ratio", "PWA install", Unit.SHARE),
    ],
)
def test_the_id_of_a_kpi_says_its_title_and_its_unit(kpi: str, title: str, unit: Unit) -> None:
    assert title_of(kpi) == title
    assert unit_of(kpi) is unit

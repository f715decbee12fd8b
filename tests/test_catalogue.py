"""Every metric there is: names, units, limits, budget, and the page about them."""

import re
from pathlib import Path

import pytest

from exporter import telemetry
from exporter.catalogue import BUDGET, DEFAULTS, Catalogue, OverBudgetError
from exporter.events import DOMAINS
from exporter.metric import AnyMetric, Counter, Gauge, Histogram, Route
from tests.pipelines import CATALOGUE

ROOT = Path(__file__).parents[1]
# A rating is a number of stars and a score a number of points, which are no units of physics.
UNITS = ("_seconds", "_bytes", "_ratio", "_rating", "_score")

# The limits of docs/kpis.md that are about a distribution: the target and
# where each alert starts. A limit that is no bucket would have to be guessed between two of them.
LIMITS = {
    "video_upload_duration_seconds": (30,),
    "video_upload_duration_by_network_seconds": (30,),
    "video_upload_duration_by_resolution_seconds": (30,),
    "video_upload_ttfb_seconds": (1, 2),
    "video_upload_throughput_utilisation_ratio": (0.5, 0.8),
    "video_upload_throughput_utilisation_by_region_ratio": (0.5, 0.8),
    "video_upload_preview_seconds": (2, 5),
    "video_upload_interruption_seconds": (60, 300),
    "video_upload_rating": (1, 2, 3, 4, 5),
    "video_upload_cpu_increase_ratio": (0.3, 0.6),
    "video_upload_memory_increase_bytes": (100e6, 250e6),
    "video_api_duration_seconds": (0.1, 0.2, 1),
    "video_storage_duration_seconds": (1,),
    "video_generation_duration_seconds": (60, 90),
    "video_generation_queue_seconds": (60,),
    "video_generation_run_seconds": (60, 90),
    "video_generation_quality_score": (8, 9),
    "video_generation_rating": (1, 2, 3, 4, 5),
    "video_playback_engagement_ratio": (0.4, 0.9),
    "video_playback_startup_seconds": (2, 5),
    "video_playback_startup_by_network_seconds": (2, 5),
    "video_playback_startup_by_player_seconds": (2, 5),
    "video_playback_stall_seconds": (1,),
    "video_web_lcp_seconds": (2.5, 4),
    "video_web_inp_seconds": (0.2, 0.5),
    "video_web_cls_score": (0.1, 0.25),
    "video_web_fcp_seconds": (1.8, 3),
    "video_web_ttfb_seconds": (0.8, 1.8),
    "video_web_fid_seconds": (0.1, 0.3),
    "video_web_load_seconds": (2, 4),
    "video_web_load_by_page_seconds": (2, 4),
    "video_web_navigation_seconds": (1,),
    "video_web_resource_seconds": (5,),
    "video_web_long_task_seconds": (0.05,),
    "video_web_measured_seconds": (1,),
    "video_web_session_seconds": (60,),
    "video_web_engagement_score": (10,),
    "video_service_check_seconds": (1,),
    "video_feedback_rating": (1, 2, 3, 4, 5),
}


def test_the_page_of_metrics_is_up_to_date() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()

    assert page == CATALOGUE.render(), "run `make golden` and commit what it writes"


@pytest.mark.parametrize("metric", CATALOGUE.metrics, ids=lambda metric: metric.name)
def test_a_metric_is_named_as_prometheus_asks(metric: AnyMetric) -> None:
    assert re.fullmatch(r"(video|exporter)(_[a-z0-9]+)+", metric.name)
    assert metric.name.endswith("_total") == isinstance(metric, Counter)
    assert not metric.name.endswith(("_count", "_sum", "_bucket", "_created", "_info_total"))
    for name in metric.label_names:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name)
        assert name not in {"le", "quantile", "job", "instance"}


@pytest.mark.parametrize(
    "metric",
    [metric for metric in CATALOGUE.metrics if isinstance(metric, Histogram)],
    ids=lambda metric: metric.name,
)
def test_a_distribution_has_a_base_unit_and_ascending_limits(metric: Histogram[tuple[str]]) -> None:
    assert metric.name.endswith(UNITS)
    assert metric.buckets
    assert list(metric.buckets) == sorted(set(metric.buckets))


@pytest.mark.parametrize("metric", CATALOGUE.metrics, ids=lambda metric: metric.name)
def test_a_metric_is_explained_in_a_sentence(metric: AnyMetric) -> None:
    assert metric.help.endswith(".")
    assert metric.help[0].isupper() or metric.help[0].isdigit()
    assert "|" not in metric.help, "it stands in a table"


def test_no_name_is_used_twice_nor_can_be_taken_for_another() -> None:
    names = [metric.name for metric in CATALOGUE.metrics]
    exposed = {
        f"{metric.name}{suffix}"
        for metric in CATALOGUE.metrics
        if isinstance(metric, Histogram)
        for suffix in ("_bucket", "_sum", "_count")
    }

    assert len(names) == len(set(names))
    assert exposed.isdisjoint(names)


def test_every_limit_of_the_contract_is_a_bucket() -> None:
    metrics = {metric.name: metric for metric in CATALOGUE.metrics}
    distributions = {
        metric.name
        for domain in DOMAINS
        for metric in domain.metrics
        if isinstance(metric, Histogram)
    }

    assert set(LIMITS) == distributions, "say which limits a new distribution has"
    for name, limits in LIMITS.items():
        metric = metrics[name]
        assert isinstance(metric, Histogram)
        assert set(limits) <= set(metric.buckets), name


def test_everything_fits_into_the_budget() -> None:
    CATALOGUE.check()

    assert CATALOGUE.most_series() <= BUDGET == 3000


def test_above_the_budget_the_start_is_refused_and_the_largest_are_named() -> None:
    routes = tuple(f"/route/{number}" for number in range(500))
    with pytest.raises(OverBudgetError, match="the budget is 3000") as caught:
        Catalogue(DOMAINS, {**DEFAULTS, Route: routes}).check()

    assert "video_api_duration_seconds" in str(caught.value)


def test_each_route_costs_what_its_metrics_cost() -> None:
    more = Catalogue(DOMAINS, {**DEFAULTS, Route: (*DEFAULTS[Route], "/one/more")})
    by_route = [metric for metric in CATALOGUE.metrics if "route" in metric.label_names]

    assert more.most_series() > CATALOGUE.most_series()
    assert all(
        metric.most_series(more.members) > metric.most_series(CATALOGUE.members)
        for metric in by_route
    )


def test_what_is_declared_is_in_the_catalogue() -> None:
    declared = {
        id(value)
        for value in vars(telemetry).values()
        if isinstance(value, Counter | Gauge | Histogram)
    }

    assert declared == {id(metric) for metric in (*telemetry.ACCOUNTING, *telemetry.PROCESS)}
    assert set(CATALOGUE.durable) | set(telemetry.PROCESS) == set(CATALOGUE.metrics)
    assert not [metric for metric in CATALOGUE.durable if isinstance(metric, Gauge)]

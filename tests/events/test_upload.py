"""The upload domain: what is sent about uploads, and every number that comes of it."""

from collections.abc import Iterator

import pytest

from exporter.events import upload
from exporter.events.upload.classes import AgeClass, ErrorType, Resolution, SizeClass
from exporter.metric import Histogram
from tests.events import stories
from tests.events.stories import Case
from tests.pipelines import Piped

CASES = stories.cases("upload")

IMPLIED = ("by_client", "by_age", "by_region")
"""Families that a case may leave out: they have the sums of ``video_upload_ended_total``."""


def implied(case: Case) -> Iterator[str]:
    listed = {name for name, _, _ in case["series"]}
    for family in (f"video_upload_ended_{each}_total" for each in IMPLIED):
        if family not in listed:
            yield family


@pytest.mark.parametrize("case", CASES, ids=[case["it"] for case in CASES])
def test_story(piped: Piped, case: Case) -> None:
    stories.play(piped, case["story"])

    left_out = tuple(implied(case))
    for family in left_out:
        for outcome in ("completed", "failed", "abandoned"):
            whole = piped.total("video_upload_ended_total", outcome=outcome)
            assert piped.total(family, outcome=outcome) == whole, family
    stories.check_series(piped, case, left_out)


WITH_POINTS = [case for case in CASES if "points" in case]


@pytest.mark.parametrize("case", WITH_POINTS, ids=[case["it"] for case in WITH_POINTS])
def test_points_of(piped: Piped, case: Case) -> None:
    stories.play(piped, case["story"])

    stories.check_points(piped, case)


def test_what_comes_late_completes_the_point_that_is_there(piped: Piped) -> None:
    late = next(c for c in CASES if c["it"].startswith("A preview and a rating that come late"))
    stories.play(piped, late["story"])

    assert len({(point.measurement, point.tags, stamp) for point, stamp in piped.points}) == 1


def test_every_metric_of_the_domain_is_in_the_table() -> None:
    assert stories.families(CASES) == {metric.name for metric in upload.DOMAIN.metrics}


def test_every_limit_of_a_histogram_is_looked_at_somewhere_or_taken_from_the_contract() -> None:
    for metric in upload.DOMAIN.metrics:
        if isinstance(metric, Histogram):
            assert list(metric.buckets) == sorted(set(metric.buckets)), metric.name


def test_every_event_type_of_the_domain_is_in_the_table() -> None:
    assert stories.told(CASES) == stories.types(upload.DOMAIN)


def test_every_class_of_error_outcome_and_network_is_in_the_table() -> None:
    said: dict[str, set[str]] = {}
    for case in CASES:
        for _, labels, _ in case["series"]:
            for name, value in labels.items():
                said.setdefault(name, set()).add(value)

    assert said["error_type"] == set(ErrorType)
    assert said["outcome"] == {"completed", "failed", "abandoned"}
    assert {"4g", "3g", "slow-2g", "other"} <= said["network"]


@pytest.mark.parametrize(
    ("size", "size_class"),
    [
        (None, "other"),
        (0, "0-10MB"),
        (9_999_999, "0-10MB"),
        (10_000_000, "10-30MB"),
        (29_999_999, "10-30MB"),
        (30_000_000, "30-100MB"),
        (99_999_999, "30-100MB"),
        (100_000_000, "100MB+"),
        (2**53, "100MB+"),
    ],
)
def test_a_size_has_a_class(size: int | None, size_class: str) -> None:
    assert SizeClass.of(size) == size_class


@pytest.mark.parametrize(
    ("seconds", "age_class"),
    [(0, "0-10s"), (10, "10-30s"), (30, "30-60s"), (60, "1-5m"), (299.9, "1-5m"), (300, "5m+")],
)
def test_an_age_has_a_class(seconds: float, age_class: str) -> None:
    assert AgeClass.of(seconds) == age_class


@pytest.mark.parametrize(
    ("width", "height", "resolution"),
    [
        (640, 360, "sd"),
        (1280, 720, "hd"),
        (720, 1280, "hd"),
        (1920, 1080, "full_hd"),
        (1080, 1920, "full_hd"),
        (2560, 1440, "uhd"),
        (3840, 2160, "uhd"),
        (None, 1080, "other"),
        (1920, None, "other"),
        (0, 0, "other"),
    ],
)
def test_a_picture_has_a_class_however_it_is_held(
    width: int | None, height: int | None, resolution: str
) -> None:
    assert Resolution.of(width, height) == resolution


@pytest.mark.parametrize(
    ("text", "error_type"),
    [
        ("TypeError: Failed to fetch", "network"),
        ("Network request failed", "network"),
        ("ECONNRESET", "network"),
        ("net::ERR_INTERNET_DISCONNECTED: you are offline", "network"),
        ("Load failed", "network"),
        ("Request timed out", "timeout"),
        ("timeout of 30000ms exceeded", "timeout"),
        ("504 Gateway Time-out", "timeout"),
        ("context deadline exceeded", "timeout"),
        ("AbortError: The user aborted a request.", "cancelled"),
        ("Upload cancelled", "cancelled"),
        ("HTTP 401", "auth"),
        ("403 Forbidden", "auth"),
        ("Invalid token", "auth"),
        ("AccessDenied: Permission denied", "auth"),
        ("No space left on device", "storage"),
        ("S3 bucket not found", "storage"),
        ("QuotaExceededError", "storage"),
        ("HTTP 413 Payload Too Large", "validation"),
        ("unsupported codec", "validation"),
        ("HTTP 500", "server"),
        ("Internal Server Error", "server"),
        ("502 Bad Gateway", "server"),
        ("Service Unavailable", "server"),
        ("server", "server"),
        ("chunk 5003 was lost", "other"),
        ("it broke", "other"),
        ("", "other"),
        (None, "other"),
    ],
)
def test_an_error_text_has_a_class(text: str | None, error_type: str) -> None:
    assert ErrorType.of(text) == error_type


@pytest.mark.parametrize(
    ("status", "error_type"),
    [(400, "validation"), (401, "auth"), (403, "auth"), (404, "validation"), (408, "timeout"),
     (500, "server"), (503, "server"), (504, "timeout"), (507, "storage")],
)  # fmt: skip
def test_a_status_has_a_class(status: int, error_type: str) -> None:
    assert ErrorType.of("whatever", status) == error_type

"""Every number about page views, the sessions they belong to and the errors they meet."""

from __future__ import annotations

from typing import NamedTuple

from exporter.event import Device
from exporter.events.web.classes import (
    Action,
    Bounced,
    Erred,
    ErrorType,
    LogLevel,
    Milestone,
    Phase,
    Rating,
    RequestResult,
    Vital,
    Window,
)
from exporter.metric import Counter, Histogram, Level, Measurement, Page, Unlabelled

LOAD_LIMITS = (0.5, 1, 2, 3, 4, 6, 10)


class VitalLabels(NamedTuple):
    vital: Vital
    rating: Rating
    device: Device


class VitalByPageLabels(NamedTuple):
    vital: Vital
    rating: Rating
    page: Page


class OnDevice(NamedTuple):
    device: Device


class OnPage(NamedTuple):
    page: Page


class InPhase(NamedTuple):
    phase: Phase


class ViewLabels(NamedTuple):
    page: Page
    erred: Erred


class ViewByDeviceLabels(NamedTuple):
    device: Device
    erred: Erred


class OfType(NamedTuple):
    error_type: ErrorType


class RequestLabels(NamedTuple):
    page: Page
    result: RequestResult


class SessionLabels(NamedTuple):
    device: Device
    bounced: Bounced


class OfAction(NamedTuple):
    action: Action


class AtMilestone(NamedTuple):
    milestone: Milestone


class OverWindow(NamedTuple):
    window: Window


class OfLevel(NamedTuple):
    level: LogLevel


class OfMeasurement(NamedTuple):
    measurement: Measurement


VITALS = Counter(
    "video_web_vitals_total",
    "Page views over that had a value, by vital and by the rating of its last value.",
    VitalLabels,
)
VITALS_BY_PAGE = Counter(
    "video_web_vitals_by_page_total",
    "The values of video_web_vitals_total by page.",
    VitalByPageLabels,
)
LCP = Histogram(
    "video_web_lcp_seconds",
    "Largest Contentful Paint, last value of a page view.",
    Unlabelled,
    (1, 2.5, 4, 6),
)
INP = Histogram(
    "video_web_inp_seconds",
    "Interaction to Next Paint, last value of a page view.",
    Unlabelled,
    (0.1, 0.2, 0.5, 1),
)
CLS = Histogram(
    "video_web_cls_score",
    "Cumulative Layout Shift, last value of a page view.",
    Unlabelled,
    (0.05, 0.1, 0.25, 0.5),
)
FCP = Histogram(
    "video_web_fcp_seconds",
    "First Contentful Paint of a page view.",
    Unlabelled,
    (0.9, 1.8, 3, 5),
)
TTFB = Histogram(
    "video_web_ttfb_seconds",
    "Time to First Byte of a page view.",
    Unlabelled,
    (0.2, 0.5, 0.8, 1.8, 3),
)
FID = Histogram(
    "video_web_fid_seconds",
    "First Input Delay of a page view; legacy.",
    Unlabelled,
    (0.05, 0.1, 0.3),
)
LOAD = Histogram(
    "video_web_load_seconds", "Navigation start to load, by device.", OnDevice, LOAD_LIMITS
)
LOAD_BY_PAGE = Histogram(
    "video_web_load_by_page_seconds",
    "The times of video_web_load_seconds by page.",
    OnPage,
    LOAD_LIMITS,
)
NAVIGATION = Histogram(
    "video_web_navigation_seconds",
    "Parts of a navigation (Navigation Timing).",
    InPhase,
    (0.05, 0.1, 0.25, 0.5, 1, 2),
)
RESOURCE = Histogram(
    "video_web_resource_seconds",
    "How long resources of pages took to load.",
    Unlabelled,
    (0.1, 0.25, 0.5, 1, 2, 5),
)
LONG_TASK = Histogram(
    "video_web_long_task_seconds",
    "Tasks that kept the main thread for 50 ms or more.",
    Unlabelled,
    (0.05, 0.1, 0.2, 0.5, 1),
)
PAGE_VIEWS = Counter(
    "video_web_page_views_total",
    "Page views over, by page and whether they met an error.",
    ViewLabels,
)
PAGE_VIEWS_BY_DEVICE = Counter(
    "video_web_page_views_by_device_total",
    "The page views of video_web_page_views_total.",
    ViewByDeviceLabels,
)
ERRORS = Counter("video_web_errors_total", "Errors of pages, by kind.", OfType)
FATAL_ERRORS = Counter(
    "video_web_fatal_errors_total",
    "Errors of video_web_errors_total that their page called fatal.",
    Unlabelled,
)
PAGE_VIEWS_WITH_ERROR = Counter(
    "video_web_page_views_with_error_total",
    "Page views over that met an error of a kind; one with two kinds is in both.",
    OfType,
)
NEW_ERRORS = Counter(
    "video_web_new_errors_total", "Errors whose fingerprint had not been seen before.", Unlabelled
)
REQUESTS = Counter(
    "video_web_requests_total",
    "Requests that pages reported, by how they came out.",
    RequestLabels,
)
SESSIONS = Counter(
    "video_web_sessions_total", "Sessions over, by whether they bounced.", SessionLabels
)
SESSION = Histogram(
    "video_web_session_seconds",
    "Length of sessions over, first to last sign.",
    OnDevice,
    (10, 60, 300, 1800),
)
ENGAGEMENT = Histogram(
    "video_web_engagement_score",
    "Engagement of sessions over: min(minutes, 10) + min(2 x interactions, 20).",
    OnDevice,
    (5, 10, 20),
)
ACTIONS = Counter("video_web_actions_total", "What people did on pages.", OfAction)
SCROLLED = Counter(
    "video_web_scroll_milestones_total",
    "The scrolls of video_web_actions_total that say how far: the last milestone passed.",
    AtMilestone,
)
MEASURED = Histogram(
    "video_web_measured_seconds",
    "What pages measure under names of their own, by those that the settings list.",
    OfMeasurement,
    (0.1, 0.25, 0.5, 1, 2, 5, 10),
)
CUSTOM_EVENTS = Counter(
    "video_web_custom_events_total", "Events that only their page knows the meaning of.", Unlabelled
)
LOGS = Counter("video_web_logs_total", "Lines that pages wrote into their logs.", OfLevel)
SPANS_DROPPED = Counter(
    "video_web_spans_dropped_total",
    "Spans of traces that pages sent; nothing is made of them.",
    Unlabelled,
)
ACTIVE_PEOPLE = Level(
    "video_web_active_people", "Distinct people seen in a window; within 2 %.", OverWindow
)
AFFECTED_PEOPLE = Level(
    "video_web_affected_people",
    "Distinct people that met an error of a kind in the last day; within 2 %.",
    OfType,
)
NULL_VALUES = Counter(
    "video_web_null_values_total", "Measurements that came as null (NaN in the page).", Unlabelled
)
CLAMPED = Counter(
    "video_web_clamped_total",
    "Measurements that were absurd (negative, or over an hour) and were not used.",
    Unlabelled,
)

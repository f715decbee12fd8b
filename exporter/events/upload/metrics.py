"""Every number about uploads, the API that takes them and the storage that keeps them.

A family has the labels that one KPI of the contract is segmented by, and no more: the
families of one fact (all uploads that ended, say) have equal sums.
"""

from __future__ import annotations

from typing import NamedTuple

from exporter.event import Browser, Device, Network, Region
from exporter.events.upload.classes import (
    AgeClass,
    ErrorType,
    FirstTry,
    Interruption,
    Operation,
    Outcome,
    Resolution,
    Result,
    SizeClass,
    Source,
)
from exporter.metric import Counter, Histogram, Route, Unlabelled

MB = 1e6


class EndedLabels(NamedTuple):
    outcome: Outcome
    device: Device
    size_class: SizeClass


class EndedByClientLabels(NamedTuple):
    outcome: Outcome
    browser: Browser
    network: Network


class EndedByAgeLabels(NamedTuple):
    outcome: Outcome
    age_class: AgeClass


class EndedByRegionLabels(NamedTuple):
    outcome: Outcome
    region: Region


class ReportedLabels(NamedTuple):
    result: Result
    device: Device
    size_class: SizeClass


class ReportedByClientLabels(NamedTuple):
    result: Result
    browser: Browser
    network: Network


class BySize(NamedTuple):
    source: Source
    size_class: SizeClass


class ByNetwork(NamedTuple):
    source: Source
    network: Network


class ByResolution(NamedTuple):
    resolution: Resolution


class OnNetwork(NamedTuple):
    network: Network


class InRegion(NamedTuple):
    region: Region


class ChunkLabels(NamedTuple):
    source: Source
    network: Network
    first_try: FirstTry


class OnDevice(NamedTuple):
    device: Device


class RecoveryLabels(NamedTuple):
    error_type: ErrorType
    result: Result


class OfType(NamedTuple):
    error_type: ErrorType


class Interrupted(NamedTuple):
    kind: Interruption


class CallLabels(NamedTuple):
    route: Route
    result: Result


class CallErrorLabels(NamedTuple):
    route: Route
    error_type: ErrorType


class OnRoute(NamedTuple):
    route: Route


class OperationLabels(NamedTuple):
    operation: Operation
    result: Result


class OfOperation(NamedTuple):
    operation: Operation


STARTED = Counter(
    "video_upload_started_total",
    "Uploads that started (attempts); minus those that ended, the uploads that go on now.",
    Unlabelled,
)
ENDED = Counter(
    "video_upload_ended_total",
    "Uploads over, each counted once, by how they ended.",
    EndedLabels,
)
ENDED_BY_CLIENT = Counter(
    "video_upload_ended_by_client_total",
    "The uploads of video_upload_ended_total by the client's browser and network.",
    EndedByClientLabels,
)
ENDED_BY_AGE = Counter(
    "video_upload_ended_by_age_total",
    "The uploads of video_upload_ended_total by how long they had been going on.",
    EndedByAgeLabels,
)
ENDED_BY_REGION = Counter(
    "video_upload_ended_by_region_total",
    "The uploads of video_upload_ended_total by the continent of the client.",
    EndedByRegionLabels,
)
ABANDON_HINTS = Counter(
    "video_upload_abandon_hints_total",
    "Uploads that the page believed abandoned (its own 2-minute rule); a hint, never an end.",
    Unlabelled,
)
CANCELLED = Counter(
    "video_upload_cancelled_total",
    "The abandoned uploads that somebody gave up in so many words, and not by silence.",
    Unlabelled,
)
INTERRUPTIONS = Histogram(
    "video_upload_interruption_seconds",
    "Times without a new byte, within a request (stalled) or between two of them (resumed), of "
    "uploads that then went on.",
    Interrupted,
    (30, 60, 300, 900),
)
REWINDS = Counter(
    "video_upload_rewinds_total",
    "Requests that sent bytes again which had reached the server but were not kept.",
    Unlabelled,
)
RECOVERED_LATE = Counter(
    "video_upload_recovered_after_end_total",
    "Uploads that completed after they had been counted abandoned or failed; never subtracted.",
    Unlabelled,
)
REPORTS = Counter(
    "video_upload_reports_total",
    "Performance reports that name no upload, by what they say of its success.",
    ReportedLabels,
)
REPORTS_BY_CLIENT = Counter(
    "video_upload_reports_by_client_total",
    "The reports of video_upload_reports_total by the client's browser and network.",
    ReportedByClientLabels,
)
DURATION = Histogram(
    "video_upload_duration_seconds",
    "First byte to completion of completed uploads.",
    BySize,
    (2, 5, 10, 20, 30, 60, 120, 300, 900),
)
DURATION_BY_NETWORK = Histogram(
    "video_upload_duration_by_network_seconds",
    "First byte to completion of completed uploads under 30 MB, by network.",
    ByNetwork,
    (5, 10, 20, 30, 60, 120),
)
DURATION_BY_RESOLUTION = Histogram(
    "video_upload_duration_by_resolution_seconds",
    "First byte to completion of completed uploads under 30 MB, by resolution; followed ones only.",
    ByResolution,
    (5, 10, 20, 30, 60, 120),
)
TTFB = Histogram(
    "video_upload_ttfb_seconds",
    "Start of an upload to its first byte received by the server.",
    ByNetwork,
    (0.1, 0.25, 0.5, 1, 2, 5),
)
UTILISATION = Histogram(
    "video_upload_throughput_utilisation_ratio",
    "Bytes per second achieved over the downlink that the client reported.",
    OnNetwork,
    (0.5, 0.8, 1),
)
UTILISATION_BY_REGION = Histogram(
    "video_upload_throughput_utilisation_by_region_ratio",
    "The values of video_upload_throughput_utilisation_ratio by the continent of the client.",
    InRegion,
    (0.5, 0.8, 1),
)
CHUNKS = Counter(
    "video_upload_chunks_total",
    "Chunks that arrived, by whether their first attempt did.",
    ChunkLabels,
)
PREVIEW = Histogram(
    "video_upload_preview_seconds",
    "Completion of an upload to its preview shown.",
    OnDevice,
    (1, 2, 3, 5, 10),
)
RECOVERIES = Counter(
    "video_upload_recoveries_total",
    "Uploads that failed a step and tried to go on, by kind of error and whether they completed.",
    RecoveryLabels,
)
ERRORS = Counter(
    "video_upload_errors_total",
    "Errors met by uploads, whether the upload survived them or not.",
    OfType,
)
RATING = Histogram(
    "video_upload_rating",
    "Ratings that people gave to an upload, 1 to 5.",
    OnDevice,
    (1, 2, 3, 4, 5),
)
CPU = Histogram(
    "video_upload_cpu_increase_ratio",
    "Mean CPU share of the client during an upload minus its first reading; a decrease is 0.",
    OnDevice,
    (0.1, 0.3, 0.6),
)
MEMORY = Histogram(
    "video_upload_memory_increase_bytes",
    "Peak heap of the client during an upload minus its first reading; a decrease counts as 0.",
    OnDevice,
    (25 * MB, 50 * MB, 100 * MB, 250 * MB, 500 * MB),
)
CLAMPED = Counter(
    "video_upload_clamped_total",
    "Times reported by clients that were absurd (negative, or over a day) and were not used.",
    Unlabelled,
)
GENERIC = Counter(
    "video_generic_events_total",
    "Analytics events of a type that no domain knows; kept, not interpreted.",
    Unlabelled,
)

API_CALLS = Counter(
    "video_api_calls_total",
    "Calls of the platform's API; failed is a response of 500 or above, or none.",
    CallLabels,
)
API_ERRORS = Counter(
    "video_api_errors_total",
    "The failed calls of video_api_calls_total by kind of error.",
    CallErrorLabels,
)
API_DURATION = Histogram(
    "video_api_duration_seconds",
    "How long calls of the platform's API took.",
    OnRoute,
    (0.05, 0.1, 0.2, 0.5, 1, 2.5, 5),
)
STORAGE_OPERATIONS = Counter(
    "video_storage_operations_total",
    "Storage operations and health checks, by result.",
    OperationLabels,
)
STORAGE_DURATION = Histogram(
    "video_storage_duration_seconds",
    "How long storage operations took.",
    OfOperation,
    (0.05, 0.1, 0.5, 1, 5),
)
STORED_FILES = Counter(
    "video_storage_stored_files_total",
    "Files whose original and stored size were reported.",
    Unlabelled,
)
ORIGINAL_BYTES = Counter(
    "video_storage_original_bytes_total",
    "Sizes of the files of video_storage_stored_files_total as they were uploaded.",
    Unlabelled,
)
STORED_BYTES = Counter(
    "video_storage_stored_bytes_total",
    "Sizes of the files of video_storage_stored_files_total as they are stored.",
    Unlabelled,
)

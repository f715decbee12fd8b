"""The KPIs of uploads, the API that takes them and the storage that keeps them, in words."""

from __future__ import annotations

from typing import Final

from grafana.build.kpis.kpi import Kpi

KPIS: Final = (
    Kpi(
        "upload_success_ratio",
        "Upload success",
        "Of the uploads that completed or failed, how many completed?",
        "Above the target line; people who give up are counted apart, as abandonment.",
        "upload-performance",
    ),
    Kpi(
        "upload_duration_p95_seconds",
        "Upload time under 30 MB, p95",
        "How long do 95 of 100 uploads under 30 MB take at most, first byte to completion?",
        "Below the target line, and flat; a rise on one network is that network's.",
        "upload-performance",
    ),
    Kpi(
        "upload_duration_increase_ratio",
        "Upload time against the day before",
        "How much longer do uploads take than in the 24 hours before?",
        "Around zero or below; no data means that there is no day before to compare with.",
        "upload-performance",
    ),
    Kpi(
        "upload_ttfb_p95_seconds",
        "First byte, p95",
        "How soon after its start does the server have the first byte of an upload?",
        "Below the target line; above it the way to the server is slow, not the file large.",
        "upload-performance",
    ),
    Kpi(
        "upload_throughput_utilisation_ratio",
        "Use of the client's line",
        "How much of the bandwidth that the client reported does an upload use?",
        "Above the target line; far below it the service is the bottleneck, not the line.",
        "upload-performance",
    ),
    Kpi(
        "upload_chunk_first_try_ratio",
        "Chunks that arrive at the first try",
        "Of the chunks that arrived, how many needed one attempt?",
        "Above the target line; retries cost time before they cost uploads.",
        "upload-performance",
    ),
    Kpi(
        "upload_abandonment_ratio",
        "Abandonment",
        "Of the uploads that ended, how many were given up?",
        "Below the target line; a jump beside steady success means that waiting is too long.",
        "upload-experience",
    ),
    Kpi(
        "upload_preview_p95_seconds",
        "Time to preview, p95",
        "How long after completion do people see their video?",
        "Below the target line on every device.",
        "upload-experience",
    ),
    Kpi(
        "upload_recovery_ratio",
        "Recovery",
        "Of the uploads that failed a step and tried to go on, how many completed?",
        "Above the target line; below it a retry does not help, so look at the error type.",
        "upload-experience",
    ),
    Kpi(
        "upload_satisfaction_score",
        "Satisfaction",
        "Which rating, 1 to 5, do people give to an upload on average?",
        "Above the target line; few rate, so read the day rather than the hour.",
        "upload-experience",
    ),
    Kpi(
        "upload_cpu_increase_ratio",
        "Client CPU during upload",
        "How much more CPU does an upload take on the client than before it?",
        "Below the target line; a step after a release of the page is that release's.",
        "upload-experience",
    ),
    Kpi(
        "upload_memory_increase_bytes",
        "Client memory during upload, p95",
        "How much does the client's heap grow during an upload?",
        "Below the target line; growth with the file size means that the file is held whole.",
        "upload-experience",
    ),
    Kpi(
        "api_error_ratio",
        "API errors",
        "Of the calls of the API, how many failed or answered 500 or above?",
        "Below the target line on every route.",
        "upload-system",
    ),
    Kpi(
        "storage_efficiency_ratio",
        "Storage efficiency",
        "How many bytes were uploaded for each byte that is stored?",
        "Above the target line; below 100 % storing makes files larger.",
        "upload-system",
    ),
    Kpi(
        "storage_available",
        "Storage available",
        "Did any storage operation or health check succeed?",
        "Yes. No means an outage; no data means that not even the check runs.",
        "upload-system",
    ),
)

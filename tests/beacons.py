"""What clients send, as the trackers of today's pages and servers send it."""

from collections.abc import Mapping
from typing import Any

Body = dict[str, Any]

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36"
)
LARGEST = 1.7976931348623157e308  # JavaScript's Number.MAX_VALUE

PERFORMANCE: Body = {
    "totalTime": 12000,
    "ttfb": 800,
    "fileSize": 20_000_000,
    "throughput": 1_000_000,
    "chunkMetrics": {
        "totalChunks": 20,
        "successfulFirstAttemptChunks": 19,
        "chunkSuccessRate": 0.95,
        "averageAttemptsPerChunk": 1.05,
        "slowestChunkTime": 900,
        "fastestChunkTime": 200,
        "averageChunkTime": 600.5,
    },
    "marks": {"start": 0, "firstByte": 800, "end": 12000},
    "networkInfo": {"effectiveType": "4g", "downlink": 10, "rtt": 50, "saveData": False},
    "systemInfo": {
        "userAgent": CHROME,
        "deviceMemory": 8,
        "hardwareConcurrency": 8,
        "platform": "Win32",
    },
    "success": True,
    "timestamp": 1_700_000_000_000,
}

EXPERIENCE: Body = {
    "uploadId": "u1",
    "duration": 15000,
    "interactions": [
        {"type": "start", "time": 0, "data": {}},
        {"type": "progress", "time": 3000, "data": {"progress": 25}},
        {
            "type": "error",
            "time": 4000,
            "data": {"message": "Network request failed", "stack": "at x", "context": "chunk"},
        },
        {"type": "visibility_change", "time": 5000, "data": {"hidden": True}},
        {"type": "progress", "time": 9000, "data": {"progress": 80}},
        {"type": "complete", "time": 12000, "data": {"success": True, "result": {"id": 1}}},
        {"type": "feedback", "time": 14000, "data": {"rating": 4, "comments": "fine"}},
        {"type": "page_unload", "time": 15000, "data": None},
    ],
    "isAbandonment": False,
    "timestamp": 1_700_000_015_000,
    "userAgent": CHROME,
}

RESOURCES: Body = {
    "duration": 12000,
    "readings": [
        {
            "timestamp": 1_700_000_000_000,
            "memory": {"usedJSHeapSize": 50_000_000, "totalJSHeapSize": 80_000_000},
            "cpu": {"estimated": 0.1},
            "batteryLevel": 0.9,
            "isCharging": False,
        },
        {
            "timestamp": 1_700_000_005_000,
            "memory": {"usedJSHeapSize": 120_000_000, "totalJSHeapSize": 150_000_000},
            "cpu": {"estimated": 0.5},
            "batteryLevel": None,
            "isCharging": None,
        },
    ],
    "summary": {
        "memory": {"average": 85_000_000, "peak": 120_000_000},
        "cpu": {"average": 0.3, "peak": 0.5},
    },
}

VIEW: Body = {
    "session_id": "1699123456789-kx7m2n4",
    "video_id": "v1",
    "course_id": "c1",
    "user_id": "somebody",
    "video_duration_seconds": 600,
    "lesson_id": "l1",
    "is_preview": False,
    "referrer": "https://example.com/courses/c1",
}

PROGRESS: Body = {
    "session_id": "1699123456789-kx7m2n4",
    "current_position_seconds": 15.2,
    "watch_time_seconds": 15,
    "play_count": 1,
    "pause_count": 0,
    "seek_count": 0,
    "average_playback_speed": 1,
    "quality_changes": 0,
}

EVENTS: tuple[Body, ...] = (
    {
        "type": "upload.started",
        "id": "e1",
        "at": 1690000000.0,
        "upload_id": "u2",
        "file_size_bytes": 123,
        "content_type": "video/mp4",
        "chunk_count": 4,
        "user_agent": CHROME,
        "network": "4g",
        "country": "DE",
        "width": 1920,
        "height": 1080,
        "user": "somebody",
    },
    {"type": "upload.chunk_received", "upload_id": "u2", "index": 0, "ok": True, "attempt": 1},
    {"type": "upload.recovery_tried", "upload_id": "u2", "error": "connection reset"},
    {"type": "upload.recovery_succeeded", "upload_id": "u2"},
    {"type": "upload.completed", "upload_id": "u2", "url": "https://cdn.example.com/u2"},
    {"type": "upload.preview_shown", "upload_id": "u2"},
    {"type": "upload.stored", "upload_id": "u2", "original_bytes": 123, "stored_bytes": 100},
    {"type": "upload.failed", "upload_id": "u3", "error": "disk full"},
    {
        "type": "api.called",
        "request_id": "r1",
        "method": "POST",
        "route": "/api/uploads/77",
        "status": 201,
        "duration_seconds": 0.12,
        "bytes": 512,
    },
    {"type": "api.failed", "request_id": "r2", "route": "/api/videos", "error": "ECONNRESET"},
    {
        "type": "storage.operated",
        "operation": "put",
        "duration_seconds": 0.3,
        "bytes": 100,
        "ok": True,
    },
)

ANALYTICS = "/api/analytics"
UPLOAD_PERFORMANCE = f"{ANALYTICS}/upload-performance"
UPLOAD_EXPERIENCE = f"{ANALYTICS}/upload-experience"


def nulls(body: Mapping[str, Any]) -> Body:
    """The same body with null for everything in it."""
    return dict.fromkeys(body)


def largest(body: Mapping[str, Any]) -> Body:
    """The same body with the largest number for every number in it."""

    def grown(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: grown(each) for name, each in value.items()}
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return LARGEST if is_number else value

    return {name: grown(value) for name, value in body.items()}

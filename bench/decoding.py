"""What decoding a beacon into events costs, against ``json.loads`` of the same bytes."""

from __future__ import annotations

import json
import statistics
import timeit

from bench.load import BODY
from exporter.catalogue import DEFAULTS
from exporter.events import DOMAINS
from exporter.formats import formats
from exporter.formats.format import Sender
from exporter.privacy import Privacy

NUMBER, REPEAT = 5_000, 7

_EXPERIENCE = json.dumps(
    {
        "uploadId": "0195d2c0-77aa",
        "duration": 41_000,
        "interactions": [
            {"type": "start", "time": 12.5, "data": {}},
            *(
                {"type": "progress", "time": n * 900, "data": {"progress": n * 5}}
                for n in range(20)
            ),
            {"type": "complete", "time": 40_100, "data": {"success": True}},
        ],
        "isAbandonment": False,
        "timestamp": 1_700_000_000_000,
    }
)
_BATCH = json.dumps(
    {
        "events": [
            {
                "type": "upload.chunk_received",
                "id": f"c{n}",
                "upload_id": "u1",
                "index": n,
                "ok": True,
            }
            for n in range(20)
        ]
    }
)
BODIES = {
    "/api/analytics/upload-performance": BODY.format(time=4200, number=1),
    "/api/analytics/upload-experience": _EXPERIENCE,
    "/v1/events": _BATCH,
}


def run() -> None:
    """Print microseconds a beacon for both, and the ratio with its spread."""
    readers = formats(DOMAINS, Privacy(DEFAULTS, bytes(32)))
    print("path                               bytes  json.loads µs  ours µs  ours / json.loads")
    for path, text in BODIES.items():
        body, reader = text.encode(), readers[path]
        sender = Sender(path, most_events=500)
        pairs = [
            (
                timeit.timeit(lambda: json.loads(body), number=NUMBER) / NUMBER * 1e6,  # noqa: B023
                timeit.timeit(lambda: reader.parse(body, sender), number=NUMBER) / NUMBER * 1e6,  # noqa: B023
            )
            for _ in range(REPEAT)
        ]
        ratios = [ours / plain for plain, ours in pairs]
        print(
            f"{path:34} {len(body):5}  {min(p for p, _ in pairs):13.1f}  "
            f"{min(o for _, o in pairs):7.1f}  median {statistics.median(ratios):.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f})"
        )

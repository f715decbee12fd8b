"""What servers and providers post: hooks of a thousand uploads at tusd, and signed webhooks."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any, Final

from exporter.formats.webhooks import Knobs

AT: Final = 1_700_000_100
_SECRET: Final = b"a secret of the benchmarks"
KNOBS: Final = Knobs(
    replicate=("whsec_" + base64.b64encode(_SECRET).decode(),), mux=(_SECRET.decode(),)
)
_AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/147.0.0.0 Safari/537.36"
)


def _hook(kind: str, number: int) -> str:
    name = f"{number:032x}"
    return json.dumps(
        {
            "Type": kind,
            "Event": {
                "Upload": {
                    "ID": name,
                    "Size": 20_000_000 + number,
                    "SizeIsDeferred": False,
                    "Offset": 15_000 * number,
                    "MetaData": {"filename": f"clip-{number}.mp4", "filetype": "video/mp4"},
                    "IsPartial": False,
                    "IsFinal": False,
                    "PartialUploads": None,
                    "Storage": {"Type": "filestore", "Path": f"/data/{name}"},
                },
                "HTTPRequest": {
                    "Method": "PATCH",
                    "URI": f"/files/{name}",
                    "RemoteAddr": "192.0.2.1:59395",
                    "Header": {
                        "Host": ["uploads.example.com"],
                        "Accept": ["*/*"],
                        "Accept-Encoding": ["gzip, deflate, br, zstd"],
                        "Content-Length": ["20000000"],
                        "Content-Type": ["application/offset+octet-stream"],
                        "Origin": ["https://video.example.com"],
                        "Tus-Resumable": ["1.0.0"],
                        "Upload-Offset": ["0"],
                        "User-Agent": [_AGENT],
                    },
                },
            },
        }
    )


CREATED = [_hook("post-create", number) for number in range(1000)]
RECEIVED = [_hook("post-receive", number) for number in range(1000)]

PREDICTION = json.dumps(
    {
        "id": "ufawqhfynnddngldkgtslldrkq",
        "model": "acme/video-xl",
        "version": "5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa",
        "input": {"prompt": "a fish on a bicycle, in the rain, at night", "seconds": 8},
        "output": "https://files.example.com/0123456789.mp4",
        "logs": "frame 1 of 192\n" * 40,
        "error": None,
        "status": "succeeded",
        "created_at": "2023-11-14T22:13:20.500000Z",
        "started_at": "2023-11-14T22:13:24.500000Z",
        "completed_at": "2023-11-14T22:14:10.500000Z",
        "metrics": {"predict_time": 46.0, "total_time": 50.0},
        "urls": {"get": "https://api.example.com/v1/predictions/ufawqhfynnddngldkgtslldrkq"},
    }
)
PREDICTION_EVENTS = 3

ASSET = json.dumps(
    {
        "type": "video.asset.ready",
        "id": "3a56ac3d-33da-4366-855b-f592d898409d",
        "created_at": "2023-11-14T22:14:00.000000Z",
        "object": {"type": "asset", "id": "0201p02fGKPE7MrbC269XRD7LpcHhrmbu0002"},
        "environment": {"name": "Production", "id": "j0863n"},
        "data": {
            "id": "0201p02fGKPE7MrbC269XRD7LpcHhrmbu0002",
            "created_at": "1700000000",
            "status": "ready",
            "duration": 23.857167,
            "max_stored_frame_rate": 29.97,
            "aspect_ratio": "16:9",
            "playback_ids": [{"policy": "public", "id": "E501Tn8MCW01Gk02LEYIPu9jcP1uQC"}],
            "tracks": [
                {"type": "video", "max_width": 1920, "max_height": 1080, "id": "v"},
                {"type": "audio", "max_channels": 2, "id": "a"},
            ],
        },
        "attempts": [],
        "request_id": None,
    }
)
ASSET_EVENTS = 2


def _mac(signed: str) -> bytes:
    return hmac.digest(_SECRET, signed.encode(), "sha256")


SIGNED: Final[dict[str, Any]] = {
    PREDICTION: {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(AT),
        "webhook-signature": "v1," + base64.b64encode(_mac(f"msg_1.{AT}.{PREDICTION}")).decode(),
    },
    ASSET: {"mux-signature": f"t={AT},v1={_mac(f'{AT}.{ASSET}').hex()}"},
}
"""The headers of the webhooks."""

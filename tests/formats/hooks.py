"""Hooks as tusd posts them, with everything in them that is nobody's business."""

from collections.abc import Mapping
from typing import Any

from tests.beacons import CHROME

CANARIES = (
    "Ann-Canary-holiday.mp4",
    "ann.canary@example.com",
    "c4n4rytoken8e7a6b5c4d3e2f1a",
    "203.0.113.77",
    "secret-canary-project",
)

ID = "5d892c228ec8d0451dfec588697e8930"


def upload(**changes: Any) -> dict[str, Any]:
    """What a hook says of an upload."""
    return {
        "ID": ID,
        "Size": 20_000_000,
        "SizeIsDeferred": False,
        "Offset": 0,
        "MetaData": {
            "filename": "Ann-Canary-holiday.mp4",
            "filetype": "video/mp4",
            "email": "ann.canary@example.com",
        },
        "IsPartial": False,
        "IsFinal": False,
        "PartialUploads": None,
        "Storage": {"Type": "filestore", "Path": f"/data/secret-canary-project/{ID}"},
        **changes,
    }


def request(**headers: str) -> dict[str, Any]:
    """The request that brought it about."""
    given = {"User-Agent": CHROME, "Tus-Resumable": "1.0.0", **headers}
    return {
        "Method": "PATCH",
        "URI": f"/files/{ID}?token=c4n4rytoken8e7a6b5c4d3e2f1a",
        "RemoteAddr": "203.0.113.77:59395",
        "Header": {
            "Host": ["localhost:8080"],
            "Authorization": ["Bearer c4n4rytoken8e7a6b5c4d3e2f1a"],
            "Upload-Metadata": ["filename QW5uLUNhbmFyeS1ob2xpZGF5Lm1wNA=="],
            **{name.replace("_", "-"): [value] for name, value in given.items()},
        },
    }


def hook(
    kind: str, headers: Mapping[str, str] | None = None, version: int = 2, **changes: Any
) -> dict[str, Any]:
    """The body of a hook; version 1 says its kind elsewhere."""
    event = {"Upload": upload(**changes), "HTTPRequest": request(**(headers or {}))}
    return {"Type": kind, "Event": event} if version == 2 else event

"""What players post that tell of their sessions: Pillarbox, EPAS, PeerTube.

Each of a thousand people has a session, and numbers of their own.
"""

from __future__ import annotations

import json
from typing import Any

_PEOPLE = range(1001, 2001)
_BEGAN = 1_723_640_598_000
_AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/147.0.0.0 Safari/537.36"
)


def _pillarbox(event: str, person: int, data: dict[str, Any]) -> str:
    body = {
        "event_name": event,
        "session_id": f"ebdb3da7-bc77-454e-9de0-a1dfa809{person}",
        "timestamp": _BEGAN + person,
        "version": 1,
        "data": data,
    }
    return json.dumps(body, separators=(",", ":"))


PILLARBOX_START = [
    _pillarbox(
        "START",
        person,
        {
            "browser": {"user_agent": _AGENT},
            "device": {"id": f"8e9242a4-60b6-48f9-8dfb-6ee43e36{person}"},
            "media": {
                "asset_url": f"https://cdn.example.com/vod/{person}/master.m3u8",
                "id": f"urn:rts:video:{person}",
                "metadata_url": f"https://il.example.com/byUrn/urn:rts:video:{person}",
                "origin": "https://www.example.com/watch",
            },
            "player": {"name": "Pillarbox", "version": "1.32.2", "platform": "Web"},
            "qoe_timings": {"metadata": 320, "asset": 1164, "total": 1484 + person},
            "qos_timings": {"asset": 1164, "metadata": 320},
            "screen": {"width": 1280, "height": 720},
        },
    )
    for person in _PEOPLE
]
PILLARBOX_HEARTBEAT = [
    _pillarbox(
        "HEARTBEAT",
        person,
        {
            "bandwidth": 23_285_774,
            "bitrate": 6_129_146,
            "buffered_duration": 36_000,
            "frame_drops": 2,
            "log": '{"playedRanges":[{"start":0,"end":10.6}]}',
            "playback_duration": 10_663 + person,
            "position": 10_618 + person,
            "stall": {"count": 1, "duration": person},
            "stream_type": "On-demand",
            "url": f"https://cdn.example.com/vod/{person}/index-f5-v1.m3u8",
        },
    )
    for person in _PEOPLE
]
"""A heartbeat is two events: what was played, and the rendition."""


def _epas(event: str, person: int, **payload: Any) -> str:
    body = {
        "event": event,
        "sessionId": f"5e0e2a0c-9d6a-4a4e-8d43-0d2a3a3f{person}",
        "timestamp": _BEGAN + person,
        "playhead": person / 7,
        "duration": 596.48,
    }
    return json.dumps({**body, "payload": payload} if payload else body, separators=(",", ":"))


EPAS_STATE = [_epas("buffering", person) for person in _PEOPLE]
EPAS_ERROR = [
    _epas(
        "warning", person, category="NETWORK", code="503", message=f"segment {person} of 7 failed"
    )
    for person in _PEOPLE
]
PEERTUBE = [
    json.dumps(
        {
            "resolution": 1080,
            "fps": 30,
            "playerMode": "p2p-media-loader",
            "resolutionChanges": 1,
            "errors": 0,
            "bufferStalled": 1,
            "downloadedBytesHTTP": 1_500_000 + person,
            "downloadedBytesP2P": 500_000 + person,
            "uploadedBytesP2P": 20_000 + person,
            "p2pPeers": 3,
            "p2pEnabled": True,
            "videoId": f"9c9de5e8-0a1e-484a-b099-e8076618{person}",
        },
        separators=(",", ":"),
    )
    for person in _PEOPLE
]

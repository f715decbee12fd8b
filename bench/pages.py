"""What pages with Faro's SDK or the web-vitals library send when they have been loaded.

Each of a thousand people has a session, a page view and a video of their own.
"""

from __future__ import annotations

import json

_AT = "2026-11-21T02:34:58.380Z"
_AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/147.0.0.0 Safari/537.36"
)
_URL = "https://video.example.com/watch/number-1000"
_PAGE = "2b1c9a34-0f4e-4a7d-9c1d-1a2b3c4d1000"
_PEOPLE = range(1001, 2001)


def _timing(name: str, **more: str) -> dict[str, str]:
    return {
        "name": name,
        "httpHost": "video.example.com",
        "duration": "73",
        "tcpHandshakeTime": "12",
        "dnsLookupTime": "3",
        "tlsNegotiationTime": "8",
        "responseStatus": "200",
        "redirectTime": "0",
        "requestTime": "20",
        "responseTime": "5",
        "fetchTime": "71",
        "serviceWorkerTime": "0",
        "decodedBodySize": "48211",
        "encodedBodySize": "9120",
        "cacheHitStatus": "fullLoad",
        "renderBlockingStatus": "unknown",
        "protocol": "h2",
        "initiatorType": "fetch",
        "visibilityState": "visible",
        "ttfb": "20",
        "transferSize": "9420",
        "faroNavigationId": "x0yp07SGc0",
        **more,
    }


def _event(name: str, attributes: dict[str, str]) -> dict[str, object]:
    return {"name": name, "domain": "browser", "attributes": attributes, "timestamp": _AT}


def _vital(name: str, value: float) -> dict[str, object]:
    return {
        "type": "web-vitals",
        "values": {
            name: value,
            "delta": value,
            "element_render_delay": 70.9,
            "time_to_first_byte": 5.1,
        },
        "timestamp": _AT,
        "context": {
            "id": f"v6-1795227597752-{len(name)}08607706-1000",
            "rating": "good",
            "navigation_type": "navigate",
            "navigation_entry_id": "x0yp07SGc0",
            "element": "#main>video",
        },
    }


_FARO = json.dumps(
    {
        "meta": {
            "sdk": {"name": "faro-web", "version": "2.12.1"},
            "app": {"name": "video-web", "version": "1.4.0", "environment": "production"},
            "browser": {
                "name": "Chrome",
                "version": "147.0.0.0",
                "os": "Linux unknown",
                "mobile": False,
                "userAgent": _AGENT,
                "language": "en-US",
                "brands": [{"brand": "Chromium", "version": "147"}],
                "viewportWidth": "1280",
                "viewportHeight": "720",
            },
            "page": {"url": _URL, "id": _PAGE},
            "session": {"id": "vNW4W1-1000", "attributes": {"isSampled": "true"}},
            "user": {"id": "of-1000"},
            "os": {"name": "Linux"},
        },
        "measurements": [_vital("fcp", 612.5), _vital("ttfb", 25.1), _vital("lcp", 812.2)],
        "events": [
            _event("session_start", {}),
            _event("faro.performance.navigation", _timing(_URL, pageLoadTime="71")),
            *(
                _event("faro.performance.resource", _timing(f"{_URL}/{n}", faroResourceId=f"r{n}"))
                for n in range(5)
            ),
        ],
        "exceptions": [
            {
                "type": "TypeError",
                "value": "Cannot read KIND of undefined (reading 'play')",
                "stacktrace": {
                    "frames": [
                        {"filename": f"{_URL}/app.js", "function": f"f{n}", "lineno": n, "colno": 1}
                        for n in range(12)
                    ]
                },
                "timestamp": _AT,
            }
        ],
        "logs": [{"message": "ready", "level": "info", "context": {}, "timestamp": _AT}],
    }
)
_LETTERS = str.maketrans("0123456789", "abcdefghij")
FARO = [
    # Numbers do not tell kinds of errors apart, words do.
    _FARO.replace("1000", str(person)).replace("KIND", str(person).translate(_LETTERS))
    for person in _PEOPLE
]
FARO_EVENTS = 13
"""A navigation is two: the page view, and where its time went."""

_ENTRY = {
    "name": _URL,
    "entryType": "largest-contentful-paint",
    "startTime": 812.2,
    "duration": 0,
    "size": 48211,
    "renderTime": 812.2,
    "loadTime": 790.4,
    "id": "main",
    "url": "https://video.example.com/poster.jpg",
}

_WEB_VITALS = json.dumps(
    [
        {
            "name": name,
            "value": value,
            "rating": "good",
            "delta": value,
            "entries": [_ENTRY, _ENTRY],
            "id": f"v6-1795227595404-{number}91940938-1000",
            "navigationType": "navigate",
            "navigationId": 0,
            "navigationURL": _URL,
            "navigationStartTime": 0,
            "page_view_id": _PAGE,
        }
        for number, (name, value) in enumerate(
            (("LCP", 812.2), ("INP", 64), ("CLS", 0.02), ("FCP", 612.5), ("TTFB", 25.1))
        )
    ]
)
WEB_VITALS = [_WEB_VITALS.replace("1000", str(person)) for person in _PEOPLE]
WEB_VITALS_EVENTS = 5

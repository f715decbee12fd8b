"""The closed sets by which page views are told apart, and how a raw value finds its class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from exporter.event import Known
from exporter.metric import Closed


class Vital(Closed):
    """A web vital, by its name in the web-vitals library; FID is accepted as legacy."""

    LCP = "lcp"
    INP = "inp"
    CLS = "cls"
    FCP = "fcp"
    TTFB = "ttfb"
    FID = "fid"


FALLING: Final = frozenset({Vital.INP})
"""What may become smaller again: of every 50 interactions of a page, the slowest is left out."""


class Rating(Closed):
    """The rating of a vital, in the words of the web-vitals library."""

    GOOD = "good"
    NEEDS_IMPROVEMENT = "needs-improvement"
    POOR = "poor"


LIMITS: Final[Mapping[Vital, tuple[float, float]]] = {
    Vital.LCP: (2.5, 4.0),
    Vital.INP: (0.2, 0.5),
    Vital.CLS: (0.1, 0.25),
    Vital.FCP: (1.8, 3.0),
    Vital.TTFB: (0.8, 1.8),
    Vital.FID: (0.1, 0.3),
}
"""Good up to the first, poor above the second: seconds, and a score for CLS (web.dev/vitals)."""


class Phase(Closed):
    """A part of a navigation (Navigation Timing)."""

    DNS_LOOKUP = "dns_lookup"
    TCP_CONNECT = "tcp_connect"
    SSL_HANDSHAKE = "ssl_handshake"
    REQUEST_RESPONSE = "request_response"
    DOM_PROCESSING = "dom_processing"


class ErrorType(Known):
    """What kind of error a page met."""

    JAVASCRIPT = "javascript"
    PROMISE_REJECTION = "promise_rejection"
    HTTP = "http_error"
    NETWORK = "network_error"
    SLOW_REQUEST = "slow_request"
    XHR = "xhr_error"
    XHR_HTTP = "xhr_http_error"
    OTHER = "other"


class Erred(Closed):
    """Whether a page view met at least one error."""

    YES = "yes"
    NO = "no"


class Bounced(Closed):
    """Whether a session had one page view and no action."""

    YES = "yes"
    NO = "no"


class RequestResult(Closed):
    """How a request of a page came out; slow is more than 5 s."""

    OK = "ok"
    FAILED = "failed"
    SLOW = "slow"


class Action(Known):
    """What a person did on a page."""

    CLICK = "click"
    FORM_SUBMIT = "form_submit"
    SCROLL = "scroll"
    ROUTE_CHANGE = "route_change"
    PAGE_HIDDEN = "page_hidden"
    PAGE_VISIBLE = "page_visible"
    UX_ERROR = "ux_error"
    OTHER = "other"


class Milestone(Closed):
    """How far down a page somebody has come, in percent of its length."""

    QUARTER = "25"
    HALF = "50"
    THREE_QUARTERS = "75"
    END = "100"


class LogLevel(Known):
    """How serious a line of a page's log is, in the words of its console."""

    TRACE = "trace"
    DEBUG = "debug"
    INFO = "info"
    LOG = "log"
    WARN = "warn"
    ERROR = "error"
    OTHER = "other"


class Window(Closed):
    """Over which time distinct people are counted."""

    FIVE_MINUTES = "5m"
    DAY = "1d"
    MONTH = "30d"

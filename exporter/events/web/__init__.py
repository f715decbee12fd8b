"""Pages: how fast they are, which errors they meet, how people use them.

``told`` what pages and servers tell · ``trackers`` the bodies in which browser trackers say it ·
``page_view`` how a page view ends · ``vital`` how a value ends that has none · ``session`` how a
session ends, and who is in it · ``request`` one request that several tell of · ``error_kind``
errors by fingerprint · ``audience`` how many different people · ``concluded`` what follows from it
all · ``classes`` the closed sets · ``metrics`` the numbers that come out.
"""

from exporter.event import Domain
from exporter.events.web import audience, concluded, error_kind, metrics, told
from exporter.events.web.error_kind import ErrorKindLifecycle
from exporter.events.web.page_view import PageViewLifecycle
from exporter.events.web.request import RequestLifecycle
from exporter.events.web.session import WebSessionLifecycle
from exporter.events.web.trackers import BEACONS
from exporter.events.web.vital import VitalLifecycle
from exporter.metric import declared

DOMAIN = Domain(
    name="web",
    events=told.TOLD,
    reports=told.REPORTED,
    conclusions=(
        concluded.ViewBegan,
        concluded.Left,
        concluded.Placed,
        concluded.Present,
        concluded.Affected,
        concluded.ViewEnded,
        concluded.SessionEnded,
        concluded.RequestEnded,
        error_kind.NewErrorMet,
        error_kind.ErrorsGathered,
        *audience.CONCLUSIONS,
    ),
    lifecycles=(
        PageViewLifecycle(),
        VitalLifecycle(),
        WebSessionLifecycle(),
        RequestLifecycle(),
        ErrorKindLifecycle(),
        *audience.LIFECYCLES,
    ),
    beacons=BEACONS,
    metrics=declared(metrics),
)

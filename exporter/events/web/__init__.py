"""Pages: how fast they are, which errors they meet, how people use them.

``classes`` the closed sets · ``metrics`` the numbers that come out.
"""

from exporter.event import Domain
from exporter.events.web import metrics
from exporter.metric import declared

DOMAIN = Domain(
    name="web",
    events=(),
    reports=(),
    conclusions=(),
    lifecycles=(),
    beacons=(),
    metrics=declared(metrics),
)

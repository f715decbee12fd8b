"""The services behind it all, and what people do that no other domain counts.

``classes`` the closed sets · ``metrics`` the numbers that come out.
"""

from exporter.event import Domain
from exporter.events.platform import metrics
from exporter.metric import declared

DOMAIN = Domain(
    name="platform",
    events=(),
    reports=(),
    conclusions=(),
    lifecycles=(),
    beacons=(),
    metrics=declared(metrics),
)

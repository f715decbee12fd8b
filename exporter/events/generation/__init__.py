"""Making a video: how often it works, how long it takes, how good it is, what it costs.

``classes`` the closed sets · ``metrics`` the numbers that come out.
"""

from exporter.event import Domain
from exporter.events.generation import metrics
from exporter.metric import declared

DOMAIN = Domain(
    name="generation",
    events=(),
    reports=(),
    conclusions=(),
    lifecycles=(),
    beacons=(),
    metrics=declared(metrics),
)

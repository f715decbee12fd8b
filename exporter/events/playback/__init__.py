"""Watching a video: whether it starts, stalls, fails, and how much of it is seen.

``classes`` the closed sets · ``metrics`` the numbers that come out.
"""

from exporter.event import Domain
from exporter.events.playback import metrics
from exporter.metric import declared

DOMAIN = Domain(
    name="playback",
    events=(),
    reports=(),
    conclusions=(),
    lifecycles=(),
    beacons=(),
    metrics=declared(metrics),
)

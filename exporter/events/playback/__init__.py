"""Watching a video: whether it starts, stalls, fails, and how much of it is seen.

``told`` what players and servers say about one play · ``trackers`` the bodies in which pages say
it · ``learning`` what each of them means · ``lifecycle`` how a play ends · ``state`` what is
remembered until then · ``timeline`` its states and the time in each · ``heard`` what samples say
besides · ``path`` the parts that it has shown · ``order`` the beacons that are missing ·
``totals`` the numbers that grow · ``concluded`` what follows from it · ``video`` the totals of
one video · ``tally`` what is counted of plays that nobody names · ``classes`` the closed sets ·
``metrics`` the numbers that come out.
"""

from exporter.event import Domain
from exporter.events.playback import concluded, metrics, video
from exporter.events.playback.lifecycle import PlayLifecycle
from exporter.events.playback.tally import Tallied
from exporter.events.playback.trackers import BEACONS
from exporter.events.playback.video import VideoLifecycle
from exporter.metric import declared

DOMAIN = Domain(
    name="playback",
    events=(*PlayLifecycle.about, Tallied),
    reports=(),
    conclusions=(
        concluded.Began,
        concluded.Viewed,
        concluded.FirstFrameShown,
        concluded.StartupTimed,
        concluded.StallTimed,
        concluded.Advanced,
        concluded.ErrorMet,
        concluded.Clamped,
        concluded.Repaired,
        concluded.Ended,
        concluded.Amended,
        video.MinuteTotalled,
        video.HeatMapped,
    ),
    lifecycles=(PlayLifecycle(), VideoLifecycle()),
    beacons=BEACONS,
    metrics=declared(metrics),
)

"""Putting a video online: how often it works, how long it takes, who gives up.

``told`` what servers and pages say about one upload · ``reported`` what pages say without naming
one · ``trackers`` the bodies in which browser trackers say it · ``lifecycle`` how an upload ends ·
``state`` what is remembered until then · ``concluded`` what follows from it · ``measured`` the
numbers of one upload · ``service`` the API and the storage · ``classes`` the closed sets ·
``metrics`` the numbers that come out.
"""

from exporter.event import Domain
from exporter.events.upload import concluded, metrics, reported, service, told
from exporter.events.upload.lifecycle import UploadLifecycle
from exporter.events.upload.trackers import BEACONS
from exporter.metric import declared

DOMAIN = Domain(
    name="upload",
    events=(
        told.Started,
        told.ChunkReceived,
        told.Progressed,
        told.Completed,
        told.Failed,
        told.Cancelled,
        told.PreviewShown,
        told.Stored,
        told.RecoveryTried,
        told.RecoverySucceeded,
        service.Called,
        service.CallFailed,
        service.Operated,
    ),
    reports=(
        told.ExperienceReported,
        reported.PerformanceReported,
        reported.ResourcesReported,
        reported.GenericHappened,
    ),
    conclusions=(
        concluded.Began,
        concluded.Ended,
        concluded.MeasuredLate,
        concluded.Amended,
        concluded.PreviewTimed,
        concluded.Rated,
        concluded.ErrorMet,
        concluded.Hinted,
        concluded.RecoveredLate,
        concluded.Clamped,
        concluded.Interrupted,
    ),
    lifecycles=(UploadLifecycle(),),
    beacons=BEACONS,
    metrics=declared(metrics),
)

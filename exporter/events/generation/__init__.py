"""Making a video: how often it works, how long it takes, how good it is, what it costs.

``told`` what servers say about one generation · ``lifecycle`` how a generation ends · ``state``
what is remembered until then · ``concluded`` what follows from it · ``business`` what people do
around it · ``retention`` how many of them come back · ``classes`` the closed sets · ``metrics``
the numbers that come out.
"""

from exporter.event import Domain
from exporter.events.generation import business, concluded, metrics, retention, told
from exporter.events.generation.lifecycle import GenerationLifecycle
from exporter.metric import declared

DOMAIN = Domain(
    name="generation",
    events=(
        told.Requested,
        told.Started,
        told.Progressed,
        told.Completed,
        told.Failed,
        told.Cancelled,
        told.Recovered,
        told.Rated,
        told.QueueMeasured,
        business.Offered,
        business.Purchased,
        business.Received,
        business.FeatureAdopted,
        business.Active,
    ),
    reports=(),
    conclusions=(
        concluded.Began,
        concluded.ErrorMet,
        concluded.Clamped,
        concluded.Rated,
        concluded.Ended,
        concluded.RatedLate,
        concluded.DeliveredLate,
        retention.DayClosed,
        retention.WindowsMoved,
        retention.Estimated,
    ),
    lifecycles=(GenerationLifecycle(), retention.Activity(), retention.History()),
    beacons=(),
    metrics=declared(metrics),
)

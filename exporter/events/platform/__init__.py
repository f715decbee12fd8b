"""The services behind it all, and what people do that no other domain counts.

``acted`` what people and programs do, and what they think · ``services`` what is said about the
services · ``lifecycle`` when one goes down and comes back · ``trackers`` the health report of
pages · ``classes`` the closed sets · ``metrics`` the numbers that come out.
"""

from exporter.event import Domain
from exporter.events.platform import acted, lifecycle, metrics, services
from exporter.events.platform.trackers import BEACONS
from exporter.metric import declared

DOMAIN = Domain(
    name="platform",
    events=(
        acted.LoginTried,
        acted.AuthActed,
        acted.ContentActed,
        acted.PwaActed,
        acted.SystemActed,
        acted.InstallOffered,
        acted.Installed,
        acted.Rated,
        services.Measured,
        services.LookedUp,
        services.Checked,
    ),
    reports=(),
    conclusions=(lifecycle.Changed,),
    lifecycles=(lifecycle.ServiceLifecycle(),),
    beacons=BEACONS,
    metrics=declared(metrics),
)

"""What else goes on at the platform beside uploads; each scene is one domain's traffic.

``flow`` brings what begins at random into the order of time. Scenes are believable and have good
and bad hours; only uploads (:mod:`demo.life`) come with a truth to compare with.
"""

from demo.scenes import embeds, generations, players, plays, services, visits
from demo.scenes.flow import Scene

SCENES: tuple[Scene, ...] = (
    embeds.messages,
    generations.messages,
    players.messages,
    plays.messages,
    services.messages,
    visits.messages,
)

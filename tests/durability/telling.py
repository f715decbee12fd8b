"""What a story is made of: beacons of which no two are alike, and the words that are in them.

Whatever is added up is told in eighths of seconds (or amounts), of which floats hold every sum
exactly, in whatever order they are added.
"""

import json
import random
from collections.abc import Sequence
from typing import Any, NamedTuple

USER_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (SMART-TV; Linux; Tizen 7.0) AppleWebKit/537.36 (KHTML, like Gecko) "
    "TV Safari/537.36",
)
NETWORKS = ("4g", "3g", "2g", "slow-2g", "5g")
COUNTRIES = ("DE", "FR", "US", "BR", "IN", "NG", "AU", "ZZ")
AT = 1_700_000_000.0
"""The senders' clock: years behind, which must not matter."""

PEOPLE = 500
"""Different ones; who is there is counted, so that most come again."""

EVENTS = "/v1/events"
TEXT = "text/plain;charset=UTF-8"

Body = dict[str, Any]


class Post(NamedTuple):
    """One request: what is sent, as often as it takes."""

    path: str
    kind: str | None
    body: bytes
    events: int
    user_agent: str = USER_AGENTS[0]
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    in_order: bool = False
    """Whether what is told last counts, so that only one of these may be under way."""
    anew: bool = False
    """Whether it has no id, so that it is accepted again when it comes again."""
    impatient: bool = False
    """Whether it gets the same answer where it is not taken."""

    @property
    def target(self) -> str:
        """The path with its query string."""
        return self.path if self.kind is None else f"{self.path}?type={self.kind}"


Story = list[Post]


class Teller:
    """Names and numbers; the same seed gives the same."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a seed, not a secret
        self._told = 0
        """Stories so far."""
        self._numbered = 0
        """Events with an id, and things with a name of their own, so far."""

    def _name(self, what: str) -> str:
        return f"{what}-{self._told}"

    def _another(self, what: str) -> str:
        """A name that nothing else has, in this story or any other."""
        self._numbered += 1
        return f"{what}-{self._numbered}"

    def _person(self) -> str:
        return f"person-{self._told % PEOPLE}"

    def _maybe(self, probability: float) -> bool:
        return self._random.random() < probability

    def _eighths(self, low: float, high: float) -> float:
        """A number between them that is a multiple of 1/8."""
        return self._random.randrange(int(low * 8), int(high * 8)) / 8

    def _agent(self) -> str:
        return self._random.choice(USER_AGENTS)

    def _beacon(self, path: str, body: Body, kind: str | None = None) -> Post:
        """A body that no other beacon has: the page's clock is in it."""
        content_type = self._random.choice((TEXT, "application/json"))
        encoded = json.dumps({**body, "timestamp": self._told}).encode()
        return Post(path, kind, encoded, 1, self._agent(), content_type)

    def _of_page(self, path: str, body: Body, agent: str, events: int = 1) -> Post:
        """As ``navigator.sendBeacon`` sends a text."""
        return Post(path, None, json.dumps(body).encode(), events, agent, TEXT)

    def _events(self, *events: Body) -> Post:
        return Post(EVENTS, None, json.dumps({"events": self._named(events)}).encode(), len(events))

    def _named(self, events: Sequence[Body]) -> list[Body]:
        first = self._numbered
        self._numbered += len(events)
        return [{"id": f"e.{first + place}", **event} for place, event in enumerate(events)]

"""The demo's traffic of all domains but uploads: taken as it is, and worth looking at."""

import itertools
from collections.abc import Iterator
from random import Random

import pytest

from demo.hours import GOOD
from demo.message import Message
from demo.scenes import SCENES
from demo.scenes.flow import Scene, Times
from exporter.event import event_type
from exporter.events import DOMAINS, upload
from tests.pipelines import Piped, parse

TIMES = Times(epoch=1_700_000_000.0, hour_seconds=120.0, seconds=900.0)


def read(scene: Scene, seed: int = 1) -> Iterator[Message]:
    return scene(TIMES, Random(seed))  # noqa: S311 - to be repeatable


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__module__)
def test_the_exporter_takes_everything_in_the_order_of_time(scene: Scene) -> None:
    last = 0.0
    for message in itertools.islice(read(scene), 3000):
        assert message.at >= last
        last = message.at
        parsed = parse(message.path, message.body, user_agent=message.headers.get("User-Agent"))
        assert not parsed.rejected, message


def test_every_type_of_event_but_those_of_uploads_is_sent() -> None:
    known = {
        event_type(event)
        for domain in DOMAINS
        if domain is not upload.DOMAIN
        for event in (*domain.events, *domain.reports)
    }
    sent = {
        event_type(event)
        for scene in SCENES
        for message in read(scene)
        for event in parse(message.path, message.body).events
    }

    assert known - sent == set()


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__module__)
def test_the_same_seed_sends_the_same_and_another_does_not(scene: Scene) -> None:
    one, again, other = (
        [m.body for m in itertools.islice(read(scene, seed), 50)] for seed in (1, 1, 2)
    )
    assert one == again
    assert one != other


def test_a_bad_hour_is_bad_for_every_domain() -> None:
    """Failures of the first bad hour against those of the good one before it."""
    begins = next(at for at in range(900) if TIMES.weather(float(at)) is not GOOD)
    worse = {}
    for scene in SCENES:
        shares = []
        for since, until in ((0.0, begins), (begins, begins + TIMES.hour_seconds)):
            piped = Piped()
            for message in read(scene):
                if since <= message.at < until:
                    piped.take(parse(message.path, message.body).events)
            piped.outlast()
            bad = piped.total("video_platform_actions_total", result="failed")
            bad += piped.total("video_generation_errors_total")
            bad += piped.total("video_playback_stalls_total")
            bad += piped.total("video_web_errors_total")
            shares.append(bad / (until - since))
        worse[scene.__module__] = shares
    for name, (good, bad) in worse.items():
        assert bad > 2 * good, name


def test_lives_of_two_runs_have_different_names() -> None:
    later = Times(epoch=TIMES.epoch + 1000, hour_seconds=120.0, seconds=60.0)
    for scene in SCENES:
        names = [
            {
                str(getattr(event, "generation_id", "") or getattr(event, "play_id", ""))
                for message in itertools.islice(scene(times, Random(1)), 400)  # noqa: S311 - the same
                for event in parse(message.path, message.body).events
            }
            - {""}
            for times in (TIMES, later)
        ]
        assert not names[0] & names[1]

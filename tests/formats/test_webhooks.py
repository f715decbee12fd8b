"""Webhooks: who may send them, what each of them means, and what is never written down."""

import base64
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from standardwebhooks import Webhook

from exporter.event import event_type
from exporter.events.generation import told as generation
from exporter.events.upload import told as upload
from exporter.events.upload.reported import GenericHappened
from exporter.formats.format import Parsed, RefusedError, Sender
from exporter.formats.webhooks import Knobs, Webhooks
from exporter.formats.webhooks.signature import UnusableSecretError
from exporter.record import Entry
from exporter.settings import Webhooks as Settings
from exporter.telemetry import Rejection
from tests.apps import Start
from tests.pipelines import CLEANER, START, Piped, codec

NOW = 1_700_000_100.0
OLD = "whsec_" + base64.b64encode(b"an old secret of the tests").decode()
NEW = "whsec_" + base64.b64encode(b"a new secret of the tests!").decode()
FORGED = "whsec_Zm9yZ2Vk"
MUX = "mux secret ü"
KNOBS = Knobs(replicate=(OLD, NEW), mux=("before", MUX))
WEBHOOKS = Webhooks(CLEANER, KNOBS)
REPLICATE_PATH, MUX_PATH = "/hooks/webhooks/replicate", "/hooks/webhooks/mux"

Body = Mapping[str, Any]


def standard(
    body: bytes, *, at: float = NOW, secret: str = NEW, webhook_id: str = "msg_1"
) -> dict[str, str]:
    """Headers as the library of the specification makes them."""
    moment = datetime.fromtimestamp(int(at), UTC)
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(at)),
        "webhook-signature": Webhook(secret).sign(webhook_id, moment, body.decode()),
    }


def by_mux(body: bytes, *, at: float = NOW, secret: str = MUX) -> dict[str, str]:
    """The header as Mux documents it."""
    mac = hmac.new(secret.encode(), f"{int(at)}.".encode() + body, "sha256").hexdigest()
    return {"mux-signature": f"t={int(at)},v1={mac}"}


def send(path: str, body: bytes, headers: Mapping[str, str], at: float = NOW) -> Parsed:
    return WEBHOOKS.parse(body, Sender(path, headers=headers, at=at))


def refusal(path: str, body: bytes, headers: Mapping[str, str], at: float = NOW) -> Rejection:
    with pytest.raises(RefusedError) as caught:
        send(path, body, headers, at)
    return caught.value.reason


def replicate(body: Body, **signed: Any) -> tuple[Any, ...]:
    raw = json.dumps(body).encode()
    return send(REPLICATE_PATH, raw, standard(raw, **signed)).events


def mux(body: Body) -> tuple[Any, ...]:
    raw = json.dumps(body).encode()
    return send(MUX_PATH, raw, by_mux(raw)).events


# -- who may send ----------------------------------------------------------------------------

BODY = b'{"id":"p1","status":"starting"}'


def test_the_vector_of_the_specification_is_signed_as_it_says() -> None:
    known = Webhooks(CLEANER, Knobs(replicate=("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",)))
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    for body, reason in (
        # It is signed, and no prediction.
        (b'{"test": 2432232314}', Rejection.INCOMPLETE),
        (b'{"test": 2432232315}', Rejection.UNAUTHORISED),
    ):
        with pytest.raises(RefusedError) as caught:
            known.parse(body, Sender(REPLICATE_PATH, headers=headers, at=1_614_265_330))
        assert caught.value.reason is reason


@pytest.mark.parametrize("secret", [OLD, NEW])
def test_while_a_secret_is_replaced_both_hold(secret: str) -> None:
    assert send(REPLICATE_PATH, BODY, standard(BODY, secret=secret)).events
    raw = b'{"id":"e","type":"x"}'
    for each in ("before", MUX):
        assert send(MUX_PATH, raw, by_mux(raw, secret=each)).events


def test_one_right_signature_of_several_is_enough() -> None:
    headers = standard(BODY)
    right = headers["webhook-signature"]
    for several in (f"v1,bm9uZQ== {right}", f"{right} v1a,x", f"v2,{right[3:]}  {right}"):
        assert send(REPLICATE_PATH, BODY, headers | {"webhook-signature": several}).events
    raw = b'{"id":"e","type":"x"}'
    time, mac = by_mux(raw)["mux-signature"].split(",")
    for text in (f"{time},v1=00,{mac}", f"{mac}, {time}", f"{time},v0=1,{mac}"):
        assert send(MUX_PATH, raw, {"mux-signature": text}).events


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook-id": "msg_2"},
        {"webhook-id": ""},
        {"webhook-timestamp": str(int(NOW) + 1)},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": f"{int(NOW)}.0"},
        {"webhook-timestamp": "٣"},
        {"webhook-timestamp": "9" * 400},
        {"webhook-timestamp": "-1"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1"},
        {"webhook-signature": "\udcff, ü"},
        {"webhook-signature": standard(BODY)["webhook-signature"].replace("v1,", "v2,")},
        {"webhook-signature": standard(BODY)["webhook-signature"][:-1]},
        {"webhook-signature": standard(BODY, secret=FORGED)["webhook-signature"]},
    ],
)
def test_anything_that_was_not_signed_so_is_of_nobody(changed: dict[str, str]) -> None:
    assert refusal(REPLICATE_PATH, BODY, standard(BODY) | changed) is Rejection.UNAUTHORISED


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_without_all_three_headers_nothing_is_signed(missing: str) -> None:
    headers = {name: value for name, value in standard(BODY).items() if name != missing}

    assert refusal(REPLICATE_PATH, BODY, headers) is Rejection.UNAUTHORISED


@pytest.mark.parametrize(
    "given",
    ["", "t=1700000100", "v1=00", "t=,v1=", "t=x,v1=00", "t=1700000100,v1=\udcff", ",=,,==", "ü"],
)
def test_a_signature_of_mux_that_is_none_is_refused(given: str) -> None:
    assert refusal(MUX_PATH, BODY, {"mux-signature": given}) is Rejection.UNAUTHORISED
    assert refusal(MUX_PATH, BODY + b" ", by_mux(BODY)) is Rejection.UNAUTHORISED
    assert refusal(MUX_PATH, BODY, standard(BODY)) is Rejection.UNAUTHORISED


@pytest.mark.parametrize(
    ("late", "taken"), [(300, True), (301, False), (-300, True), (-301, False)]
)
def test_five_minutes_are_near_enough(late: int, taken: bool) -> None:
    raw = b'{"id":"e","type":"x"}'
    for path, headers in ((REPLICATE_PATH, standard(BODY)), (MUX_PATH, by_mux(raw))):
        body = BODY if path == REPLICATE_PATH else raw
        if taken:
            assert send(path, body, headers, NOW + late).events
        else:
            assert refusal(path, body, headers, NOW + late) is Rejection.UNAUTHORISED


@given(st.binary(max_size=40), st.text(max_size=60), st.text(max_size=14), st.text(max_size=20))
def test_whatever_strangers_send_is_of_nobody(
    body: bytes, signature: str, time: str, webhook_id: str
) -> None:
    headers = {
        "webhook-id": webhook_id,
        "webhook-timestamp": time,
        "webhook-signature": signature,
        "mux-signature": signature,
    }
    for path in (REPLICATE_PATH, MUX_PATH):
        for given_time in (time, str(int(NOW))):
            reason = refusal(path, body, headers | {"webhook-timestamp": given_time})
            assert reason is Rejection.UNAUTHORISED


# -- settings --------------------------------------------------------------------------------


def test_a_source_without_a_secret_has_no_path() -> None:
    assert Webhooks(CLEANER, Knobs()).paths == ()
    assert Webhooks(CLEANER, Knobs(mux=("s",))).paths == (MUX_PATH,)
    assert set(WEBHOOKS.paths) == {REPLICATE_PATH, MUX_PATH}


@pytest.mark.parametrize("secret", ["whsec_", "", "whsec_ü", "whsec_not base64", "whsec_a"])
def test_a_secret_that_is_none_stops_the_start_and_is_not_told(secret: str) -> None:
    with pytest.raises(UnusableSecretError) as caught:
        Webhooks(CLEANER, Knobs(replicate=(secret,)))
    assert "not base64" not in str(caught.value)
    with pytest.raises(ValidationError):
        Settings.model_validate({"replicate_secrets": ["", secret]})


def test_secrets_come_by_commas_or_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.write_text(f"{OLD}\n{NEW}\n")
    given = Settings.model_validate({"replicate_secrets": f"{OLD}, {NEW}", "mux_secrets": "a,b"})
    read = Settings(replicate_secrets_file=file, mux_secrets_file=file)

    assert given.knobs() == Knobs((OLD, NEW), ("a", "b"), 300.0)
    assert read.knobs() == Knobs((OLD, NEW), (OLD, NEW), 300.0)


# -- through the port ------------------------------------------------------------------------


async def test_a_signature_is_all_that_a_provider_needs(start: Start) -> None:
    app = await start(
        receiver={"keys": ("k",)}, webhooks={"replicate_secrets": (OLD,), "mux_secrets": (MUX,)}
    )
    now = app.engine.clock.now()
    signed = standard(BODY, at=now, secret=OLD)
    answers = [await app.post(REPLICATE_PATH, BODY, headers=signed) for _ in range(2)]
    forged = await app.post(REPLICATE_PATH, BODY + b" ", headers=signed)
    old = await app.post(REPLICATE_PATH, BODY, headers=standard(BODY, at=now - 400, secret=OLD))
    raw = b'{"id":"e1","type":"video.live_stream.idle"}'
    unknown = await app.post(
        MUX_PATH, raw, headers={"Mux-Signature": by_mux(raw, at=now)["mux-signature"]}
    )
    bad = b'{"status":"starting","prompt":"canary"}'
    empty = await app.post(REPLICATE_PATH, bad, headers=standard(bad, at=now, secret=OLD))

    assert [answer.status for answer in answers] == [202, 202]
    assert answers[1].json["duplicate"] == 1
    assert [forged.status, old.status, unknown.status, empty.status] == [401, 401, 202, 400]
    series = await app.scrape()
    assert series["video_generation_requested_total{}"] == 1
    assert series["video_generic_events_total{}"] == 1
    assert series['exporter_events_rejected_total{reason="unauthorised"}'] == 2
    await app.engine.checkpoint()
    assert app.engine.dead_letters == 0


async def test_a_source_without_a_secret_is_not_there(start: Start) -> None:
    app = await start(webhooks={"mux_secrets": (MUX,)})

    assert (await app.post(REPLICATE_PATH, BODY, headers=standard(BODY))).status == 404


# -- what Replicate says ---------------------------------------------------------------------

PREDICTION: Body = {
    "id": "ufawqhfynnddngldkgtslldrkq",
    "model": "acme/video-xl",
    "version": "5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa",
    "input": {"prompt": "ann.canary@example.com dances", "image": "data:image/png;base64,canary"},
    "output": None,
    "logs": "canary in the logs",
    "error": None,
    "status": "starting",
    "created_at": "2023-11-14T22:13:20.500000Z",
    "started_at": None,
    "completed_at": None,
    "metrics": {},
    "urls": {"get": "https://api.example.com/v1/predictions/ufawq?token=canarytoken"},
}
PROCESSING = {**PREDICTION, "status": "processing", "started_at": "2023-11-14T22:13:24.5Z"}
SUCCEEDED = {
    **PROCESSING,
    "status": "succeeded",
    "completed_at": "2023-11-14T22:14:10.500000Z",
    "metrics": {"predict_time": 45.25, "total_time": 50.0},
    "output": "https://files.example.com/canary.mp4",
}
FAILED = {**SUCCEEDED, "status": "failed", "metrics": {}, "error": "CUDA out of memory: canary"}


def kinds(events: Sequence[Any]) -> list[str]:
    return [event_type(event).removeprefix("generation.") for event in events]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (PREDICTION, ["requested"]),
        (PROCESSING, ["requested", "started", "progressed"]),
        (SUCCEEDED, ["requested", "started", "completed"]),
        (FAILED, ["requested", "started", "failed"]),
        ({**PREDICTION, "status": "aborted"}, ["requested", "failed"]),
        ({**PREDICTION, "status": "canceled"}, ["requested", "cancelled"]),
        ({**PROCESSING, "status": "canceled"}, ["requested", "started", "cancelled"]),
    ],
)
def test_a_prediction_tells_everything_so_far(body: Body, expected: list[str]) -> None:
    events = replicate(body)

    assert kinds(events) == expected
    assert {event.generation_id for event in events} == {"ufawqhfynnddngldkgtslldrkq"}
    assert {event.provider for event in events} == {"replicate"}
    assert {event.model for event in events} == {"acme/video-xl"}


def test_a_prediction_that_succeeded_says_how_long_it_took() -> None:
    requested, started, completed = replicate(SUCCEEDED)

    assert (requested.at, started.at, completed.at) == (
        1_700_000_000.5,
        1_700_000_004.5,
        1_700_000_050.5,
    )
    assert (completed.duration_seconds, completed.run_seconds) == (50.0, 45.25)


@pytest.mark.parametrize(
    ("error", "error_type"),
    [("CUDA out of memory", "provider"), ("NSFW content", "moderation"), (None, "other"),
     ({}, "other"), ("x" * 9000, "other")],
)  # fmt: skip
def test_an_error_becomes_its_kind(error: Any, error_type: str) -> None:
    failed = replicate({**FAILED, "error": error})[-1]

    assert isinstance(failed, generation.Failed)
    assert failed.error_type == error_type
    assert len(failed.error) in {0, 16}


def test_a_status_that_nobody_knows_is_counted() -> None:
    assert replicate({**PREDICTION, "status": "dreaming"}) == (
        GenericHappened(id="msg_1", kind="replicate.dreaming"),
    )
    assert replicate({**PREDICTION, "status": "A b"})[0].kind == "replicate.other"


@pytest.mark.parametrize("model", [None, 5, "", "two words", "a" * 129, "ann@example.com"])
def test_a_model_that_is_no_name_is_none(model: Any) -> None:
    assert replicate({**PREDICTION, "model": model})[0].model is None


def test_times_without_a_zone_are_in_utc_and_impossible_ones_are_none() -> None:
    (naive,) = replicate({**PREDICTION, "created_at": "2023-11-14T22:13:20"})
    (ancient,) = replicate({**PREDICTION, "created_at": "0001-01-01T00:00:00+14:00"})

    assert (naive.at, ancient.at) == (1_700_000_000.0, None)


def test_an_id_that_is_no_name_becomes_a_hash() -> None:
    (requested,) = replicate({**PREDICTION, "id": "ann@example.com"}, webhook_id="a b")

    assert requested.generation_id == CLEANER.person("ann@example.com")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Rejection.MALFORMED),
        (b"[]", Rejection.INVALID),
        (b"{}", Rejection.INCOMPLETE),
        (b'{"id":"a"}', Rejection.INCOMPLETE),
        (b'{"id":5,"status":"starting"}', Rejection.INVALID),
        (b'{"id":"a","status":"starting","created_at":"yesterday"}', Rejection.INVALID),
        (b'{"id":"a","status":"succeeded","metrics":{"total_time":"long"}}', Rejection.INVALID),
    ],
)
def test_what_is_no_prediction_is_refused(body: bytes, reason: Rejection) -> None:
    assert refusal(REPLICATE_PATH, body, standard(body)) is reason


def numbers(*bodies: Body, path: str = REPLICATE_PATH) -> dict[str, float]:
    piped = Piped()
    for number, body in enumerate(bodies):
        raw = json.dumps(body).encode()
        by_standard = standard(raw, webhook_id=f"msg_{number}")
        piped.take(send(path, raw, by_standard if path == REPLICATE_PATH else by_mux(raw)).events)
    piped.wait(61)
    return piped.series("video_")


STORY = (PREDICTION, PROCESSING, PROCESSING, SUCCEEDED)


@given(st.permutations(STORY), st.lists(st.sampled_from(STORY), max_size=5))
def test_no_order_and_no_repetition_changes_a_number(order: Any, again: Any) -> None:
    assert numbers(*order, *again) == numbers(*STORY) == numbers(SUCCEEDED)


def test_those_numbers_are_the_right_ones() -> None:
    found = numbers(SUCCEEDED)

    assert found["video_generation_requested_total{}"] == 1
    assert found['video_generation_ended_total{outcome="succeeded",provider="replicate"}'] == 1
    assert found['video_generation_duration_seconds_sum{provider="replicate"}'] == 50
    assert found["video_generation_queue_seconds_sum{}"] == 4
    assert found["video_generation_run_seconds_sum{}"] == 45.25
    failed = numbers(PREDICTION, FAILED)
    assert failed['video_generation_ended_total{outcome="failed",provider="replicate"}'] == 1
    assert failed['video_generation_errors_total{error_type="provider",provider="replicate"}'] == 1


# -- what Mux says ---------------------------------------------------------------------------


def webhook(kind: str, **data: Any) -> Body:
    return {
        "type": kind,
        "id": f"3a56ac3d-{kind}",
        "created_at": "2023-11-14T22:14:00.000000Z",
        "object": {"type": "asset", "id": data.get("id", "a1")},
        "environment": {"name": "Canary Production", "id": "j0863n"},
        "data": {
            "id": "a1",
            "created_at": "1700000000",
            "passthrough": "ann.canary@example.com",
            "playback_ids": [{"policy": "public", "id": "canaryplayback"}],
            **data,
        },
        "attempts": [],
    }


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("video.upload.created", [upload.Started]),
        ("video.upload.asset_created", [upload.Completed]),
        ("video.upload.errored", [upload.Failed]),
        ("video.upload.cancelled", [upload.Cancelled]),
        ("video.asset.created", [generation.Requested]),
        ("video.asset.ready", [generation.Requested, generation.Completed]),
        ("video.asset.errored", [generation.Requested, generation.Failed]),
        ("video.asset.updated", [GenericHappened]),
        ("video.live_stream.active", [GenericHappened]),
    ],
)
def test_what_happens_at_mux_has_a_meaning(kind: str, expected: list[type]) -> None:
    events = mux(webhook(kind))

    assert [type(event) for event in events] == expected
    # Of an asset, whoever tells it, it is one and the same that it was asked for.
    own = "a1" if kind == "video.asset.created" else f"3a56ac3d-{kind}"
    assert events[-1].id == own


def test_the_recording_of_a_live_stream_is_nothing_that_anybody_waits_for() -> None:
    (event,) = mux(webhook("video.asset.ready", live_stream_id="l1"))

    assert event == GenericHappened(id="3a56ac3d-video.asset.ready", kind="mux.video.asset.ready")


def test_errors_of_mux_become_their_kind() -> None:
    said = {"type": "invalid_input", "messages": ["unsupported codec", 5]}
    (_, asset) = mux(webhook("video.asset.errored", errors=said))
    (file,) = mux(webhook("video.upload.errored", error={"type": "x", "message": "timed out"}))
    (nothing,) = mux(webhook("video.upload.errored"))

    assert (asset.error_type, file.error_type, nothing.error_type) == ("input", "timeout", "other")


@pytest.mark.parametrize(
    ("created", "at"),
    [(1_700_000_000, 1.7e9), ("1700000000", 1.7e9), (None, None), ("x", None), (-1, None),
     (10**40, None), ([], None)],
)  # fmt: skip
def test_when_an_asset_was_created_is_said_with_everything(created: Any, at: float | None) -> None:
    assert mux(webhook("video.asset.ready", created_at=created))[0].at == at


ASSET = (webhook("video.asset.created"), webhook("video.asset.ready"))
FILE = (
    webhook("video.upload.created", id="u1"),
    webhook("video.upload.asset_created", id="u1"),
)


@given(st.permutations([*ASSET, *FILE]), st.lists(st.sampled_from([*ASSET, *FILE])))
def test_no_order_of_what_mux_tells_changes_a_number(order: Any, again: Any) -> None:
    found = numbers(*order, *again, path=MUX_PATH)

    assert found == numbers(*ASSET, *FILE, path=MUX_PATH)
    assert found['video_generation_duration_seconds_sum{provider="mux"}'] == 40
    assert found["video_upload_started_total{}"] == 1
    assert not [name for name in found if name.startswith("video_upload_duration")]


# -- what strangers could have signed --------------------------------------------------------


def written(events: tuple[Any, ...]) -> bytes:
    return codec().encode([Entry(START, events)])


@pytest.mark.parametrize("body", [PREDICTION, PROCESSING, SUCCEEDED, FAILED])
def test_neither_prompts_nor_results_are_written_down(body: Body) -> None:
    assert b"canary" in json.dumps(body).encode()
    assert b"canary" not in written(replicate(body))


@pytest.mark.parametrize(
    "kind", ["video.upload.created", "video.asset.ready", "video.asset.errored", "video.x"]
)
def test_nothing_that_a_team_hands_to_mux_is_written_down(kind: str) -> None:
    errors = {"type": "x", "messages": ["canary"]}

    assert b"anary" not in written(mux(webhook(kind, errors=errors)))


def survives(path: str, body: bytes) -> None:
    headers = {
        **by_mux(body),
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(NOW)),
        "webhook-signature": "v1,"
        + base64.b64encode(
            hmac.digest(b"an old secret of the tests", b"msg_1.1700000100." + body, "sha256")
        ).decode(),
    }
    try:
        events = send(path, body, headers).events
    except RefusedError as refused:
        if refused.reason is Rejection.UNAUTHORISED:
            raise
        return
    assert events
    (entry,) = codec().decode(1, written(events))
    assert entry.events == events


@given(st.sampled_from([REPLICATE_PATH, MUX_PATH]), st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(path: str, body: bytes) -> None:
    survives(path, body)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.datetimes().map(datetime.isoformat)
    | st.sampled_from([10**400, 2**63, -1, "succeeded", "a" * 5000]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)
TIMES = st.datetimes().map(lambda moment: moment.isoformat() + "Z") | VALUES
STATUSES = ["starting", "processing", "succeeded", "failed", "aborted", "canceled", "x"]


@given(
    st.fixed_dictionaries(
        {"id": st.text(max_size=200), "status": st.sampled_from(STATUSES) | st.text()},
        optional={
            "model": VALUES,
            "error": VALUES,
            "metrics": st.fixed_dictionaries(
                {}, optional={"predict_time": st.floats(), "total_time": VALUES}
            )
            | VALUES,
            "created_at": TIMES,
            "started_at": TIMES,
            "completed_at": TIMES,
        },
    )
)
def test_any_values_in_a_prediction_are_read_or_refused(body: Body) -> None:
    survives(REPLICATE_PATH, json.dumps(body).encode())


@given(
    st.fixed_dictionaries(
        {
            "id": st.text(max_size=200),
            "type": st.sampled_from([f"video.{kind}" for kind in (
                "upload.created", "upload.asset_created", "upload.errored", "upload.cancelled",
                "asset.created", "asset.ready", "asset.errored", "x")]) | st.text(),
        },
        optional={
            "created_at": TIMES,
            "data": st.fixed_dictionaries(
                {"id": st.text(max_size=200)},
                optional={"created_at": VALUES, "live_stream_id": VALUES, "error": VALUES,
                          "errors": VALUES},
            )
            | VALUES,
        },
    )
)  # fmt: skip
def test_any_values_from_mux_are_read_or_refused(body: Body) -> None:
    survives(MUX_PATH, json.dumps(body).encode())

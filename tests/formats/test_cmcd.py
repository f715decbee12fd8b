"""CMCD reports: typed by their keys, each by itself, in both versions and modes, and counted once.

Bodies with a player's name are what it posted, from `tests/clients/captured`.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.event import Cleaner, Event
from exporter.events.playback.told import Requested
from exporter.formats.cmcd import keys
from exporter.formats.cmcd.keys import KEYS, read, typed
from exporter.formats.cmcd.reader import HEADERS, Cmcd, Knobs
from exporter.formats.cmcd.record import Mode, Record
from exporter.formats.cmcd.structured import MalformedError, dictionary
from exporter.formats.format import Parsed, RefusedError, Rejected, Sender
from exporter.telemetry import Rejection
from tests.pipelines import CLEANER

CAPTURED = Path(__file__).parents[1] / "clients" / "captured"
META = {"id", "mode", "version", "target", "ignored", "bare_ec"}


class Reader:
    """A reader that keeps the records it would hand on."""

    def __init__(self, knobs: Knobs | None = None) -> None:
        self.records: list[Record] = []
        self.format = Cmcd(CLEANER, knobs or Knobs(targets=("web",)), self._told)

    def _told(self, record: Record, sender: Sender, cleaner: Cleaner) -> Iterable[Event]:
        self.records.append(record)
        yield Requested(play_id="p1", id=record.id)

    def parse(
        self,
        body: bytes | str = b"",
        *,
        path: str = "/cmcd",
        query: str | None = None,
        headers: Mapping[str, str] | None = None,
        **who: Any,
    ) -> Parsed:
        asked = {} if query is None else {"CMCD": query}
        raw = body.encode() if isinstance(body, str) else body
        sender = Sender(path, query=asked, headers=headers or {}, at=1.0, **who)
        return self.format.parse(raw, sender)


def records(body: bytes | str = b"", **how: Any) -> list[Record]:
    """The reports of a body of which nothing may be refused."""
    reader = Reader()
    assert reader.parse(body, **how).rejected == ()
    return reader.records


def one(body: bytes | str = b"", **how: Any) -> Record:
    (record,) = records(body, **how)
    return record


def said(record: Record) -> dict[str, Any]:
    """What a report says under keys of CMCD."""
    return {
        key: value
        for key, value in msgspec.structs.asdict(record).items()
        if value is not None and key not in META
    }


def refused(*args: Any, **how: Any) -> list[Rejection]:
    return [each.reason for each in Reader().parse(*args, **how).rejected]


# -- event mode --------------------------------------------------------------------------------


def test_what_hls_js_posts() -> None:
    body = (
        'bl=(5000),br=(200),cid="movie-42",e=rr,mtp=(9400),pr=1.5,rc=200,sf=h,'
        'sid="6e2fb550-c457-11e9-bb97-0800200c9a66",sn=19,st=v,sta=r,ts=1795227674301,'
        'ttfb=7006,ttlb=7009,url="http://cdn/c-0-00005.m4s",v=2\n'
    )
    record = one(body)

    assert (record.mode, record.version, record.ignored) == (Mode.EVENT, 2, ())
    assert said(record) == {
        "bl": ((5000, None),),
        "br": ((200, None),),
        "cid": "movie-42",
        "e": "rr",
        "mtp": ((9400, None),),
        "pr": 1.5,
        "rc": 200,
        "sf": "h",
        "sid": "6e2fb550-c457-11e9-bb97-0800200c9a66",
        "sn": 19,
        "st": "v",
        "sta": "r",
        "ts": 1_795_227_674_301,
        "ttfb": 7006,
        "ttlb": 7009,
        "url": "http://cdn/c-0-00005.m4s",
    }


def test_what_dash_js_posts() -> None:
    body = (
        'ab=(150;v 48;a),bl=(100;v 100;a),br=(150;v 48;a),cid="movie-42",e=ps,'
        'mtp=(272000;v 30600;a),pb=(150;v 48;a),pr=1.5,sf=d,sid="b248658d",sn=14,st=v,sta=r,'
        "tb=(150;v 48;a),ts=1795227863040,v=2\n"
    )
    record = one(body)

    assert record.br == record.ab == record.pb == record.tb == ((150, "v"), (48, "a"))
    assert record.mtp == ((272_000, "v"), (30_600, "a"))
    assert (record.sta, record.sf, record.bl) == ("r", "d", ((100, "v"), (100, "a")))


@pytest.mark.parametrize(
    ("ec", "codes", "bare"),
    [
        ('("manifestLoadError")', ("manifestLoadError",), False),
        ('("a" "b")', ("a", "b"), False),
        ("25", ("25",), True),
        ('"25"', ("25",), True),
        ("fatal", ("fatal",), True),
        ("(25 26)", ("25", "26"), True),
        ('(25 "x")', ("25", "x"), True),
    ],
)
def test_codes_of_errors_are_read_in_any_shape_and_a_wrong_one_is_said(
    ec: str, codes: tuple[str, ...], bare: bool
) -> None:
    record = one(f"e=e,ec={ec},ts=1,v=2")

    assert (record.ec, record.bare_ec, record.ignored) == (codes, bare, ())


@pytest.mark.parametrize("ec", ["?1", "()", "(?0)", ":aGk=:", "@1"])
def test_what_is_no_code_at_all_is_ignored(ec: str) -> None:
    record = one(f"e=e,ec={ec},ts=1,v=2")

    assert (record.ec, record.bare_ec, record.ignored) == (None, False, ("ec",))


@pytest.mark.parametrize(
    "body",
    [
        "e=t,ts=1,v=2\ne=ps,ts=2,v=2",
        "e=t,ts=1,v=2\ne=ps,ts=2,v=2\n",
        "e=t,ts=1,v=2\r\ne=ps,ts=2,v=2\r\n",
        "\n\r\n \t\ne=t,ts=1,v=2\n\n  e=ps,ts=2,v=2 \t\n\n",
        "v=2 , ts=1, e=t\nts=2,v=2,e=ps",
        "e=t,ts=1\ne=ps,ts=2",
        '[{"e":"t","ts":1,"v":2},{"e":"ps","ts":2,"v":2}]',
        ' [ {"e":"t","ts":1,"v":2} , {"v":2,"ts":2,"e":"ps","unknown":[{}]} ] \n',
    ],
)
def test_reports_stand_on_lines_of_any_end_with_blanks_around_them(body: str) -> None:
    assert [(each.e, each.ts) for each in records(body)] == [("t", 1), ("ps", 2)]


def test_keys_that_nobody_knows_are_ignored_in_silence() -> None:
    record = one('e=t,ts=1,v=2,zz=1,com.example-myKey="x",*=(1),future=@5')

    assert (said(record), record.ignored) == ({"e": "t", "ts": 1}, ())


@pytest.mark.parametrize(
    "wrong",
    [
        *("br=x", 'br="150"', "br=(150 x)", "br=(?1)", "br=()", "br", "br=(@5)"),
        *("sid=x", "sid=5", "cid=(1)", 'sid=("x")', "url", "cs=?0"),
        *('sta="p"', "sta=z", "sta=5", "sf=x", "st=vod", "ot=video", "sta"),
        *('sn="1"', "sn=1.5", "sn", "sn=?1", "sn=(1)", "msd=x", "rc=(200)", "d=:aGk=:"),
        *("bs=1", "su=x", 'bg="?1"', "nr=(?1)", "pr=x", 'pr="1"', "pr=(1)", "pr"),
        *("nor=(1)", "nor=()", "v2=1", 'sid="' + "x" * 65 + '"'),
        *('h="' + "x" * 129 + '"', 'cid="' + "x" * 129 + '"', 'cen="' + "x" * 65 + '"'),
        'cdn="' + "x" * 129 + '"',
    ],
)  # fmt: skip
def test_a_value_of_a_wrong_type_costs_its_key_and_nothing_else(wrong: str) -> None:
    record = one(f"{wrong},e=t,ts=1,v=2")
    key = wrong.partition("=")[0]

    assert said(record) == {"e": "t", "ts": 1}
    assert record.ignored == ((key,) if key in KEYS else ())


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ('sid="' + "é" * 64 + '"', "sid", "é" * 64),
        ('cid="' + "x" * 128 + '"', "cid", "x" * 128),
        ('cen="' + "x" * 64 + '"', "cen", "x" * 64),
        ("br=(1.5)", "br", ((1.5, None),)),
        ("br=150", "br", ((150, None),)),
        ("mtp=25400;p=1", "mtp", ((25_400, None),)),
        ('nor="x"', "nor", (("x", None),)),
        ("br=(5;x 6;v=?0 7;v=1 8;x;a)", "br", ((5, None), (6, None), (7, None), (8, "a"))),
        ("sn=5.0", "sn", 5),
        ("bs", "bs", True),
        ("su=?0", "su", False),
        ("pr=2", "pr", 2),
        ('sid="x";p=1', "sid", "x"),
        ('nor=("a" "b";r="0-9" "c";r=5)', "nor", (("a", None), ("b", "0-9"), ("c", None))),
        ("sf=e", "sf", "e"),
    ],
)  # fmt: skip
def test_what_is_just_right_is_taken(text: str, key: str, value: object) -> None:
    record = one(f"{text},e=t,ts=1,v=2")

    assert (getattr(record, key), record.ignored) == (value, ())


@pytest.mark.parametrize("version", ["3", "4", "100", "3.0"])
def test_a_report_of_a_later_version_is_ignored_alone(version: str) -> None:
    reader = Reader()
    parsed = reader.parse(f"e=t,ts=1,v=2\ne=t,ts=2,v={version}\ne=t,ts=3,v=2")

    assert [record.ts for record in reader.records] == [1, 3]
    line = f"e=t,ts=2,v={version}".encode()
    assert parsed.rejected == (Rejected(1, Rejection.UNSUPPORTED_VERSION, line),)
    assert parsed.reply == b""


@pytest.mark.parametrize("version", ["0", "-2", '"2"', "two", "(2)", "1.5", "?1"])
def test_a_version_that_is_none_is_ignored_and_the_first_is_assumed(version: str) -> None:
    record = one(f"e=t,ts=1,v={version}")

    assert (record.version, record.ignored) == (1, ("v",))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("ts=1,v=2", Rejection.INCOMPLETE),
        ("e=t,v=2", Rejection.INCOMPLETE),
        ('e="t",ts=1,v=2', Rejection.INCOMPLETE),
        ("e=t,ts=x,v=2", Rejection.INCOMPLETE),
        ("e=unheard,ts=1,v=2", Rejection.UNKNOWN_TYPE),
        ("e=t,ts=1,", Rejection.MALFORMED),
        ("no dictionary", Rejection.MALFORMED),
        ("E=t,ts=1", Rejection.MALFORMED),
    ],
)
def test_a_report_that_cannot_be_taken_is_refused_alone_for_its_reason(
    line: str, reason: Rejection
) -> None:
    reader = Reader()
    parsed = reader.parse(f"e=t,ts=1,v=2\n{line}\n\ne=t,ts=3,v=2")

    assert [record.ts for record in reader.records] == [1, 3]
    assert parsed.rejected == (Rejected(1, reason, line.encode()),)
    assert parsed.reply == b""


def test_bytes_that_are_no_text_cost_their_line() -> None:
    reader = Reader()
    parsed = reader.parse(b'e=t,ts=1\ncid="\xff",e=t,ts=2\ne=t,ts=3')

    assert [record.ts for record in reader.records] == [1, 3]
    assert [each.reason for each in parsed.rejected] == [Rejection.MALFORMED]


def test_a_body_of_too_many_reports_is_refused_before_any_is_read() -> None:
    reader = Reader(Knobs(most_records=3))

    assert len(reader.parse("e=t,ts=1\n" * 3).events) == 3
    for body in ("e=t,ts=1\n" * 4, "[{},{},{},{}]"):
        with pytest.raises(RefusedError) as caught:
            reader.parse(body)
        assert caught.value.reason is Rejection.TOO_MANY_EVENTS
    assert len(reader.records) == 3


# -- request mode ------------------------------------------------------------------------------

V1 = {
    "br": ((3200, None),),
    "bs": True,
    "cid": "faec5fc2",
    "d": 4004,
    "mtp": ((25_400, None),),
    "nor": (("..%2F300kbps%2Fsegment35.m4v", None),),
    "nrr": "12323-48763",
    "ot": "v",
    "pr": 1.08,
    "rtp": 15_000,
    "sf": "h",
    "sid": "6e2fb550",
    "st": "v",
    "su": True,
    "tb": ((6000, None),),
}
V1_TEXT = (
    'br=3200,bs,cid="faec5fc2",com.example-myNumericKey=500,com.example-myStringKey="myString",'
    'd=4004,mtp=25400,nor="..%2F300kbps%2Fsegment35.m4v",nrr="12323-48763",ot=v,pr=1.08,rtp=15000,'
    'sf=h,sid="6e2fb550",st=v,su,tb=6000'
)
SHARDS = {
    "CMCD-Request": 'mtp=25400,nor="..%2F300kbps%2Fsegment35.m4v",nrr="12323-48763",su',
    "CMCD-Object": "br=3200,d=4004,ot=v,tb=6000",
    "CMCD-Status": "bs,pr=1.08,rtp=15000",
    "CMCD-Session": 'cid="faec5fc2",sf=h,sid="6e2fb550",st=v',
}


def test_version_1_in_the_query() -> None:
    record = one(query=V1_TEXT)

    assert (record.mode, record.version, record.id) == (Mode.REQUEST, 1, None)
    assert (said(record), record.ignored) == (V1, ())


def test_version_1_in_the_headers_which_win() -> None:
    record = one(headers=SHARDS, query='sid="other",d=1')

    assert (record.mode, said(record)) == (Mode.REQUEST, V1)


def test_version_2_in_the_query() -> None:
    record = one(query='br=(3200;v),sid="s",sn=4,sta=p,v=2', path="/cmcd/web")

    assert (record.mode, record.version, record.target) == (Mode.REQUEST, 2, "web")
    assert said(record) == {"br": ((3200, "v"),), "sid": "s", "sn": 4, "sta": "p"}


def test_an_event_may_come_in_a_query_or_in_headers_as_older_shaka_players_send_it() -> None:
    events = records(query="e=ps,sta=p,ts=5,v=2") + records(
        headers={"CMCD-Request": "e=ps,sta=p,ts=5", "CMCD-Session": "v=2"}
    )

    assert [(each.mode, each.version, each.ts) for each in events] == [(Mode.EVENT, 2, 5)] * 2
    assert refused(query="e=ps,sta=p,v=2") == [Rejection.INCOMPLETE]


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({}, Rejection.INCOMPLETE),
        ({"query": ""}, Rejection.INCOMPLETE),
        ({"query": " "}, Rejection.INCOMPLETE),
        ({"headers": {"CMCD-Object": ""}}, Rejection.INCOMPLETE),
        ({"query": "br=("}, Rejection.MALFORMED),
        ({"query": 'sid="\ud800"'}, Rejection.MALFORMED),
        ({"headers": {"CMCD-Object": "br=1", "CMCD-Status": 'x="\udcff"'}}, Rejection.MALFORMED),
        ({"headers": {"CMCD-Object": "br=1", "CMCD-Status": "="}}, Rejection.MALFORMED),
        ({"query": "br=(1),v=3"}, Rejection.UNSUPPORTED_VERSION),
    ],
)
def test_a_request_without_a_readable_report_is_refused(
    how: dict[str, Any], reason: Rejection
) -> None:
    assert refused(**how) == [reason]


def test_the_headers_are_those_that_the_receiver_is_asked_for() -> None:
    assert set(HEADERS) == set(SHARDS) == set(Cmcd.headers)


# -- JSON, as other collectors take it ---------------------------------------------------------


def test_json_says_the_same_as_a_dictionary() -> None:
    text = (
        'bl=(5000;v 320;a),br=(150),bs,cid="x",e=e,ec=("a" "b"),nor=("n";r="0-9"),pr=1.5,rc=200,'
        'sid="s",sn=4,sta=p,ts=5,v=2'
    )
    same = {
        "bl": [{"value": 5000, "params": {"v": True}}, {"value": 320, "params": {"a": True}}],
        "br": [150],
        "bs": True,
        "cid": "x",
        "e": "e",
        "ec": ["a", "b"],
        "nor": [{"value": "n", "params": {"r": "0-9"}}],
        "pr": 1.5,
        "rc": 200,
        "sid": "s",
        "sn": 4,
        "sta": "p",
        "ts": 5,
        "v": 2,
        "d": None,
    }

    assert one(json.dumps(same)) == one(text)
    assert records(json.dumps([same, same])) == [one(text)] * 2


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("[1]", Rejection.INVALID),
        ('["e=t,ts=1"]', Rejection.INVALID),
        ("[null]", Rejection.INVALID),
        ("{}", Rejection.INCOMPLETE),
        ('{"e":"zz","ts":1}', Rejection.UNKNOWN_TYPE),
        ('{"e":"t","ts":1,"v":3}', Rejection.UNSUPPORTED_VERSION),
        ('{"e":"t","ts":1}{}', Rejection.MALFORMED),
        ('{"e":', Rejection.MALFORMED),
        ('{"e":"t","ts":1e400}', Rejection.INVALID),
        ('{"e":"t","ts":' + "9" * 400 + "}", Rejection.INCOMPLETE),
        ('{"e":"t","ts":true}', Rejection.INCOMPLETE),
    ],
)
def test_an_object_that_cannot_be_taken_is_refused_alone(body: str, reason: Rejection) -> None:
    assert refused(body) == [reason]


@pytest.mark.parametrize(
    "value", ["{}", "[[]]", "[{}]", "1e300", "9" * 30, '[{"value":[]}]', "[null]"]
)
def test_a_value_that_json_alone_can_have_costs_its_key(value: str) -> None:
    record = one('{"e":"t","ts":1,"v":2,"br":' + value + "}")

    assert (record.br, record.ignored) == (None, ("br",))


def test_one_number_in_json_is_a_list_of_one() -> None:
    record = one(
        '{"sid":"s","e":"ps","sta":"p","ts":5,"v":2,"br":3200,"bl":21300,"mtp":25400,"nor":"n"}'
    )

    assert (record.br, record.bl, record.mtp, record.nor, record.ignored) == (
        ((3200, None),),
        ((21_300, None),),
        ((25_400, None),),
        (("n", None),),
        (),
    )


@pytest.mark.parametrize(
    "body",
    [
        '{"cmcd":{"session":{"sid":"s","v":2},"event":{"e":"ps","ts":5},"object":{"br":3200},'
        '"request":{"bl":100},"status":{"sta":"p","sn":4}}}',
        '{"cmcd":{"sid":"s","v":2,"e":"ps","ts":5,"br":[3200],"bl":[100],"sta":"p","sn":4}}',
        '{"session":{"sid":"s","v":2},"events":['
        '{"e":"ps","ts":5,"br":[3200],"bl":100,"sta":"p","sn":4}]}',
        '[{"session":{"sid":"s","sta":"a"},"events":[{"cmcd":'
        '{"event":{"e":"ps","ts":5,"v":2},"status":{"br":3200,"bl":100,"sta":"p","sn":4}}}]}]',
    ],
)
def test_json_may_be_wrapped_as_other_collectors_take_it(body: str) -> None:
    assert records(body) == [one('br=(3200),bl=(100),e=ps,sid="s",sn=4,sta=p,ts=5,v=2')]


def test_each_report_in_a_wrapper_stands_for_itself() -> None:
    body = '{"session":{"sid":"s","v":2},"events":[{"e":"t","ts":1},{"e":"st","ts":2},3,{"e":"t"}]}'
    reader = Reader()
    parsed = reader.parse(body)

    assert [(record.sid, record.ts) for record in reader.records] == [("s", 1)]
    assert parsed.rejected == (
        Rejected(1, Rejection.UNKNOWN_TYPE, b'{"sid":"s","v":2,"e":"st","ts":2}'),
        Rejected(2, Rejection.INVALID, b"3"),
        Rejected(3, Rejection.INCOMPLETE, b'{"sid":"s","v":2,"e":"t"}'),
    )
    assert refused('{"session":{"sid":"s"},"events":[]}') == []
    # Two reports without a number are told apart by what they say, not by what wraps them.
    said = '{"events":[{"e":"t","ts":1},{"e":"ps","ts":1},{"e":"t","ts":1}]}'
    assert len({record.id for record in records(said)}) == 2


def test_wrappers_hold_no_more_reports_than_bodies_do() -> None:
    one_of_them = '{"events":[{"e":"t","ts":1},{"e":"t","ts":2}]}'
    reader = Reader(Knobs(most_records=3))

    assert len(reader.parse(f"[{one_of_them}]").events) == 2
    with pytest.raises(RefusedError) as caught:
        reader.parse(f"[{one_of_them},{one_of_them}]")
    assert caught.value.reason is Rejection.TOO_MANY_EVENTS


def test_an_array_that_is_none_is_refused_whole() -> None:
    for body in (b"[", b"[{},]", b'["\xff"]x'):
        with pytest.raises(RefusedError) as caught:
            Reader().parse(body)
        assert caught.value.reason is Rejection.MALFORMED


# -- once --------------------------------------------------------------------------------------


def ids(*bodies: str, **how: Any) -> set[str | None]:
    return {record.id for body in bodies for record in records(body, **how)}


def test_a_report_is_known_by_its_session_and_its_number_there() -> None:
    report = 'e=t,sid="s",sn=1,ts=5,v=2'

    assert len(ids(report, 'bl=(5),e=ps,sid="s",sn=1,ts=5,v=2', report + "\n" + report)) == 1
    assert len(ids(report, 'e=t,sid="s",sn=2,ts=5,v=2', 'e=t,sid="x",sn=1,ts=5,v=2')) == 3


def test_players_whose_session_id_is_the_same_for_everybody_are_told_apart_by_time() -> None:
    assert len(ids('e=t,sid="s",sn=1,ts=5,v=2', 'e=t,sid="s",sn=1,ts=6,v=2')) == 2


def test_numbers_count_for_each_target_and_mode() -> None:
    report = 'e=t,sid="s",sn=1,ts=5,v=2'
    query = 'sid="s",sn=1,ts=5,v=2'

    assert len(ids(report) | ids(report, path="/cmcd/web") | ids("", query=query)) == 3


def test_without_a_session_a_report_is_known_by_its_bytes_and_its_sender() -> None:
    report = "e=ps,ts=5,v=2"
    known = [
        *ids(report, report + "\n"),
        *ids("e=ps,ts=6,v=2", "e=t,ts=5,v=2"),
        *ids(report, user_agent="other"),
        *ids(report, origin="https://other.example.com"),
        *ids(report, country="DE"),
        *ids(report, path="/cmcd/web"),
    ]

    assert len(known) == len(set(known)) == 7
    assert None not in known


def test_requests_without_a_number_may_say_the_same_and_are_two() -> None:
    assert ids("", query='sid="s",br=5') == {None}
    assert len(ids("", query='sid="s",sn=5,v=2')) == 1


@pytest.mark.parametrize("sid", ["", "ÿ", "x" * 64, "a b@example.com"])
def test_an_id_is_fit_for_an_event_whatever_the_session_is_called(sid: str) -> None:
    event = Reader().parse(f'e=t,sid="{sid}",sn=1,ts=5').events[0]

    assert msgspec.json.decode(msgspec.json.encode(event), type=Requested) == event


def test_a_collector_that_answered_500_got_181_posts_of_hls_js_which_are_23_reports() -> None:
    captured = CAPTURED / "hls.js-1.7.4_cmcd2_retry_storm_on_500.jsonl"
    posts = [json.loads(line) for line in captured.read_text().splitlines()]
    reader = Reader()
    events = [event for post in posts for event in reader.parse(post["body"]).events]

    assert (len(posts), len(events)) == (181, 181)
    assert len({event.id for event in events}) == 23
    assert {record.sn for record in reader.records} == set(range(23))


@pytest.mark.parametrize(
    ("name", "reports"),
    [
        ("hls.js-1.7.4_cmcd2", 41),
        ("hls.js-1.7.4_cmcd2_batch5", 30),
        ("hls.js-1.7.4_cmcd2_stops_on_410", 3),
        ("dashjs-5.2.1_cmcd2_defaultkeys", 36),
    ],
)
def test_whatever_real_players_posted_is_read_to_the_last_key(name: str, reports: int) -> None:
    posts = [json.loads(line) for line in (CAPTURED / f"{name}.jsonl").read_text().splitlines()]
    found = [record for post in posts for record in records(post["body"])]

    assert len({record.id for record in found}) == len(found) == reports
    assert {record.ignored for record in found} == {()}


# -- whatever comes ----------------------------------------------------------------------------

REASONS = {
    Rejection.MALFORMED,
    Rejection.INVALID,
    Rejection.INCOMPLETE,
    Rejection.UNKNOWN_TYPE,
    Rejection.UNSUPPORTED_VERSION,
}

LINES = st.lists(
    st.one_of(
        st.sampled_from(sorted(KEYS)).flatmap(
            lambda key: st.sampled_from(
                ["", "=1", "=-1.5", '="x"', "=x", "=(1;v)", '=("x")', "=?0", "=()", "=:aGk=:"]
            ).map(lambda value: key + value)
        ),
        st.text('abc=()";:?@%,. \\-_*\t\n\r\0é0123456789v', max_size=20),
    ),
    max_size=12,
).map(",".join)  # fmt: skip


@given(body=st.binary(max_size=200) | LINES.map(str.encode) | st.text(max_size=100).map(str.encode))
def test_any_bytes_end_in_reports_or_in_a_refusal(body: bytes) -> None:
    reader = Reader()
    try:
        parsed = reader.parse(body)
    except RefusedError as refusal:
        reasons = {refusal.reason}
    else:
        reasons = {each.reason for each in parsed.rejected}
        assert len(parsed.events) == len(reader.records)
        assert parsed.events or parsed.rejected
        for event in parsed.events:
            assert msgspec.json.decode(msgspec.json.encode(event), type=Requested) == event
        for record in reader.records:
            assert msgspec.json.encode(record)
    assert reasons <= REASONS


@given(text=st.text(st.characters(), max_size=60) | LINES)
def test_any_query_and_any_header_end_in_a_report_or_in_a_refusal(text: str) -> None:
    for how in ({"query": text}, {"headers": {"CMCD-Request": text, "CMCD-Object": "br=1"}}):
        reader = Reader()
        parsed = reader.parse(**how)  # type: ignore[arg-type]
        assert len(parsed.events) + len(parsed.rejected) == 1
        for record in reader.records:
            assert msgspec.json.encode(record)


WRAPPERS = ("cmcd", "events", "session", "event", "object", "request", "status")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["value", "params", *WRAPPERS, *KEYS]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(said=st.lists(st.dictionaries(st.sampled_from(["v", *WRAPPERS, *KEYS]), JSON)) | JSON)
def test_any_json_ends_in_reports_or_in_a_refusal(said: Any) -> None:
    reader = Reader()
    try:
        parsed = reader.parse(json.dumps(said))
    except RefusedError as refusal:
        reasons = {refusal.reason}
    else:
        reasons = {each.reason for each in parsed.rejected}
        assert len(parsed.events) == len(reader.records)
        for record in reader.records:
            assert msgspec.json.encode(record)
    assert reasons <= REASONS


@given(text=LINES)
def test_what_is_remembered_means_what_it_says(text: str) -> None:
    text = f"v=2,{text}"
    try:
        by_the_letter = typed(dictionary(text))
    except MalformedError:
        with pytest.raises(MalformedError):
            read(text)
    else:
        assert [read(text), read(text)] == [by_the_letter] * 2


@pytest.mark.parametrize(
    "text",
    [
        r'cid="a,b=1",e=t,v=2',
        r'cid="a,b=1,c",e=t,v=2',
        r'cid="a\",b=1,c\"",e=t,v=2',
        r'cid="\",b=\"",e=t,v=2',
        r'ec=("a,b=1" "c,d"),e=t,v=2',
        r'zz=%"a,b=1",e=t,v=2',
        r'sid="a",sid=b,e=t,v=2',
        r"v=1,e=t,v=2",
        r"v=2,br=5,v=1",
    ],
)
def test_commas_within_strings_part_nothing_and_the_last_of_a_name_counts(text: str) -> None:
    assert [read(text), read(text)] == [typed(dictionary(text))] * 2


def test_strangers_cannot_make_us_remember_much(monkeypatch: pytest.MonkeyPatch) -> None:
    remembered: dict[str, tuple[str, Any]] = {}
    monkeypatch.setattr(keys, "_remembered", remembered)
    monkeypatch.setattr(keys, "MOST_REMEMBERED", 10)
    for number in range(1000):
        seldom = f'ts={10**12 + number},zz=7{number:04},url="{"x" * 64}{number}"'
        read(f'e=t,{seldom},v=2,sid="{number}",z{number}=1')
        assert len(remembered) <= 10
    assert not any(key in {"ts", "url", "zz"} for key, _ in remembered.values())


def test_every_key_of_a_record_is_read_and_every_key_that_is_read_is_in_a_record() -> None:
    fields = {field for field in Record.__struct_fields__ if field not in META}

    assert fields == set(KEYS)

"""Structured Fields (RFC 8941): what is a dictionary, what it means, and what is none."""

import pytest

from exporter.formats.cmcd.structured import (
    Date,
    MalformedError,
    Member,
    Token,
    dictionary,
)


def exactly(value: object) -> object:
    """A value with its types, because 1 == True == 1.0 and a token equals its string."""
    if isinstance(value, tuple):
        return tuple(map(exactly, value))
    return type(value).__name__, value


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("", {}),
        ("a", {"a": True}),
        ("a,b", {"a": True, "b": True}),
        ("a \t,\t b", {"a": True, "b": True}),
        ("a=?0,b=?1", {"a": False, "b": True}),
        ("a=1,b=-1,c=0,d=-0", {"a": 1, "b": -1, "c": 0, "d": 0}),
        ("a=999999999999999", {"a": 999_999_999_999_999}),
        ("a=-999999999999999", {"a": -999_999_999_999_999}),
        ("a=000000000000001", {"a": 1}),
        ("a=1.5,b=-0.25,c=1.0", {"a": 1.5, "b": -0.25, "c": 1.0}),
        ("a=999999999999.999", {"a": 999_999_999_999.999}),
        ('a="x",b=""', {"a": "x", "b": ""}),
        (r'a="say \"hi\" \\o"', {"a": 'say "hi" \\o'}),
        ('a="a,b=c;d (e)"', {"a": "a,b=c;d (e)"}),
        ('a="Łódź"', {"a": "Łódź"}),
        ("a=x,b=*,c=x/y:z", {"a": Token("x"), "b": Token("*"), "c": Token("x/y:z")}),
        ("a=NaN,b=Infinity", {"a": Token("NaN"), "b": Token("Infinity")}),
        ("a=:aGk=:,b=:aGk:,c=::", {"a": b"hi", "b": b"hi", "c": b""}),
        ("a=@1659578233,b=@-5", {"a": Date(1_659_578_233), "b": Date(-5)}),
        ('a=%"f%c3%bc"', {"a": "fü"}),
        ("a=1,a=2", {"a": 2}),
        ("a=1;x=2;y,b;z", {"a": 1, "b": True}),
        ("a=1; x=2", {"a": 1}),
        ("com.example-myKey=1,*a_b=2", {"com.example-myKey": 1, "*a_b": 2}),
        ("a=()", {"a": ()}),
        ("a=(  )", {"a": ()}),
        ("a=(5000)", {"a": ((5000, ()),)}),
        ("a=( 5000;v  320;a )", {"a": ((5000, (("v", True),)), (320, (("a", True),)))}),
        ("a=(1.5;v)", {"a": ((1.5, (("v", True),)),)}),
        ('a=("x" y ?0)', {"a": (("x", ()), (Token("y"), ()), (False, ()))}),
        ('a=("x.m4s";r="0-99")', {"a": (("x.m4s", (("r", "0-99"),)),)}),
        ("a=(1;v=?0;v)", {"a": ((1, (("v", True),)),)}),
        ("a=(1;v;a);x=1,b", {"a": ((1, (("v", True), ("a", True))),), "b": True}),
    ],
)
def test_a_dictionary_means_what_the_specification_says(
    text: str, members: dict[str, Member]
) -> None:
    read = dictionary(text)

    assert {key: exactly(value) for key, value in read.items()} == {
        key: exactly(value) for key, value in members.items()
    }


@pytest.mark.parametrize(
    "text",
    [
        *(",", "a,", "a,,b", "a, ", " a", "a b", "a=", "a=,b", "=1", "1=a", "A=1", "_a=1", "-a=1"),
        *("a==1", "a=1 2", "a=1a", "a=1e5", "a=+1", "a=.5", "a=1.", "a=1.2.3", "a=-", "a=--1"),
        *("a=1000000000000000", "a=-1000000000000000", "a=1.2345", "a=1234567890123.1"),
        *("a=\u0661", "a=\u06f1.\u06f2", "a=\uff11"),
        *('a="', 'a="x', r'a="\n"', 'a="x"y', 'a="\x00"', 'a="\x7f"', 'a="\n"', 'a="\\"', "a='x'"),
        *("a=?", "a=?2", "a=?true", "a=:a*:", "a=:a:", "a=:aGk=", "a=@", "a=@1.5", "a=@x"),
        *("a=:aG0k=:", "a=:aGk==:", "a=:=:"),
        *('a=%"%zz"', 'a=%"%ff"', 'a=%"%C3"', 'a=%"x', "a=x y", "a=é", "a=ſ"),
        *("a=(", "a=(1", "a=(1,2)", "a=(1;)", "a=(1(2))", "a=(1\t2)", "a=1)", 'a=("x"1)'),
        *("a;", "a;X", "a;x=", "a=1;x=(1)", "a\t=1", "a= 1", "a=(1e5)", "a=(1234567890123456)"),
    ],
)  # fmt: skip
def test_what_is_no_dictionary_is_malformed(text: str) -> None:
    with pytest.raises(MalformedError):
        dictionary(text)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 65_536,
        "a=" + "x" * 65_536 + "\x00",
        'a="' + "x" * 65_536,
        "a=" + "1" * 65_536,
        "a=(" + "1 " * 32_768,
        "a=(" + "1;v " * 16_384 + "\x00",
        "a" + " " * 65_536 + "b",
        "a" + ";x" * 32_768 + ";",
        "a=(" + " " * 65_536,
        'a="' + r"\"" * 32_768,
        "a," * 32_768,
        "a=:" + "A" * 65_533,
    ],
    ids=lambda text: text[:6],
)
def test_no_text_takes_longer_than_its_length_explains(text: str) -> None:
    """What took the square of its length would not end within the patience of a test."""
    for _ in range(3):
        try:
            dictionary(text)
        except MalformedError:
            continue

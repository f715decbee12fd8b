"""``python -m tests.fuzz.target FORMAT …``: one decoder under libFuzzer, whose options follow.

An input is a path, a way to send, a query, headers and a body; half of the changes are libFuzzer's
own, half know what JSON is.
"""

import random
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=["exporter.formats", "exporter.events", "exporter.privacy"]
):
    from exporter.formats.format import Sender
    from tests.beacons import CHROME
    from tests.fuzz import seeds
    from tests.fuzz.nasty import Mutator
    from tests.fuzz.oracle import Oracle
    from tests.fuzz.signing import signed
    from tests.pipelines import START

CUT = b"\x00\xfe"
BETWEEN = "\x1f"
QUERY = {"trackers": "type", "cmcd": "CMCD"}
UNSIGNED = 7
AGENTS = (CHROME, None, "\udcff\ud800", "Mozilla/5.0 (iPad)" + "x" * 9000)


class Target:
    """One format, and the inputs that libFuzzer makes for it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._paths = tuple(p for p, form in seeds.EVERY.items() if seeds.name(form) == name)
        self._words = seeds.words(name)
        self._oracle = Oracle()

    def packed(self, seed: seeds.Seed) -> bytes:
        """A seed as an input."""
        head = bytes((self._paths.index(seed.path), 0))
        texts = (seed.query.encode(), BETWEEN.join(seed.headers).encode(), seed.body)
        return head + CUT.join(texts)

    def __call__(self, data: bytes) -> None:
        """Judge one input."""
        if len(data) < 2:
            return
        path = self._paths[data[0] % len(self._paths)]
        form, way = seeds.EVERY[path], data[1]
        query, said, body = (*data[2:].split(CUT, 2), b"", b"")[:3]
        # As aiohttp hands on what is no UTF-8.
        values = said.decode(errors="surrogateescape").split(BETWEEN)
        headers = dict(zip(form.headers, values, strict=False)) if said else {}
        if form.signed and way & UNSIGNED != UNSIGNED:
            headers = signed(path, body, headers, START)
        told = query.decode(errors="surrogateescape")
        sender = Sender(
            path,
            user_agent=AGENTS[way >> 3 & 3],
            country="DE" if way & 32 else None,
            most_events=500 if form.batch else 50,
            origin="https://video.example.com" if way & 64 else None,
            query={QUERY[self._name]: told} if query and self._name in QUERY else {},
            headers=headers,
            at=START,
        )
        self._oracle.take(form, body, sender)

    def mutated(self, data: bytes, most: int, number: int) -> bytes:
        """Another input, made of one."""
        if number % 2:
            return bytes(atheris.Mutate(data, most))
        pick = random.Random(number)  # noqa: S311 - to be repeatable
        head, *texts = data[:2], *data[2:].split(CUT, 2)
        if len(texts) < 3:
            return bytes(atheris.Mutate(data, most))
        mutator = Mutator(pick, self._words)
        which = 2 if pick.random() < 0.9 else pick.randrange(3)
        texts[which] = mutator.body(texts[which])
        return (head + CUT.join(texts))[:most]


def main() -> None:
    """Fuzz until libFuzzer has done what its options say."""
    name, corpus, *options = sys.argv[1:]
    target = Target(name)
    for number, seed in enumerate(seeds.of(name)):
        packed = target.packed(seed)
        Path(corpus, f"seed-{number}").write_bytes(packed)
        # What is loaded when it is first needed is not the first input's fault.
        target(packed)
    atheris.Setup(
        [sys.argv[0], corpus, *options],
        target,
        custom_mutator=target.mutated,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()

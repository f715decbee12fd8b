"""What can be wrong in a PromQL expression, one thing at a time.

The expression is read by a real parser. Each of its nodes knows how to put another text in its own
place, so a mutant is the whole expression with one thing changed, and always valid.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import promql_parser as promql

COMPARISONS = {
    "<": ("<=", ">"),
    "<=": ("<", ">="),
    ">": (">=", "<"),
    ">=": (">", "<="),
    "==": ("!=",),
    "!=": ("==",),
}
ARITHMETIC = {"+": "-", "-": "+", "*": "/", "/": "*"}
REFERENCES = {
    "alert:threshold",
    "kpi:min_events",
    "kpi:target",
    "kpi:threshold",
    "kpi:threshold_override",
}
"""Series of thresholds.yml: each is the place of a number."""

ONLY_THERE = {"absent", "count", "group"}
"""What asks whether something is there, not how much it is."""

NEGATED = {"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}


class Mutation(NamedTuple):
    """What was changed, in words that stay the same from run to run, and what came of it."""

    what: str
    expr: str


Put = Callable[[str], str]
"""Puts a text in the place of a node, into the whole expression."""


class Node(NamedTuple):
    """A part of an expression."""

    expr: Any
    put: Put
    counts: bool
    """Whether its value matters, not only that it is there."""

    @property
    def text(self) -> str:
        return str(self.expr)

    def changed(self, new: str) -> Mutation:
        return Mutation(f"{self.text} → {new}", self.put(new))


def mutations(expr: str) -> list[Mutation]:
    """Every mutation of ``expr``, each result once, and each told in words of its own."""
    root = promql.parse(expr)
    results, words = {str(root)}, Counter[str]()
    found = []
    for what, result in _mutations(Node(root, lambda text: text, counts=True)):
        promql.parse(result)
        if result not in results:
            results.add(result)
            words[what] += 1
            again = f" ({words[what]})" if words[what] > 1 else ""
            found.append(Mutation(what.replace("{}", "") + again, result))
    return found


def printed(expr: str) -> str:
    """``expr`` as the parser writes it, which is how the mutants of it are written."""
    return str(promql.parse(expr))


def _mutations(node: Node) -> Iterator[Mutation]:
    match node.expr:
        case promql.BinaryExpr():
            yield from _of_operator(node)
        case promql.NumberLiteral() if node.counts:
            yield from _of_number(node)
        case promql.VectorSelector() | promql.MatrixSelector():
            yield from _of_selector(node)
        case promql.SubqueryExpr():
            yield from _of_times(node, node.text[len(str(node.expr.expr)) :])
        case _:
            pass
    for child in _children(node):
        yield from _mutations(child)


# -- parts --------------------------------------------------------------------------------------


def _children(node: Node) -> Iterator[Node]:
    expr, whole, put = node.expr, node.text, node.put
    match expr:
        case promql.BinaryExpr():
            left, between, right, operator = _split(expr)
            filters = operator in COMPARISONS
            yield Node(expr.lhs, lambda s: put(s + between + right), node.counts or filters)
            there = operator in {"and", "unless"}
            yield Node(
                expr.rhs, lambda s: put(left + between + s), filters or (node.counts and not there)
            )
        case promql.ParenExpr():
            yield Node(expr.expr, lambda s: put(f"({s})"), node.counts)
        case promql.UnaryExpr():
            sign = whole[: -len(str(expr.expr))]
            yield Node(expr.expr, lambda s: put(sign + s), node.counts)
        case promql.SubqueryExpr():
            rest = whole[len(str(expr.expr)) :]
            yield Node(expr.expr, lambda s: put(s + rest), node.counts)
        case promql.AggregateExpr():
            yield from _in_brackets(node, [e for e in (expr.param, expr.expr) if e is not None])
        case promql.Call():
            yield from _in_brackets(node, expr.args)
        case _:
            pass


def _in_brackets(node: Node, arguments: list[Any]) -> Iterator[Node]:
    """The arguments, which stand at the end of a call in their order."""
    texts = [str(each) for each in arguments]
    inside = ", ".join(texts)
    head = node.text.removesuffix(f"({inside})")
    if head == node.text:
        raise ValueError(f"{node.text} does not end in ({inside})")
    asked = head.split()[0] if head else ""
    counts = node.counts and asked not in ONLY_THERE
    for place, argument in enumerate(arguments):

        def put(new: str, place: int = place) -> str:
            return node.put(f"{head}({', '.join([*texts[:place], new, *texts[place + 1 :]])})")

        yield Node(argument, put, counts)


def _split(expr: Any) -> tuple[str, str, str, str]:
    """The left side, what stands between (operator, matching), the right side; the operator."""
    whole, left, right = str(expr), str(expr.lhs), str(expr.rhs)
    between = whole[len(left) : len(whole) - len(right)]
    return left, between, right, between.split()[0]


# -- what is changed ----------------------------------------------------------------------------


def _of_operator(node: Node) -> Iterator[Mutation]:
    left, between, right, operator = _split(node.expr)

    def instead(new: str) -> Mutation:
        text = node.put(left + between.replace(operator, new, 1) + right)
        return Mutation(f"{_short(left)} {operator} → {new} {_short(right)}", text)

    for new in COMPARISONS.get(operator, ()):
        yield instead(new)
    if operator in ARITHMETIC and node.counts:
        yield instead(ARITHMETIC[operator])
    match operator:
        case "and" | "unless":
            yield instead("unless" if operator == "and" else "and")
            yield Mutation(f"without: {operator} {_short(right)}", node.put(left))
        case "or":
            yield Mutation(f"without: or {_short(right)}", node.put(left))
            yield Mutation(f"without: {_short(left)} or", node.put(right))
        case _:
            pass


def _of_number(node: Node) -> Iterator[Mutation]:
    value = float(node.expr.val)
    for new in (value * 1.1, value * 0.9) if value else (1.0,):
        yield node.changed(f"{new:.6g}")


def _of_selector(node: Node) -> Iterator[Mutation]:
    expr, whole = node.expr, node.text
    ranged = isinstance(expr, promql.MatrixSelector)
    vector = expr.vector_selector if ranged else expr
    matchers = [str(each) for each in vector.matchers.matchers]
    name = vector.name or ""
    rest = whole[len(f"{name}{{{','.join(matchers)}}}") :] if matchers else whole[len(name) :]
    for place, matcher in enumerate(matchers):
        for new in _of_matcher(matcher):
            kept = [*matchers[:place], *new, *matchers[place + 1 :]]
            yield Mutation(
                f"{name}: {matcher} → {new[0] if new else 'dropped'}",
                node.put(f"{name}{{{','.join(kept)}}}{rest}"),
            )
    if name in REFERENCES and node.counts and not ranged:
        for factor in ("1.1", "0.9"):
            yield node.changed(f"({whole} * {factor})")
    yield from _of_times(node, rest)


def _of_matcher(matcher: str) -> Iterator[list[str]]:
    yield []
    label, operator, value = re.fullmatch(r'(\w+)(=~|!~|!=|=)"(.*)"', matcher).groups()  # type: ignore[union-attr]
    yield [f'{label}{NEGATED[operator]}"{value}"']
    members = value.split("|")
    if operator in {"=~", "!~"} and len(members) > 1:
        for each in members:
            others = "|".join(member for member in members if member != each)
            yield [f'{label}{operator}"{others}"']


def _of_times(node: Node, rest: str) -> Iterator[Mutation]:
    """Of a range, a step or an offset, which stand in ``rest``, the end of the node's text."""
    head = node.text[: len(node.text) - len(rest)] if rest else node.text
    for found in re.finditer(r"\b(?:\d+(?:ms|[smhdwy]))+\b", rest):
        span = promql.parse_duration(found[0])
        for new in (span * 2, span / 2):
            changed = rest[: found.start()] + promql.display_duration(new) + rest[found.end() :]
            yield node.changed(head + changed)
    if offset := re.search(r" offset -?\w+", rest):
        yield node.changed(head + rest[: offset.start()] + rest[offset.end() :])


def _short(text: str) -> str:
    return text if len(text) <= 90 else f"{text[:42]} … {text[-42:]}"

"""For filing and for people who print: A4, landscape, with plots. reportlab lives here."""

from __future__ import annotations

import io
from collections.abc import Iterator
from html import escape
from typing import Any, Final

from reportlab.graphics import shapes
from reportlab.lib import colors, pagesizes
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    Flowable,
    KeepTogether,
    LongTable,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    TableStyle,
)

from exporter.reports.plot import HEIGHT, WIDTH, Anchor, draw
from exporter.reports.quantity import Quantity
from exporter.reports.report import Cell, Mark, Plot, Report, Section, Table, Tone, moment, words

INK, SOFT, RULE, LINE = (
    colors.HexColor(code) for code in ("#1f2933", "#616e7c", "#e4e7eb", "#1565c0")
)
TONES: Final = {
    Tone.GOOD: "#2e7d32",
    Tone.WARN: "#b26a00",
    Tone.BAD: "#c62828",
    Tone.PLAIN: "#616e7c",
}
MARGIN: Final = 14 * mm
PAGE: Final = pagesizes.landscape(pagesizes.A4)
PADDING: Final = 6.0
"""Of reportlab around what stands on a page."""

ACROSS: Final = PAGE[0] - 2 * (MARGIN + PADDING)
PLOTS_ABREAST: Final = 3
SPACE: Final = 6.0

# They come with reportlab and go into the file, so that it looks the same everywhere.
PLAIN, BOLD = "Vera", "VeraBd"
for font in (PLAIN, BOLD):
    pdfmetrics.registerFont(TTFont(font, f"{font}.ttf"))

BODY = ParagraphStyle("body", fontName=PLAIN, fontSize=8.5, leading=12, textColor=INK)
CELL = ParagraphStyle("cell", BODY, fontSize=7.5, leading=10)
NUMBER = ParagraphStyle("number", CELL, alignment=TA_RIGHT)
HEAD = ParagraphStyle("head", CELL, fontName=BOLD, textColor=SOFT)
HEAD_OF_NUMBERS = ParagraphStyle("head of numbers", HEAD, alignment=TA_RIGHT)
TITLE = ParagraphStyle("title", BODY, fontName=BOLD, fontSize=18, leading=22)
PERIOD = ParagraphStyle("period", BODY, textColor=SOFT, spaceAfter=6)
HEADLINE = ParagraphStyle("headline", BODY, fontSize=10, leading=14)
SECTION = ParagraphStyle(
    "section",
    BODY,
    fontName=BOLD,
    fontSize=12,
    leading=15,
    spaceBefore=12,
    spaceAfter=4,
)


def render(report: Report) -> bytes:
    """The document."""
    file = io.BytesIO()
    document = SimpleDocTemplate(
        file,
        pagesize=PAGE,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title=f"{report.title}, {moment(report.end)}",
        author="Video Metrics Exporter",
        invariant=1,  # the same report is the same file
    )
    document.build(list(_flow(report)), onFirstPage=_footer, onLaterPages=_footer)
    return file.getvalue()


def _footer(canvas: Canvas, document: Any) -> None:
    canvas.setFont(PLAIN, 7)
    canvas.setFillColor(SOFT)
    canvas.drawString(MARGIN, MARGIN / 2, document.title)
    canvas.drawRightString(PAGE[0] - MARGIN, MARGIN / 2, str(document.page))


def _flow(report: Report) -> Iterator[Flowable]:
    yield Paragraph(escape(report.title), TITLE)
    period = f"{moment(report.begin)} to {moment(report.end)} {report.end:%Z}"
    yield Paragraph(escape(period), PERIOD)
    for said in report.headline:
        yield Paragraph(escape(said), HEADLINE)
    for section in report.sections:
        yield from _section(report, section)


def _section(report: Report, section: Section) -> Iterator[Flowable]:
    head: list[Flowable] = [Paragraph(escape(section.title), SECTION)]
    head += [Paragraph(escape(said), BODY) for said in section.says]
    parts: list[Flowable] = []
    if section.table and section.table.titles:
        parts.append(_table(section.table))
    parts += _plots(report, section.plots)
    # A title never stands alone at the foot of a page.
    yield KeepTogether([*head, *parts[:1]]) if _is_short(section) else KeepTogether(head)
    yield from parts[1:] if _is_short(section) else parts


def _is_short(section: Section) -> bool:
    return section.table is None or len(section.table.rows) <= 12


def _table(table: Table) -> LongTable:
    rows = list(table.printed())
    numbers = [isinstance(cell, Quantity) for cell in rows[0]]
    heads = [
        Paragraph(escape(title), HEAD_OF_NUMBERS if number else HEAD)
        for title, number in zip(table.titles, numbers, strict=True)
    ]
    style = TableStyle(
        [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LEFTPADDING", (0, 0), (-1, -1), 2),
            ("RIGHTPADDING", (0, 0), (-1, -1), 10),
            ("TOPPADDING", (0, 0), (-1, -1), 1.5),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
            ("LINEBELOW", (0, 0), (-1, 0), 0.8, INK),
            ("LINEBELOW", (0, 1), (-1, -1), 0.4, RULE),
        ]
    )
    return LongTable(
        [heads, *([_cell(cell) for cell in row] for row in rows)],
        colWidths=_widths(table, rows),
        repeatRows=1,
        style=style,
        hAlign="LEFT",
    )


def _cell(cell: Cell) -> Paragraph:
    text = escape(words(cell))
    if isinstance(cell, Mark):
        text = f'<font color="{TONES[cell.tone]}">{text}</font>'
    return Paragraph(text, NUMBER if isinstance(cell, Quantity) else CELL)


def _widths(table: Table, rows: list[tuple[Cell, ...]]) -> list[float]:
    """By the longest cell of each column, the whole across the page."""
    shown = [table.titles, *(tuple(map(words, row)) for row in rows)]
    longest = [max(4, *(len(text) for text in column)) + 1 for column in zip(*shown, strict=True)]
    return [ACROSS * long / sum(longest) for long in longest]


def _plots(report: Report, plots: tuple[Plot, ...]) -> Iterator[Flowable]:
    for begin in range(0, len(plots), PLOTS_ABREAST):
        abreast: list[Flowable] = [
            _drawing(report, plot) for plot in plots[begin : begin + PLOTS_ABREAST]
        ]
        abreast += [Spacer(1, 1)] * (PLOTS_ABREAST - len(abreast))
        yield LongTable(
            [abreast],
            colWidths=[ACROSS / PLOTS_ABREAST] * PLOTS_ABREAST,
            style=TableStyle(
                [("LEFTPADDING", (0, 0), (-1, -1), 0), ("TOPPADDING", (0, 0), (-1, -1), SPACE)]
            ),
        )


def _drawing(report: Report, plot: Plot) -> shapes.Drawing:
    scale = (ACROSS / PLOTS_ABREAST - SPACE) / WIDTH
    title = 14.0
    drawing = shapes.Drawing(WIDTH * scale, (HEIGHT + title) * scale)
    drawn = draw(plot, report.end.tzinfo)
    for line in drawn.lines:
        drawing.add(_line(line.kind, line.points))
    for dot in drawn.dots:
        drawing.add(shapes.Circle(dot.x, HEIGHT - dot.y, 2.2, fillColor=LINE, strokeColor=None))
    for word in drawn.words:
        drawing.add(_string(word.text, word.x, HEIGHT - word.y, word.anchor))
    drawing.add(
        shapes.String(0, HEIGHT + 3, plot.title, fontName=BOLD, fontSize=9.5, fillColor=INK)
    )
    drawing.scale(scale, scale)
    return drawing


def _line(kind: str, points: tuple[tuple[float, float], ...]) -> shapes.PolyLine:
    colour, width = {"value": (LINE, 1.4), "target": (SOFT, 0.8), "grid": (RULE, 0.8)}[kind]
    drawn = shapes.PolyLine(
        [number for x, y in points for number in (x, HEIGHT - y)],
        strokeColor=colour,
        strokeWidth=width,
    )
    if kind == "target":
        drawn.strokeDashArray = (4, 3)
    return drawn


def _string(text: str, x: float, y: float, anchor: Anchor) -> shapes.String:
    return shapes.String(
        x, y, text, textAnchor=anchor, fontName=PLAIN, fontSize=8.5, fillColor=SOFT
    )

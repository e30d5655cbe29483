"""The README in pieces, for the tests and programs that hold it to the code. Needs no Django."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()

#: One of: a block with the mark before it, a heading, a numbered item, any other paragraph.
_PIECES = re.compile(
    r"(?:^<!-- tested: (?P<name>.+) -->\n)?^```(?P<language>.*)\n(?P<block>(?:.*\n)*?)^```\n"
    r"|^(?P<level>#+) (?P<heading>.+)\n"
    r"|^\d+\. (?P<item>.+\n(?: +.+\n)*)"
    r"|^(?P<text>.+\n(?:(?!```|<!--|#|\d+\. ).+\n)*)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of the README."""

    #: ``block``, ``heading``, ``item`` or ``text``.
    kind: str
    text: str
    line: int
    #: The heading of the second level that it stands under.
    section: str
    #: Of a block: its language, the name that it is tested by, and the paragraph before it.
    language: str = ""
    name: str = ""
    lead: str = ""

    def __str__(self) -> str:
        return f"README.md:{self.line}"


def read_pieces(document: str) -> Iterator[Piece]:
    """The pieces of *document* in their order; a table is text."""
    section = lead = ""
    for found in _PIECES.finditer(document):
        line = document.count("\n", 0, found.start()) + 1
        kind = next(
            kind for kind in ("block", "heading", "item", "text") if found[kind] is not None
        )
        if found["level"] == "##":
            section = found["heading"]
        if kind == "block":
            yield Piece(
                kind=kind,
                text=found["block"],
                line=line,
                section=section,
                language=found["language"],
                name=found["name"] or "",
                lead=lead,
            )
        else:
            yield Piece(kind=kind, text=" ".join(found[kind].split()), line=line, section=section)
        lead = " ".join(found["text"].split()) if kind == "text" else ""


PIECES = list(read_pieces(README))
BLOCKS = [piece for piece in PIECES if piece.kind == "block"]


def read_block(name: str) -> str:
    """The text of the block that is marked as tested under *name*."""
    [block] = [block for block in BLOCKS if block.name == name]
    return block.text


def read_table(first_heading: str) -> list[list[str]]:
    """Rows of the table whose first column is headed so, each a list of cells."""
    lines = README.partition(f"\n| {first_heading} |")[2].splitlines()
    rows = []
    for line in lines[2:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    assert rows, first_heading
    return rows


def read_words(cell: str) -> list[str]:
    """What stands in back ticks."""
    return re.findall(r"`([^`]+)`", cell)

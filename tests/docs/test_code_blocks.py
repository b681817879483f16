"""What the pages show really happens: their code runs, their commands print what stands below them.

A page is run from top to bottom in an empty folder. ```python blocks share one namespace;
```console blocks run each `$ halos` line and compare what it prints, where `...` stands for
anything; a comment before a block says more: `<!-- file: NAME -->` writes it there,
`<!-- prints -->` compares it with what the Python block above printed,
`<!-- not run: WHY -->` leaves it out.
"""

from __future__ import annotations

import doctest
import io
import re
import shlex
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w*)\s*$")
COMMENT = re.compile(r"^<!-- (not run|file|prints|numbers vary)(?:: (.+?))? -->$")
KEY = re.compile(r"\b[0-9a-f]{20}([0-9a-f]{44})?\b")
NUMBER = re.compile(r"[-+]?\d+(\.\d+)?(e[-+]?\d+)?")
LIKE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
RUN = {"python", "console"}


@dataclass(frozen=True)
class Block:
    """A fenced block, the line it starts on, and what the comment before it says."""

    language: str
    text: str
    line: int
    said: str = ""
    about: str = ""


def blocks(page: Path) -> list[Block]:
    found: list[Block] = []
    said, about, inside, start = "", "", None, 0
    lines: list[str] = []
    for number, line in enumerate(page.read_text().splitlines(), start=1):
        if inside is not None:
            if line.strip() == "```":
                found.append(Block(inside, "\n".join(lines) + "\n", start, said, about))
                said, about, inside = "", "", None
            else:
                lines.append(line)
        elif fence := FENCE.match(line.strip()):
            inside, start, lines = fence[1], number, []
        elif comment := COMMENT.match(line.strip()):
            said, about = comment[1], comment[2] or ""
        elif line.strip():
            said, about = "", ""
    assert inside is None, f"{page.name}: the block from line {start} on is not closed"
    return found


def comparable(text: str, block: Block) -> str:
    """`text` without what no page can know beforehand."""
    told = KEY.sub("KEY", text)
    return NUMBER.sub("0", told) if "numbers vary" in (block.said, block.about) else told


def globbed(word: str) -> list[str]:
    """What a shell makes of a word with a star."""
    return sorted(map(str, Path().glob(word))) if "*" in word else [word]


def alive(page: Path) -> bool:
    return any(block.language in RUN and block.said != "not run" for block in blocks(page))


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


class Reader:
    """Follows one page, as a person with a terminal would."""

    def __init__(self, page: Path) -> None:
        self.page = page
        self.names: dict[str, Any] = {"__name__": "__page__"}
        self.printed = ""
        self.status = 0

    def follow(self, block: Block) -> None:
        if block.said == "not run":
            return
        if block.said == "file":
            target = Path(block.about)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text)
        elif block.said == "prints":
            self.compare(block, self.printed, block.text)
        elif block.language == "python":
            self.execute(block)
        elif block.language == "console":
            self.type_in(block)

    def execute(self, block: Block) -> None:
        # Blank lines before it let a traceback point at the line of the page.
        code = compile("\n" * block.line + block.text, str(self.page), "exec")
        heard = io.StringIO()
        with redirect_stdout(heard):
            exec(code, self.names)
        self.printed = heard.getvalue()

    def type_in(self, block: Block) -> None:
        for typed in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            command, _, expected = typed.replace("\\\n", " ").partition("\n")
            self.compare(block, self.answer(command), expected)

    def answer(self, command: str) -> str:
        from halos.commands import main

        if command == "echo $?":
            return f"{self.status}\n"
        words = [word for each in shlex.split(command) for word in globbed(each)]
        assert words[0] == "halos", f"{self.where(command)}: only halos is run; mark others as not run"
        said, remarks = io.StringIO(), io.StringIO()
        with redirect_stdout(said), redirect_stderr(remarks):
            try:
                self.status = main(words[1:])
            except SystemExit as ended:
                self.status = int(ended.code or 0)
        assert self.status != 1, f"{self.where(command)}: {remarks.getvalue()}"
        errors = [line for line in remarks.getvalue().splitlines(keepends=True) if line.startswith("halos: ")]
        return said.getvalue() + "".join(errors)

    def compare(self, block: Block, got: str, expected: str) -> None:
        expected, got = (comparable(text, block) for text in (expected, got))
        checker = doctest.OutputChecker()
        if checker.check_output(expected, got, LIKE):
            return
        difference = checker.output_difference(doctest.Example("", expected), got, LIKE)
        pytest.fail(f"{self.where(block.line)}\n{difference}", pytrace=False)

    def where(self, place: object) -> str:
        return f"{name(self.page)}:{place}"


@pytest.mark.parametrize("page", [page for page in PAGES if alive(page)], ids=name)
def test_a_page_does_what_it_says(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for variable in ("HALOS_RESULTS", "HALOS_CLUSTER", "PREFECT_API_URL"):
        monkeypatch.delenv(variable, raising=False)
    reader = Reader(page)

    for block in blocks(page):
        reader.follow(block)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_block_that_is_left_out_says_why(page: Path) -> None:
    left_out = [block for block in blocks(page) if block.said == "not run"]

    assert [block.line for block in left_out if len(block.about.split()) < 2] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_shell_blocks_are_run_or_say_why_not(page: Path) -> None:
    shell = [block for block in blocks(page) if block.language in {"sh", "bash", "shell"}]

    assert [block.line for block in shell if block.said != "not run"] == []

"""Writes the pages below docs/ that the code says better than a person would.

    python tools/reference_pages.py          # writes them (`make reference`)
    python tools/reference_pages.py --check  # writes nothing; exit code 1 where one is out of date

The marks with their keywords, the commands with their arguments, the fields of an artifact, and the
lists of decisions and measurements. docs/metrics.md has a generator of its own, and docs/options.md
a test.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from pytest_ttsperf import cli, records
from pytest_ttsperf.compare import metrics as compared
from pytest_ttsperf.plugin import markers
from pytest_ttsperf.records import CellResult, Recording, Run, Summary, Trial
from pytest_ttsperf.records.artifact import Baseline, BaselineRun, Bench

DOCS = Path(__file__).resolve().parents[1] / "docs"
WIDTH = 100
WRITTEN = "<!-- Written by tools/reference_pages.py: change the code, and run make reference. -->"
"""For who opens the file, and not for who reads the page."""
METRIC_HEADING = re.compile(r"^### `(\w+)`$", re.MULTILINE)
TITLE = re.compile(r"^# (?:\d+\. )?(.+)$", re.MULTILINE)
KEYWORDS = re.compile(r"^\(.*?\): ", re.DOTALL)
"""The list of keywords that a mark's description begins with."""
STATISTICS = {
    "p50": "the median",
    "p95": "the 95th percentile",
    "p99": "the 99th percentile",
    "max": "the largest",
    "value": "the value",
}
STRUCTS: tuple[type[msgspec.Struct], ...] = (
    Run,
    Bench,
    CellResult,
    Trial,
    Recording,
    Summary,
    Baseline,
    BaselineRun,
)
"""The records of a run's files that a reader begins with; the JSON Schemas have all."""


class Page(NamedTuple):
    """A page below docs/, and what writes it."""

    path: Path
    build: Callable[[], str]


# Marks


def build_marks() -> str:
    """All marks: what each limits, and its keywords."""
    parts = [
        "# Marks\n",
        f"{WRITTEN}\n",
        _fill(
            "They are ordinary pytest marks: `@pytest.mark.ttfa(p95_ms=500)` is the same as "
            "`@ttfa(p95_ms=500)` with `from pytest_ttsperf import ttfa`. A keyword that a mark "
            "does not have is an error at collection. Limits merge keyword by keyword from the "
            "parameter, the function, the class and the module, and may be a dict with a number "
            "for [each provider](../howto/test-several-providers.md)."
        ),
    ]
    for name, description in markers.DESCRIPTIONS.items():
        parts.append(f"## `{name}`\n")
        parts.append(_fill(_sentence(description)))
        parts.extend(_keywords(name))
    return "\n".join(parts)


def _sentence(description: str) -> str:
    """A mark's description without its list of keywords, as a sentence."""
    text = KEYWORDS.sub("", description)
    return f"{text[0].upper()}{text[1:]}."


def _keywords(name: str) -> Iterator[str]:
    """The table of a mark's keywords, where it has any."""
    if name == markers.MARK:
        yield from _figures()
        return
    limits = markers.LIMITS.get(name, {})
    settings = markers.SETTINGS.get(name, {})
    if not limits and not settings:
        return
    metrics = _documented_metrics()
    yield "| keyword | what it is |"
    yield "|---|---|"
    for keyword, limit in limits.items():
        yield f"| `{keyword}` | {_limit_text(keyword, limit, metrics)} |"
    for keyword, meaning in settings.items():
        yield f"| `{keyword}` | {meaning} |"
    yield ""


def _limit_text(keyword: str, limit: markers.Limit, metrics: frozenset[str]) -> str:
    """What a keyword limits: a statistic of a metric, which is described on its own page."""
    metric = f"`{limit.metric}`"
    if limit.metric in metrics:
        metric = f"[{metric}](../metrics.md#{limit.metric})"
    if keyword in markers.FLAGS:
        return f"on or off: goes by {metric}"
    bound = "at least" if keyword in markers.LEAST else "at most"
    return f"{bound} this: {STATISTICS[limit.statistic]} of {metric}"


def _figures() -> Iterator[str]:
    """What versions are compared by, in the words of `@regression`."""
    yield _fill(
        "What each figure is, and what it cannot see, stands "
        "[among the metrics](../metrics.md#compared-between-two-versions)."
    )
    yield "| keyword | figure |"
    yield "|---|---|"
    for name in compared.EITHER.names:
        yield f"| `{name}` | {_figure_text(name)} |"
    yield ""


def _figure_text(name: str) -> str:
    if name in compared.EITHER.short:
        return f"short for {', '.join(compared.EITHER.short[name])}"
    if name in compared.ALL:
        return compared.ALL[name].label
    return "where many listen"


def _documented_metrics() -> frozenset[str]:
    """The figures that have a heading in docs/metrics.md."""
    return frozenset(METRIC_HEADING.findall((DOCS / "metrics.md").read_text("utf-8")))


# Commands


def build_commands() -> str:
    """All commands of `ttsperf`, with their arguments."""
    parser = cli._parser()
    parts = [
        "# Commands\n",
        f"{WRITTEN}\n",
        _fill(f"{parser.description or ''} {parser.epilog or ''}".strip()),
    ]
    for name, command in _subcommands(parser):
        parts.extend(_command(f"ttsperf {name}", command))
    return "\n".join(parts)


def _command(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    """A command, or each action of it where it has some."""
    actions = list(_subcommands(parser))
    for action, action_parser in actions:
        yield from _command(f"{name} {action}", action_parser)
    if actions:
        return
    yield f"## `{name}`\n"
    yield f"{_paragraphs(parser.description or '')}\n"
    rows = [_argument(argument) for argument in _arguments(parser)]
    if not rows:
        return
    yield "| argument | what it is |"
    yield "|---|---|"
    yield from rows
    yield ""


def _subcommands(
    parser: argparse.ArgumentParser,
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """argparse has no public way to ask for these."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def _arguments(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """All that a command takes but --help."""
    return [action for action in parser._actions if not isinstance(action, argparse._HelpAction)]


def _argument(action: argparse.Action) -> str:
    text = (action.help or "") % {"default": action.default}
    return f"| `{_shown(action)}` | {_escape(text)} |"


def _shown(action: argparse.Action) -> str:
    """As it is typed: `--seconds=S`, `TARGET`."""
    value = _value(action)
    if not action.option_strings:
        return f"[{value}]" if action.nargs in ("?", "*") else value
    if action.nargs == 0:
        return action.option_strings[-1]
    return f"{action.option_strings[-1]}={value}"


def _value(action: argparse.Action) -> str:
    """What an argument takes; a bar in it would be shown with its escape, being code."""
    if action.choices is not None:
        return "{" + ",".join(map(str, action.choices)) + "}"
    return str(action.metavar or action.dest.upper()).replace("|", "/")


def _escape(text: str) -> str:
    """A bar would end the cell of a table."""
    return text.replace("|", "\\|")


def _paragraphs(text: str) -> str:
    """Each paragraph of a description, filled anew."""
    return "\n".join(_fill(" ".join(part.split())) for part in text.split("\n\n")).rstrip("\n")


# Files


def build_files() -> str:
    """The fields of the files that a run leaves."""
    parts = [
        "# Files of a run\n",
        f"{WRITTEN}\n",
        _fill(
            "A run writes `artifacts/bench/<date>/run_<HHMMSS>.json` with all that was measured, "
            "and `bench_<stream|nonstream>_<preset>_<HHMMSS>.json` with the cells of one mode and "
            "preset. Both are written anew after every test, so a run that is killed leaves what "
            "it had. Each trial is in them with its raw instants, in nanoseconds of the "
            "monotonic clock; what was not measured is `null`, and never 0. The package has "
            "JSON Schemas of all fields, in `pytest_ttsperf/report/schemas/`. Where else files go "
            "is said among the [options](../options.md#files)."
        ),
    ]
    for struct in STRUCTS:
        parts.extend(_struct(struct))
    return "\n".join(parts)


def _struct(struct: type[msgspec.Struct]) -> Iterator[str]:
    texts = _field_texts(struct)
    yield f"## {struct.__name__}\n"
    yield _fill(" ".join((inspect.getdoc(struct) or "").split()))
    yield "| field | type | meaning |"
    yield "|---|---|---|"
    for field in msgspec.structs.fields(struct):
        kind, meaning = texts[field.name]
        meaning = meaning or _record_text(kind)
        shown = kind.replace(" | ", " or ")
        yield f"| `{field.encode_name}` | `{shown}` | {_escape(meaning)} |"
    yield ""


def _record_text(kind: str) -> str:
    """What a record that a type names is, in its first sentence; empty where it names none."""
    for name in re.findall(r"\w+", kind):
        record = getattr(records, name, None)
        if inspect.isclass(record) and issubclass(record, msgspec.Struct):
            text = " ".join((inspect.getdoc(record) or "").split())
            return f"{text.partition('. ')[0].rstrip('.')}."
    return ""


def _field_texts(struct: type[msgspec.Struct]) -> dict[str, tuple[str, str]]:
    """Field -> its type as it is written, and the sentence below it; bases first."""
    texts: dict[str, tuple[str, str]] = {}
    for base in reversed(struct.__mro__):
        if issubclass(base, msgspec.Struct) and base is not msgspec.Struct:
            texts |= _texts_of(base)
    return texts


def _texts_of(struct: type[msgspec.Struct]) -> dict[str, tuple[str, str]]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(struct)))
    (definition,) = tree.body
    assert isinstance(definition, ast.ClassDef)
    texts: dict[str, tuple[str, str]] = {}
    followers: list[ast.stmt | None] = [*definition.body[1:], None]
    for statement, follower in zip(definition.body, followers, strict=True):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            kind = ast.unparse(statement.annotation)
            texts[statement.target.id] = (kind, _text_below(follower))
    return texts


def _text_below(statement: ast.stmt | None) -> str:
    """The text that stands below a field, in one line; empty where none does."""
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Constant):
        return ""
    return " ".join(str(statement.value.value).split())


# Lists


def build_decisions() -> str:
    """A list of the pages in docs/adr."""
    rows = [f"| {int(path.stem[:4])} | {link} |" for path, link in _links(DOCS / "adr")]
    return _list(
        "Decisions",
        "What somebody would otherwise undo: what was decided, why, what was rejected, and what "
        "follows from it.",
        ["| number | decision |", "|---|---|", *rows],
    )


def build_measurements() -> str:
    """A list of the pages in docs/measurements."""
    rows = [f"- {link}" for _, link in _links(DOCS / "measurements")]
    return _list(
        "Measurements",
        "What decisions rest on: how it was measured, with the commands that measure it again.",
        rows,
    )


def _list(title: str, text: str, rows: Sequence[str]) -> str:
    return "\n".join([f"# {title}\n", f"{WRITTEN}\n", _fill(text), *rows, ""])


def _links(folder: Path) -> Iterator[tuple[Path, str]]:
    """Each page of a folder but its index, with a link by its title."""
    for path in sorted(folder.glob("*.md")):
        if path.name == "index.md":
            continue
        found = TITLE.search(path.read_text("utf-8"))
        if found is None:
            raise ValueError(f"found no title in {path}, wanted a first line such as '# Title'")
        yield path, f"[{found[1]}]({path.name})"


def _fill(text: str) -> str:
    lines = textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)
    return f"{lines}\n"


PAGES = (
    Page(DOCS / "reference" / "marks.md", build_marks),
    Page(DOCS / "reference" / "commands.md", build_commands),
    Page(DOCS / "reference" / "files.md", build_files),
    Page(DOCS / "adr" / "index.md", build_decisions),
    Page(DOCS / "measurements" / "index.md", build_measurements),
)


def stale_pages() -> list[Path]:
    """The pages that are not what the code says now, or that are missing."""
    return [page.path for page in PAGES if _is_stale(page)]


def _is_stale(page: Page) -> bool:
    return not page.path.exists() or page.path.read_text("utf-8") != page.build()


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pages, or look whether they are up to date."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    if parser.parse_args(arguments).check:
        stale = [path.relative_to(DOCS.parent) for path in stale_pages()]
        for path in stale:
            print(f"{path} is out of date; run: make reference")
        return int(bool(stale))
    for page in PAGES:
        page.path.parent.mkdir(parents=True, exist_ok=True)
        page.path.write_text(page.build(), "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

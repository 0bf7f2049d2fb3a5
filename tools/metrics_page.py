"""Writes docs/metrics.md: what every metric, figure and guard means.

    python tools/metrics_page.py            # writes the page
    python tools/metrics_page.py --print    # prints it

Names, units and margins are those of the tables that the plugin computes with, the paragraphs those
of `pytest_ttsperf.metrics.catalog`. Raises KeyError for a row that has no paragraph there.
"""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_ttsperf.compare import metrics as compared
from pytest_ttsperf.judge.limits import LEAK
from pytest_ttsperf.metrics import catalog, definitions, load, load_figures, validity
from pytest_ttsperf.metrics.catalog import Paragraph
from pytest_ttsperf.metrics.load_figures import LoadFigure
from pytest_ttsperf.records import Memory
from pytest_ttsperf.records.cell import DEFINITIONS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "metrics.md"
WIDTH = 100
ADR = re.compile(r"\bADR (\d+)")
MEMORY_UNIT = "MB"
REASONS = ("reason", "leak_reason")
"""The fields of Memory that are no figures."""
SLOPE = "leak"
"""The field that has a slope with its interval; figures name it as limits do."""
HEAD = """\
# Metrics

<!-- Written by tools/metrics_page.py from the definitions: change them, or
pytest_ttsperf/metrics/catalog.py, and run make reference. -->

t0 is the monotonic clock just before a request is handed over. Chunk i arrives at a_i and holds d_i
seconds of audio; a_0 is the first chunk with a sample, a_last the last one, D the sum of all d_i.
Containers' headers are no audio. A metric that could not be measured is null, never 0, and fails
its limit. How verdicts follow from these figures is in [usage.md](usage.md#verdicts) and
[comparing-versions.md](comparing-versions.md#verdicts).
"""


def build_page() -> str:
    """The whole page, in Markdown."""
    return "\n".join(
        [
            HEAD,
            *_section("Of each trial", _metrics()),
            *_section("Memory", _memory()),
            *_section("Cold starts", _with_units(catalog.PHASES)),
            *_section("Of many listeners", _load()),
            *_section("Limits of many listeners", _with_units(catalog.CROWD_LIMITS)),
            *_section("Limits of a soak", _with_units(catalog.SOAK_LIMITS)),
            *_section("Compared between two versions", _figures()),
            *_section("Compared where many listen", _load_figures()),
            *_guards(),
        ]
    )


def _section(title: str, entries: Iterator[str]) -> Iterator[str]:
    yield f"## {title}\n"
    yield from entries


def _metrics() -> Iterator[str]:
    for name, metric in definitions.METRICS.items():
        what = metric.doc
        if name in DEFINITIONS:
            what += (
                f" (definition {DEFINITIONS[name]}: figures of an older one are never compared "
                "with it)"
            )
        if metric.arguments == definitions.QUALITY:
            what += "; measured where `@quality` or `@seams` limits it"
        yield _entry(name, catalog.METRICS[name], what=what, unit=metric.unit)


def _memory() -> Iterator[str]:
    for name in memory_figures():
        paragraph = catalog.MEMORY[name]
        yield _entry(name, paragraph, unit=paragraph.unit or MEMORY_UNIT)


def memory_figures() -> list[str]:
    """The figures of a cell's memory."""
    names = []
    for name in Memory.__struct_fields__:
        if name == SLOPE:
            names.append(LEAK)
        elif name not in REASONS:
            names.append(name)
    return names


def _with_units(paragraphs: Mapping[str, Paragraph]) -> Iterator[str]:
    """Figures that no table has."""
    for name, paragraph in paragraphs.items():
        yield _entry(name, paragraph, unit=paragraph.unit)


def _load() -> Iterator[str]:
    for name, unit in load.FIGURES.items():
        yield _entry(name, catalog.LOAD[name], unit=unit)


def _figures() -> Iterator[str]:
    for name, figure in compared.ALL.items():
        what = (
            f"shown as *{figure.label}*, of `{figure.metric}`; {_when_compared(name)}; the "
            f"smallest change that counts is {_margin(figure)}"
        )
        yield _entry(name, catalog.FIGURES[name], what=what)


def _when_compared(name: str) -> str:
    if name in compared.DEFAULT:
        return "always compared"
    if name in compared.GATED_FROM_S:
        from_s = compared.GATED_FROM_S[name]
        return (
            "always shown where versions are compared, and judged in a budget of "
            f"{from_s:.0f} s or more that holds {compared.GATED_FROM_TEXTS} texts of each process, "
            "or where it is named"
        )
    if name in compared.WORK:
        return "always compared between two versions of one target"
    return "compared where it is named"


def _load_figures() -> Iterator[str]:
    for name, figure in load_figures.FIGURES.items():
        when = "always compared"
        if figure.is_work:
            when = "always compared between two versions of one target"
        what = (
            f"shown as *{figure.label}*, of `{figure.metric}`; {when}; the smallest change that "
            f"counts is {_margin(figure)}"
        )
        yield _entry(name, catalog.LOAD_FIGURES[name], what=what)


def _margin(figure: compared.MetricDefault | LoadFigure) -> str:
    if figure.is_share:
        return f"{figure.margin * 100:g} %"
    return f"{figure.margin:g} {figure.unit}".strip()


def _guards() -> Iterator[str]:
    yield "## Guards\n"
    yield _fill(
        "Reasons not to believe a measurement. Each holds a physical or logical bound; a cell that "
        "leaves it is INVALID, or has a note beside its verdicts."
    )
    yield "| guard | what it holds |"
    yield "|---|---|"
    for guard in validity.GUARDS:
        word, bound = catalog.GUARDS[guard.__name__]
        yield f"| `{word}` | {bound} |"
    for word, bound in catalog.LOAD_GUARDS:
        yield f"| `{word}`, of many listeners | {bound} |"
    yield ""


def _entry(name: str, paragraph: Paragraph, *, what: str = "", unit: str | None = None) -> str:
    """A heading and a paragraph; `unit` is None where a figure is a comparison."""
    sentences = []
    if what:
        sentences.append(f"{what[0].upper()}{what[1:]}.")
    sentences.append(f"**Formula:** {paragraph.formula}.")
    if unit is not None:
        sentences.append(f"**Unit:** {unit or 'none'}.")
    sentences.append(f"**Source:** {paragraph.source}.")
    sentences.append(f"**Cannot see:** {paragraph.blind_spot}.")
    return f"### `{name}`\n\n{_fill(' '.join(sentences))}"


def _fill(text: str) -> str:
    text = ADR.sub(_link_adr, text)
    lines = textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)
    return f"{lines}\n"


def _link_adr(found: re.Match[str]) -> str:
    """A link to the decision of that number. FileNotFoundError where there is none."""
    pages = sorted((PAGE.parent / "adr").glob(f"{int(found[1]):04d}-*.md"))
    if not pages:
        raise FileNotFoundError(f"found no page for {found[0]} in docs/adr, wanted one")
    return f"[{found[0]}](adr/{pages[0].name})"


def main() -> int:
    """Write the page, or print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--print", action="store_true", help="print it, and write nothing")
    if parser.parse_args().print:
        print(build_page(), end="")
    else:
        PAGE.write_text(build_page(), "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

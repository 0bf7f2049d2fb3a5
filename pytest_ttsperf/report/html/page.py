"""`report.html` of a run: the templates filled with the page model and with its charts.

One file without any request: style, scripts, sound and data stand in it, and its content security
policy forbids the rest, scripts other than its own included. Text is escaped by Jinja2; what a
test, an engine or a text has in its name is never markup.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import NamedTuple, TypeVar
from urllib.parse import quote

import jinja2

from pytest_ttsperf.records import Outcome
from pytest_ttsperf.report.html import (
    charts,
    courses,
    intervals,
    packing,
    paths,
    scales,
    sounds,
    time_axis,
)
from pytest_ttsperf.report.html.charts import EcdfChart, StripChart
from pytest_ttsperf.report.html.courses import CapacityChart, CourseChart
from pytest_ttsperf.report.html.intervals import IntervalChart
from pytest_ttsperf.report.html.sounds import EmbeddedSound, SoundShelf
from pytest_ttsperf.report.html.time_axis import PlayedPiece, TimeAxis
from pytest_ttsperf.report.page_model import CellPage, Distribution, PageModel, Timeline

PACKAGE = "pytest_ttsperf.report.html"
ASSETS = "assets"
MOST_PLAIN_BYTES = 240_000
"""Of cells that stand in the page as they are, worst first; those beyond are unpacked when they are
opened. The first one is never packed."""
MOST_OPEN = 3
"""Cells that are open at once, of those that fail."""
FEWEST_ALIKE = 2
SMALLEST_PERCENT = 0.1
WORST = (Outcome.INVALID, Outcome.FAIL)
PLAYED_ROLES = ("failing", "median")
"""Trials whose sound stands in the page."""
NOT_PLAYED = "a page has the sound of failing and of median trials alone"
UNJUDGED = "none"
"""The outcome of a cell without verdicts, as attributes have it."""

Chart = TypeVar("Chart")


class RawTable(NamedTuple):
    """Each counted trial of a cell with what its charts are drawn of."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class CellBody(NamedTuple):
    """What is below the heading of a cell: HTML, or the same packed."""

    html: str | None = None
    packed: str | None = None


@dataclass(frozen=True, slots=True)
class CellView:
    """A cell with its charts; parts that it does not have are None or empty."""

    page: CellPage
    is_open: bool
    words: str
    """What the filter looks in: lower case."""
    axis: TimeAxis | None
    constants: tuple[str, ...]
    """Sentences on metrics that are the same in all trials."""
    strips: tuple[StripChart, ...]
    ecdfs: tuple[EcdfChart, ...]
    memory: CourseChart | None
    changes: tuple[IntervalChart | None, ...]
    """One for each row of `page.changes`."""
    stage_changes: tuple[IntervalChart, ...]
    windows: CourseChart | None
    capacity: CapacityChart | None
    soak: tuple[CourseChart, ...]
    raw: RawTable | None


def render(model: PageModel, *, most_sound_bytes: int = sounds.MOST_BYTES) -> str:
    """The whole page.

    Sound is read from the files that the model names. One that cannot be read is named as missing
    on the page.
    """
    environment = new_environment()
    shelf = SoundShelf(most_sound_bytes)
    cells = [
        _cell_view(page, shelf, is_open=_is_open(page, place))
        for place, page in enumerate(model.cells)
    ]
    scripts = (_read_asset("uPlot.iife.min.js"), _read_asset("page.js"))
    packer = packing.Packer(_sample(environment, cells))
    template = environment.get_template("page.html")
    return template.render(
        model=model,
        cells=list(zip(cells, _bodies(environment, cells, packer), strict=True)),
        packer=packer,
        outcomes=count_outcomes(model.cells),
        styles=[_read_asset(name) for name in ("uPlot.min.css", "page.css")],
        scripts=scripts,
        policy=content_policy(scripts),
        licence=_read_asset("uPlot.LICENSE.txt"),
    )


def new_environment() -> jinja2.Environment:
    """The templates of the package: all is escaped, and a name that is not there is an error."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(PACKAGE, "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["place"] = paths.number
    environment.filters["percent"] = _percent
    environment.filters["share"] = share_text
    environment.filters["address"] = quote
    environment.filters["outcome"] = outcome_name
    environment.filters["pieces"] = pieces_json
    environment.filters["figure"] = charts.figure
    return environment


def content_policy(scripts: Iterable[str]) -> str:
    """Nothing is fetched from anywhere, and no other script runs than these."""
    digests = [hashlib.sha256(script.encode()).digest() for script in scripts]
    hashes = [f"'sha256-{base64.b64encode(digest).decode('ascii')}'" for digest in digests]
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(hashes)}",
            "style-src 'unsafe-inline'",
            "img-src data:",
            "media-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def outcome_name(outcome: Outcome | None) -> str:
    """`FAIL`, or `none` for what was not judged."""
    return UNJUDGED if outcome is None else outcome.value


def count_outcomes(cells: Iterable[CellPage]) -> tuple[tuple[str, int], ...]:
    """How many cells each outcome has, worst first; those that no cell has are left out."""
    names = [outcome_name(cell.outcome) for cell in cells]
    order = [*(outcome.value for outcome in Outcome), UNJUDGED]
    return tuple((name, names.count(name)) for name in order if name in names)


def pieces_json(pieces: Sequence[PlayedPiece]) -> str:
    """`[[at, audio, length], ...]` in ms, for the script that plays them."""
    rows = []
    for piece in pieces:
        rows.append([round(number, 1) for number in piece])
    return json.dumps(rows, separators=(",", ":"))


def _percent(value: float) -> str:
    return f"{paths.number(value, 2)}%"


def share_text(share: float) -> str:
    """`99.8 %`, `12 %`: what is neither all nor nothing does not look like it."""
    percent = 100 * share
    if 0 < percent < SMALLEST_PERCENT:
        return f"< {SMALLEST_PERCENT} %"
    if 0 < percent < 1 or 99 < percent < 100:
        return f"{percent:.1f} %"
    return f"{percent:.0f} %"


def _read_asset(name: str) -> str:
    return resources.files(PACKAGE).joinpath(ASSETS, name).read_text("utf-8")


# Cells


def _is_open(page: CellPage, place: int) -> bool:
    """The first one, and further ones that fail: a failure is seen without a click."""
    return place == 0 or (place < MOST_OPEN and page.outcome in WORST)


def _sample(environment: jinja2.Environment, cells: Sequence[CellView]) -> str:
    """What cells have in common, by the last one: it has the least to say of its own."""
    if len(cells) < FEWEST_ALIKE:
        return ""
    return _cell_html(environment, cells[-1], packing.Packer(), is_packed=True)


def _bodies(
    environment: jinja2.Environment, cells: Sequence[CellView], packer: packing.Packer
) -> list[CellBody]:
    """What is below the heading of each cell; from the first that there is no room for, packed."""
    bodies: list[CellBody] = []
    left_bytes = MOST_PLAIN_BYTES
    for cell in cells:
        is_first = not bodies
        if is_first or left_bytes > 0:
            html = _cell_html(environment, cell, packer, is_packed=False)
            left_bytes -= len(html)
            if is_first or left_bytes >= 0:
                bodies.append(CellBody(html=html))
                continue
        html = _cell_html(environment, cell, packer, is_packed=True)
        bodies.append(CellBody(packed=packer.pack(html)))
    return bodies


def _cell_html(
    environment: jinja2.Environment,
    cell: CellView,
    packer: packing.Packer,
    *,
    is_packed: bool,
) -> str:
    """A cell below its heading. Its table of trials is packed by itself, unless all of it is."""
    packed_table = None
    if cell.raw is not None and not is_packed:
        table = environment.get_template("raw.html").render(raw=cell.raw)
        packed_table = packer.pack(table)
    template = environment.get_template("cell.html")
    return template.render(cell=cell, packed_table=packed_table)


def _cell_view(page: CellPage, shelf: SoundShelf, *, is_open: bool) -> CellView:
    changes = page.changes
    constant = [each for each in page.distributions if charts.is_constant(each)]
    varied = [each for each in page.distributions if not charts.is_constant(each)]
    return CellView(
        page=page,
        is_open=is_open,
        words=_words(page),
        axis=_axis(page, shelf),
        constants=tuple(charts.describe_constant(each) for each in constant),
        strips=_drawn(charts.draw_strip(each) for each in varied),
        ecdfs=_drawn(charts.draw_ecdf(each) for each in varied if _has_ecdf(each)),
        memory=courses.draw_memory(page.memory) if page.memory else None,
        changes=intervals.draw_changes(changes.rows) if changes else (),
        stage_changes=intervals.draw_stages(changes.stages) if changes else (),
        windows=courses.draw_windows(page.load) if page.load else None,
        capacity=courses.draw_capacity(page.capacity) if page.capacity else None,
        soak=courses.draw_soak(page.soak) if page.soak else (),
        raw=raw_table(page.distributions),
    )


def _drawn(found: Iterable[Chart | None]) -> tuple[Chart, ...]:
    return tuple(chart for chart in found if chart is not None)


def _has_ecdf(distribution: Distribution) -> bool:
    """Whether two versions are to be compared, or the test limits the metric."""
    return bool(distribution.baseline) or distribution.limit is not None


def _words(page: CellPage) -> str:
    parts = (
        page.label, page.test, page.target, page.provider, page.voice, page.preset, page.mode,
        page.phase, page.load_label or "", page.headline,
    )  # fmt: skip
    return " ".join(parts).lower()


def _axis(page: CellPage, shelf: SoundShelf) -> TimeAxis | None:
    taken = [_sound(timeline, shelf) for timeline in page.timelines]
    return time_axis.draw_axis(page.timelines, taken, ttfa_limit_ms(page))


def ttfa_limit_ms(page: CellPage) -> float | None:
    """The limit of the test on what a timeline shows as the first sound heard."""
    for distribution in page.distributions:
        if distribution.metric == "ttfa_ms" and distribution.limit is not None:
            return distribution.limit
    return None


def _sound(timeline: Timeline, shelf: SoundShelf) -> EmbeddedSound:
    if timeline.role not in PLAYED_ROLES:
        return EmbeddedSound(missing_because=NOT_PLAYED)
    return shelf.take(timeline.sound_file, timeline.no_sound_because)


def raw_table(distributions: Sequence[Distribution]) -> RawTable | None:
    """A row for each trial that has any figure, by its index; None without any."""
    processes: dict[int, int] = {}
    columns: list[dict[int, float]] = []
    for distribution in distributions:
        of_trials = zip(distribution.trials, distribution.values, strict=True)
        columns.append(dict(of_trials))
        processes.update(zip(distribution.trials, distribution.processes, strict=True))
    if not processes:
        return None
    rows = []
    for trial in sorted(processes):
        figures = [_raw_figure(column.get(trial)) for column in columns]
        rows.append((str(trial), str(processes[trial]), *figures))
    labels = [_heading(distribution) for distribution in distributions]
    return RawTable(("trial", "process", *labels), tuple(rows))


def _heading(distribution: Distribution) -> str:
    if not distribution.unit:
        return distribution.label
    return f"{distribution.label}, {distribution.unit}"


def _raw_figure(value: float | None) -> str:
    """A figure as it was measured, in five digits; `-` for what was not."""
    if value is None or not math.isfinite(value):
        return "-"
    return scales.tick_text(float(f"{value:.5g}"))

"""The whole page: nothing from elsewhere, nothing unescaped, nothing too large."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("jinja2", reason="the page needs pytest-ttsperf[report]")

from pytest_ttsperf.records import Outcome
from pytest_ttsperf.report.html import packing, page
from pytest_ttsperf.report.page_model import CellPage, PageModel
from tests.unit.report.html import factories
from tests.unit.report.html.test_sounds import tone, write_wav

VOID = {"br", "hr", "img", "input", "link", "meta"}
"""Elements that HTML never closes; of SVG the paths close themselves."""
HOSTILE = '</script><img src=x onerror="alert(1)">\'{{ 7 * 7 }}<b>'


class Elements(HTMLParser):
    """Every element of a page with its attributes, and whether each was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.unclosed: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.unclosed.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.unclosed or self.unclosed.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def with_class(self, tag: str, name: str) -> list[dict[str, str | None]]:
        return [
            attributes
            for found, attributes in self.found
            if found == tag and name in (attributes.get("class") or "").split()
        ]

    def with_part(self, part: str) -> list[dict[str, str | None]]:
        return [attributes for _, attributes in self.found if attributes.get("data-part") == part]


def parse(html: str) -> Elements:
    elements = Elements()
    elements.feed(html)
    elements.close()
    return elements


def full_model() -> PageModel:
    return factories.model(factories.full_cell())


def bodies_of(html: str) -> list[str]:
    """The packed parts of a page, as the browser sees them."""
    packed = re.findall(r'data-packed="([^"]+)"', html)
    [beginning] = re.findall(r'data-beginning="([^"]+)"', html)
    [sample_bytes] = re.findall(r'data-bytes="([^"]+)"', html)
    return [packing.unpack(each, beginning, int(sample_bytes)) for each in packed]


@pytest.mark.parametrize(
    "model",
    [
        factories.model(),
        factories.model(factories.cell()),
        factories.model(factories.full_cell()),
        factories.model(*(factories.full_cell(f"cell-{number}") for number in range(40))),
    ],
    ids=["nothing", "bare", "full", "many"],
)
def test_every_page_is_well_formed(model: PageModel) -> None:
    html = page.render(model)
    for part in (html, *bodies_of(html)):
        elements = parse(part)
        assert elements.wrong == []
        assert elements.unclosed == []


def test_ids_are_unique_and_labels_lead_to_them() -> None:
    model = factories.model(factories.full_cell("cell-1"), factories.cell("cell-2"))
    elements = parse(page.render(model))
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(set(ids)) == len(ids)
    targets = [attributes["for"] for _, attributes in elements.found if "for" in attributes]
    assert set(targets) <= set(ids)


# Nothing from elsewhere


def test_no_element_asks_for_anything() -> None:
    elements = parse(page.render(full_model()))
    for tag, attributes in elements.found:
        for name in ("src", "href", "xlink:href", "action", "poster", "srcset"):
            address = attributes.get(name) or ""
            is_inside = address.startswith(("data:", "#"))
            is_artifact = attributes.get("data-part") == "artifact"
            assert not address or is_inside or is_artifact, (tag, address)
        assert tag not in ("iframe", "object", "embed", "base")


def test_styles_ask_for_nothing() -> None:
    for name in ("page.css", "uPlot.min.css"):
        style = page._read_asset(name)
        assert "url(" not in style
        assert "@import" not in style


def test_the_policy_allows_these_scripts_and_no_others() -> None:
    html = page.render(full_model())
    elements = parse(html)
    [policy] = [
        attributes["content"] or ""
        for tag, attributes in elements.found
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert len(scripts) == 2
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]


def test_the_licence_of_uplot_stands_in_the_page() -> None:
    html = page.render(full_model())
    assert html.count("Copyright (c) 2022 Leon Sorokin") == 1
    assert html.count("var uPlot=") == 1


# Nothing unescaped


def hostile_model() -> PageModel:
    """Whatever comes from a test, an engine or a text is markup."""
    row = factories.metric_row(HOSTILE, reason=HOSTILE, spread_text=HOSTILE)
    drawn = factories.timeline(
        caption=HOSTILE, text=HOSTILE, no_sound_because=HOSTILE, stages=((HOSTILE, 0.0, 5.0),)
    )
    labels = factories.distribution(label=HOSTILE)
    bad = factories.full_cell(
        label=HOSTILE, test=HOSTILE, target=HOSTILE, voice=HOSTILE, headline=HOSTILE,
        notes=(HOSTILE,), rows=(row,), timelines=(drawn,), distributions=(labels,),
        changes=factories.changes(factories.change_row(HOSTILE)),
    )  # fmt: skip
    return factories.model(
        bad, summary=(HOSTILE,) * 3, disturbances=(HOSTILE,), again=HOSTILE, run_id=HOSTILE,
        counts=HOSTILE, artifact="javascript:alert(1)//" + HOSTILE,
    )  # fmt: skip


def test_names_are_never_markup() -> None:
    html = page.render(hostile_model())
    for part in (html, *bodies_of(html)):
        elements = parse(part)
        tags = {tag for tag, _ in elements.found}
        assert "img" not in tags
        for _, attributes in elements.found:
            assert not [name for name in attributes if name.startswith("on")]
        assert elements.wrong == []
    texts = "".join(parse(html).texts)
    assert HOSTILE in texts, "it is shown as it is, the template in it not filled in"


def test_an_artifact_is_never_a_script() -> None:
    [link] = parse(page.render(hostile_model())).with_part("artifact")
    assert (link["href"] or "").startswith("javascript%3Aalert")


def test_a_bold_mark_is_the_only_b_of_a_page() -> None:
    """So that a name with <b> in it would be seen by the test above."""
    html = page.render(hostile_model())
    marks = html.count('<span class="mark')
    assert html.count("<b>") == marks


# What is seen first


def test_the_worst_cell_is_open_and_passing_ones_below_it_are_not() -> None:
    good = factories.cell("cell-2", outcome=Outcome.PASS)
    html = page.render(factories.model(factories.full_cell(), good))
    found = [attributes for tag, attributes in parse(html).found if tag == "details"]
    opened = ["open" in attributes for attributes in found]
    assert opened[0]
    assert not any(opened[1:])


def test_further_failures_are_open_but_not_all_of_them() -> None:
    cells = [factories.cell(f"cell-{number}") for number in range(6)]
    found = parse(page.render(factories.model(*cells))).found
    opened = ["open" in attributes for tag, attributes in found if tag == "details"]
    assert sum(opened) == page.MOST_OPEN


def test_verdict_time_axis_and_causes_come_before_the_tables() -> None:
    html = page.render(full_model())
    order = [
        html.index('id="verdict"'),
        html.index('id="summary"'),
        html.index("<figure"),
        html.index('class="cause"'),
        html.index('class="metrics"'),
    ]
    assert order == sorted(order)
    assert html[order[2] :].startswith('<figure class="timeline"')


def test_the_old_version_stands_above_the_new_one() -> None:
    html = page.render(full_model())
    arms = re.findall(r'<figure class="timeline" data-arm="(\w+)"', html)
    assert arms == ["baseline", "candidate"]


def test_a_cell_has_a_figure_for_each_part_that_it_has() -> None:
    full = parse(page.render(full_model()))
    for name in ("timeline", "strip", "ecdf", "memory", "differences", "capacity", "windows"):
        assert full.with_class("figure", name), name
    bare = parse(page.render(factories.model(factories.cell())))
    assert [tag for tag, _ in bare.found if tag == "figure"] == []


def test_the_ends_of_a_difference_say_in_words_what_they_are() -> None:
    html = page.render(full_model())
    ends = re.findall(r'<div class="ends"><span>([^<]*)</span><span>([^<]*)</span>', html)
    assert ends == [
        ("faster (-23.8 %)", "slower (+23.8 %)"),
        ("shorter (-48.6 ms)", "longer (+48.6 ms)"),
    ]


def test_a_level_of_a_capacity_has_a_verdict() -> None:
    html = page.render(full_model())
    table = html.partition('aria-label="Levels of ')[2].partition("</table>")[0]
    headings = re.findall(r'<th scope="col"[^>]*>([^<]*)</th>', table)
    assert headings == ["listeners", "good windows", "verdict", "missed"]


def test_each_drawing_is_said_in_words() -> None:
    elements = parse(page.render(full_model()))
    drawings = [attributes for tag, attributes in elements.found if tag == "svg"]
    assert len(drawings) > 10
    for attributes in drawings:
        assert attributes["role"] == "img"
        assert attributes["aria-label"]


def test_what_scrolls_can_be_reached_by_keyboard_and_has_a_name() -> None:
    for attributes in parse(page.render(full_model())).with_class("div", "scroll"):
        assert attributes["tabindex"] == "0"
        assert attributes["role"] == "group"
        assert attributes["aria-label"]


def test_outcomes_can_be_filtered_by() -> None:
    cells = [
        factories.cell("a"),
        factories.cell("b", outcome=Outcome.PASS),
        factories.cell("c", outcome=Outcome.PASS),
        factories.cell("d", outcome=None),
    ]
    elements = parse(page.render(factories.model(*cells)))
    names = [
        attributes["data-filter-outcome"]
        for _, attributes in elements.found
        if "data-filter-outcome" in attributes
    ]
    assert names == ["FAIL", "PASS", "none"], "those that there are, worst first"
    articles = elements.with_class("article", "cell")
    assert [attributes["data-outcome"] for attributes in articles] == [
        "FAIL", "PASS", "PASS", "none",
    ]  # fmt: skip


def test_the_filter_finds_a_cell_by_all_of_its_names() -> None:
    named = factories.cell(voice="Heart", provider="CoreML", load_label="8 listeners")
    words = page._words(named)
    assert words == words.lower()
    for word in ("heart", "coreml", "8 listeners", "test_reply"):
        assert word in words


# Sound


def sounding_cell(folder: Path, anchor: str = "cell-1", seconds: float = 3.0) -> CellPage:
    """A failing and a median trial whose sound was saved."""
    path = write_wav(folder / "trial_0017.wav", tone(seconds))
    failing = factories.timeline(sound_file=path, no_sound_because=None)
    usual = replace(failing, role="median", trial=3)
    return factories.full_cell(anchor, timelines=(failing, usual))


def test_sound_is_played_from_the_page_and_moves_along_the_axis(tmp_path: Path) -> None:
    pytest.importorskip("av")
    elements = parse(page.render(factories.model(sounding_cell(tmp_path))))
    sources = [attributes["src"] or "" for tag, attributes in elements.found if tag == "audio"]
    assert len(sources) == 2
    assert all(source.startswith("data:audio/ogg") for source in sources)
    assert len(elements.with_part("play")) == len(elements.with_part("cursor")) == 2
    figures = elements.with_class("figure", "timeline")
    assert json.loads(figures[0]["data-pieces"] or "") == [[100, 0, 400], [700, 400, 400]]
    assert elements.with_part("waveform")


def test_without_sound_the_page_says_why() -> None:
    elements = parse(page.render(full_model()))
    assert elements.with_part("play") == []
    assert len(elements.with_part("no-sound")) == 2
    assert "its sound was not saved" in "".join(elements.texts)


def test_the_slowest_of_good_trials_is_not_played(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", tone(1.0))
    slowest = factories.timeline(sound_file=path, role="slowest")
    elements = parse(page.render(factories.model(factories.full_cell(timelines=(slowest,)))))
    assert elements.with_part("play") == []


# Raw trials


def test_raw_trials_are_one_click_away() -> None:
    [body] = bodies_of(page.render(full_model()))
    elements = parse(body)
    assert len([tag for tag, _ in elements.found if tag == "tr"]) == 4
    assert "ttfa, ms" in elements.texts


def test_a_trial_that_lacks_a_figure_has_none_in_the_table() -> None:
    first = factories.distribution((1.0, 2.0))
    second = factories.distribution((5.0,), label="rtf", unit="", trials=(1,), processes=(0,))
    table = page.raw_table((first, second))
    assert table is not None
    assert table.headings == ("trial", "process", "ttfa, ms", "rtf")
    assert table.rows == (("0", "0", "1", "-"), ("1", "0", "2", "5"))


def test_without_trials_there_is_no_table() -> None:
    assert page.raw_table(()) is None


def test_what_there_is_no_room_for_is_packed_but_for_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(page, "MOST_PLAIN_BYTES", 1)
    html = page.render(factories.model(factories.full_cell("a"), factories.full_cell("b")))
    bodies = parse(html).with_class("div", "body")
    assert ["data-packed" in attributes for attributes in bodies] == [False, True]
    [packed] = [body for body in bodies_of(html) if 'class="metrics"' in body]
    assert "data-packed" not in packed, "nothing is packed twice"


# Texts


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (0.0004, "< 0.1 %"),
        (0.004, "0.4 %"),
        (0.12, "12 %"),
        (0.9984, "99.8 %"),
        (1.0, "100 %"),
    ],
)
def test_a_share_is_neither_all_nor_nothing_unless_it_is(share: float, text: str) -> None:
    assert page.share_text(share) == text


def test_a_metric_that_is_the_same_in_all_trials_is_a_sentence_and_no_chart() -> None:
    same = factories.distribution((0.0, 0.0), label="underruns", unit="", limit=0.0)
    html = page.render(factories.model(factories.cell(distributions=(same,))))
    elements = parse(html)
    assert "underruns: 0 in each of 2 trials, limit 0" in elements.texts
    assert elements.with_class("figure", "strip") == []
    assert elements.with_class("figure", "ecdf") == []


@pytest.mark.parametrize("has_row", [False, True])
def test_why_nothing_was_compared_is_said_once(has_row: bool) -> None:
    reason = "180 s hold 1 block"
    section = replace(factories.changes(), is_compared=False, reason=reason)
    row = factories.metric_row("against main", reason=reason if has_row else "")
    html = page.render(factories.model(factories.cell(changes=section, rows=(row,))))
    assert html.count(reason) == 1


@pytest.mark.parametrize(("count", "is_folded"), [(1, False), (2, True), (40, True)])
def test_many_disturbances_do_not_push_the_cells_away(count: int, is_folded: bool) -> None:
    lines = tuple(f"cell {number}: others kept a core busy" for number in range(count))
    html = page.render(factories.model(factories.cell(), disturbances=lines))
    assert all(line in html for line in lines)
    assert (f"{count} disturbances put figures in doubt" in html) == is_folded


# Sizes


def typical_cell(number: int) -> CellPage:
    """Sixty trials of a streaming engine with stages, memory and two limited metrics."""
    spread = np.random.default_rng(number)
    ttfas = tuple((30 + 5 * spread.random(60)).tolist())
    rtfs = tuple((0.2 + 0.05 * spread.random(60)).tolist())
    chunks = [(8.0 + 3 * chunk, 600.0) for chunk in range(8)]
    stages = [("text", 0.0, 0.1), ("encode", 0.2, 2.0)]
    for chunk in range(8):
        stages += [("decode", 2.0 + 3 * chunk, 4.0 + 3 * chunk)]
        stages += [("vocode", 4.0 + 3 * chunk, 5.0 + 3 * chunk)]
    drawn = factories.timeline(chunks, holes=(), stages=stages, end_ms=4800.0, role="median")
    more: dict[str, Any] = {
        "distributions": (
            factories.distribution(ttfas, limit=500.0),
            factories.distribution(rtfs, metric="rtf", label="rtf", unit="", limit=0.6),
        ),
        "memory": factories.memory((400 + 3 * spread.random(60)).tolist()),
        "timelines": (drawn,),
        "outcome": Outcome.PASS,
        "changes": None,
        "load": None,
        "capacity": None,
        "soak": None,
    }
    return factories.full_cell(f"cell-{number}", **more)


def test_two_hundred_cells_fit_into_a_megabyte_and_a_half() -> None:
    html = page.render(factories.model(*(typical_cell(number) for number in range(200))))
    assert len(html.encode()) <= 1_500_000
    assert html.count('class="body" data-packed=') > 150


def test_a_failing_page_with_sound_fits_into_400_kb(tmp_path: Path) -> None:
    pytest.importorskip("av")
    cells = [sounding_cell(tmp_path, seconds=6.0)]
    cells += [typical_cell(number) for number in range(2, 10)]
    html = page.render(factories.model(*cells))
    assert len(html.encode()) <= 400_000
    assert "<audio" in html


def test_sound_never_makes_a_page_larger_than_it_may(tmp_path: Path) -> None:
    """Ten cells with half a minute of noise each."""
    pytest.importorskip("av")
    noise = np.random.default_rng(1).integers(-9000, 9000, 30 * 24_000).astype("<i2")
    path = write_wav(tmp_path / "noise.wav", noise)
    drawn = factories.timeline(sound_file=path)
    cells = [factories.full_cell(f"cell-{number}", timelines=(drawn,)) for number in range(10)]
    html = page.render(factories.model(*cells), most_sound_bytes=150_000)
    audio = sum(map(len, re.findall(r'<audio[^>]* src="([^"]+)"', html)))
    assert 0 < audio <= 150_000
    assert "left out, as a page has 150 kB of it at most" in html

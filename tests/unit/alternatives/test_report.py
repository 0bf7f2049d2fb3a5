"""The report as text: the first line, the table of placements, the figures."""

from __future__ import annotations

from msgspec import structs

from pytest_ttsperf.alternatives import report as pages
from pytest_ttsperf.records import Alternative
from tests.unit.alternatives.factories import IDLE, OTHER, REFERENCE, figure, pair, report

WARM = pair(figure("ttfa p50", "worse", 0.9), figure("speech"), notes=("one note",))


def test_zero_nodes_are_the_first_line() -> None:
    first, *_ = pages.text(report(WARM, alternatives=(REFERENCE, OTHER, IDLE))).splitlines()
    assert first.startswith("0 nodes ran on nxrt-ep-cpu")


def test_the_recommendation_comes_before_the_figures() -> None:
    lines = pages.text(report(WARM)).splitlines()
    assert lines[0] == "providers of engine:Engine, text short, each against cpu"
    assert lines[1] == "  cpu: 1.9 times faster warm; openvino gives nothing here"


def test_the_table_has_nodes_share_pieces_and_what_is_left_to_the_cpu() -> None:
    lines = pages.text(report(WARM)).splitlines()
    (cpu,) = [line for line in lines if line.startswith("  cpu  ")]
    (openvino,) = [line for line in lines if line.startswith("  openvino  ")]
    assert cpu.split() == ["cpu", "505", "of", "505", "100", "%", "-", "-", "1.3", "s", "96", "MB"]
    for part in ("812 of 838", "96.9 %", "38", "MatMul 20, Gather 3, Shape 2, 1 more"):
        assert part in openvino


def test_what_was_not_measured_is_a_dash_and_never_a_zero() -> None:
    silent = Alternative(name="x", error="it does not open")
    text = pages.text(report(alternatives=(REFERENCE, silent)))
    assert "  x does not open: it does not open" in text.splitlines()
    (row,) = [line for line in text.splitlines() if line.startswith("  x    ")]
    assert row.split() == ["x", *["-"] * 6]
    assert "nothing was there to be compared" in text


def test_figures_stand_with_ratio_change_and_interval() -> None:
    lines = pages.text(report(WARM)).splitlines()
    assert "openvino against cpu, warm: 6 blocks in 60 s" in lines
    (row,) = [line for line in lines if line.startswith("  ttfa p50")]
    assert " ".join(row.split()) == "ttfa p50 1.9 times +90 % (+89 to +91) worse"
    assert "  the same: speech" in lines
    assert "  note: one note" in lines
    assert "one report in twenty" in lines[-1]


def test_work_that_differs_stands_by_itself() -> None:
    other = pair(figure("ttfa p50"), figure("speech", "worse", -0.4, reason="40 % less is said"))
    assert "  speech: 40 % less is said" in pages.text(report(other)).splitlines()


def test_of_settings_only_what_is_proven_has_a_line() -> None:
    names = ("arena=true", "threads=2", "spinning=false")
    settings = tuple(Alternative(name=name) for name in ("default", *names, "x"))
    settings = (*settings[:-1], structs.replace(settings[-1], error="takes no x"))
    found = report(
        pair(figure("ttfa p50", "better", -0.12), figure("rtf p50"), alternative=names[0]),
        pair(figure("ttfa p50", "open", 0.3), alternative=names[1]),
        pair(alternative=names[2], reason="blocks take 60 s"),
        alternatives=settings,
        kind="setting",
    )
    lines = pages.text(found).splitlines()
    assert lines[1:5] == [
        "  arena=true: ttfa p50 -12 % (-13 to -11)",
        "  spinning=false was not compared: blocks take 60 s",
        "  nothing is proven of threads=2",
        "  x does not open: takes no x",
    ]

"""What `init` and `suggest` print."""

from __future__ import annotations

from pytest_ttsperf.init import report
from pytest_ttsperf.init.candidates import FoundTargets, Proposal
from pytest_ttsperf.records import TargetSpec
from pytest_ttsperf.records.commands import FileOfInit, SuggestedMarks, Suggestion
from tests.unit.init.factories import measured


def candidate(spec, reason="it was named"):
    return Proposal(TargetSpec(spec=spec), reason)


def test_what_was_found_besides_is_named_with_its_command():
    alone = report.found_text(FoundTargets(candidate("a:A")))
    assert alone == "Measuring a:A: it was named."
    text = report.found_text(FoundTargets(candidate("a:A"), (candidate("b:B", "B has stream"),)))
    assert "  ttsperf init b:B    (B has stream)" in text.splitlines()


def test_each_file_says_what_became_of_it():
    files = [
        FileOfInit(path="test_x.py", body="body", is_written=True),
        FileOfInit(path="pytest.ini", body="[pytest]\n\nx = 1\n", is_written=False, remark="add"),
    ]
    lines = report.written_text(measured(), files, "pytest -m perf", "compare").splitlines()
    assert "wrote test_x.py" in lines
    at = lines.index("add:")
    assert lines[at + 1 : at + 4] == ["    [pytest]", "", "    x = 1"]
    assert "body" not in lines
    assert lines[-2:] == ["Next:             pytest -m perf", "For each change:  compare"]


def test_the_figures_are_shown():
    text = report.written_text(measured(), [], "x", "y")
    assert "  short text, warm: ttfa p95 50.0 ms, rtf p95 0.02, rss peak 200 MB (59 trials)" in text
    assert "cold start: ttfa p50 1000 ms" in text
    assert "Limits are 1.3 times that" in text
    assert "cold start" not in report.written_text(measured(cold=None), [], "x", "y")


def test_a_longer_comparison_is_explained():
    text = report.written_text(measured(budget_s=150), [], "x", "y")
    assert "A comparison gets 150 s for each test" in text
    assert "A comparison" not in report.written_text(measured(), [], "x", "y")


def test_marks_stand_below_what_they_rest_on():
    test = SuggestedMarks(
        test="test_x.py::test_y",
        marks=("@ttfa(p95_ms=65)",),
        measured=("ttfa p95 50 ms",),
        present=("ttfa p95 500 ms",),
        remarks=("no cadence",),
    )
    found = Suggestion(tests=(test,), runs=1, left_aside=("a: INVALID",))
    assert report.suggestion_text(found).splitlines()[:5] == [
        "test_x.py::test_y",
        "    measured: ttfa p95 50 ms",
        "    limited now: ttfa p95 500 ms",
        "    note: no cadence",
        "  @ttfa(p95_ms=65)",
    ]
    assert "Left aside:\n  a: INVALID" in report.suggestion_text(found)
    assert "nothing was edited" in report.suggestion_text(found)


def test_without_runs_it_says_how_to_make_one():
    text = report.suggestion_text(Suggestion(tests=(), runs=0))
    assert "pytest -m perf" in text


def test_sentences_are_folded_and_what_is_copied_is_not():
    body = "# a line of a file that is to be copied and is wider than the terminal\n"
    files = [FileOfInit(path="x.ini", body=body, is_written=False, remark="add these lines")]
    command = "python -m pytest -m perf --a-long-option=and-its-value"
    lines = report.written_text(measured(), files, command, "compare", width=40).splitlines()
    copied = [f"    {body.strip()}", f"Next:             {command}"]
    assert [line for line in lines if line in copied] == copied
    assert max(len(line) for line in lines if line not in copied) <= 40

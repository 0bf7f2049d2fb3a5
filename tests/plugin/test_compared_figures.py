"""Each figure that versions can be compared by is measured in blocks that were really spoken."""

from __future__ import annotations

from pytest_ttsperf.compare import metrics
from tests.plugin.conftest import Project
from tests.plugin.repository import commit_all, git

EARS = """

def listen(samples, rate):
    return "words that it has heard"
"""


def test_every_figure_of_warm_cells_gets_its_numbers(repository: Project) -> None:
    """A row that nothing fills would be INCONCLUSIVE for ever, whatever the budget."""
    engines = repository.path / "engines.py"
    engines.write_text(engines.read_text() + EARS)
    repository.pytester.makepyfile(
        test_it="""
        from pytest_ttsperf import quality, regression, trials

        @trials(5)
        @quality(max_wer=1.0, timbre_db=1.0, recognizer="engines:listen")
        @regression(rtf_p95="90%", heard_p50="90%", heard_p95="90%", cpu_p50="90%", gap_p50="90%",
                    underruns=5, memory="90%", ttfa_late="90%", rtf_late="90%")
        def test_x(perf): perf.stream("short")
        """
    )
    commit_all(repository, "all figures")
    git(repository, "commit", "-q", "--allow-empty", "-m", "nothing")
    repository.run("--ttsperf-against=HEAD~1")
    comparison = repository.cells()[0]["comparison"]
    assert comparison["reason"] is None
    labels = [gate["label"] for gate in comparison["gates"]]
    assert sorted(labels) == sorted(figure.label for figure in metrics.ALL.values())
    for label, change in zip(labels, comparison["changes"], strict=True):
        assert (change["left_out"], change["effect"] is None) == (0, False), label


def test_a_figure_that_cold_starts_have_none_of_is_an_error_at_collection(
    repository: Project,
) -> None:
    repository.pytester.makepyfile(
        test_it="""
        from pytest_ttsperf import regression

        @regression(underruns=1)
        def test_x(perf, cold_engine): perf.stream("short")

        @regression(ttfa="10%", rtf="10%")
        def test_y(perf, cold_engine): perf.stream("short")
        """
    )
    result = repository.run("--collect-only")
    result.stderr.fnmatch_lines(["*test_x*@regression(underruns=...) cannot be compared in cold *"])
    repository.run("--collect-only", "-k", "test_y").stderr.no_fnmatch_line("*test_y*cannot*")


def test_a_figure_of_a_crowd_is_an_error_in_cold_starts(repository: Project) -> None:
    repository.pytester.makepyfile(
        test_it="""
        from pytest_ttsperf import regression

        @regression(stalled="3%")
        def test_x(perf, cold_engine): perf.stream("short")
        """
    )
    result = repository.run("--collect-only")
    result.stderr.fnmatch_lines(["*test_x*@regression(stalled=...) cannot be compared in cold *"])

"""One liar for each trap, measured for real: none passes, and each is called by its name."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pytest_ttsperf.experiment import warm
from pytest_ttsperf.measure import memory, schedule
from tests.adversarial import liar_server, liars
from tests.plugin.conftest import INLINE, Project

pytestmark = pytest.mark.uncovered

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).relative_to(ROOT).as_posix()
QUIET_WINDOW_S = memory.QUIET_WINDOW_S
TOLD = "told"
"""The figures are true, and a note beside them says what they are figures of."""
LENIENT = "@trials(5)\n@ttfa(p50_ms=5000)"
EARLY = "@trials(5)\n@ttfa(p50_ms=30)"
FIRST_SAMPLE = "@trials(5)\n@ttfa(p50_ms=5000, onset='sample')"
FREE_TEXT = "The very same words again."


class Lie(NamedTuple):
    """A liar, how it is measured, and what must be said of it."""

    trap: str
    liar: str
    outcome: str
    subject: str
    words: str
    marks: str = LENIENT
    text: str = "short"
    arguments: tuple[str, ...] = ()
    bait: str | None = None
    """The metric by which it would be early; it is less than half of what is judged."""


CACHE = "a cache or precomputed audio answers"
FIRST = "a header or silence is sent before any work"
BURST = "a tiny burst, then nothing"
CLIENT_MEMORY = "memory of the client instead of the server"
ONE_GATE_LEFT = "all trials failed, and one gate is left"
NO_FILE = "what a gate needs is read from a file that is not there"
FEW_TRIALS = "p95 of three trials"
COLD_WARM = "cold mixed with warm"
POOLED = "lengths of text pooled into one percentile"
PROVIDER = "the provider asked for is not what ran"
ZEROS = "zeros as placeholders"
WORKS_ON = "work goes on into the next trial"
SIZES = "the header of a stream tells no size, or another"
READS = "reads of the client become chunks"
LENGTH = "speed changed, or text truncated"
SOUND = "the sound is silent or broken"
PADDING = "padding counts as speech"
WARM_UP = "a warm-up runs in the background"
THREADS = "threads left to chance"
UNMEASURED = "what was not measured is fine"
TWO_PLAYERS = "each limit uses another player"
LONGER = "a longer answer hides a slower engine"
BASELINE = "a baseline is averaged over broken answers"
TENANT = "something else runs on the machine"
TRAPS = (
    CACHE, FIRST, BURST, CLIENT_MEMORY, ONE_GATE_LEFT, NO_FILE, FEW_TRIALS, COLD_WARM, POOLED,
    PROVIDER, ZEROS, WORKS_ON, SIZES, READS, LENGTH, SOUND, PADDING, WARM_UP, THREADS, UNMEASURED,
    TWO_PLAYERS, LONGER, BASELINE, TENANT,
)  # fmt: skip
IN_WORKER = (ONE_GATE_LEFT, ZEROS, WORKS_ON, WARM_UP)
"""Their tricks are about processes; all others are measured inline, at half the cost."""

HELD_ELSEWHERE = {
    CACHE: [f"{HERE}::test_a_cache_that_outlives_its_process_is_found"],
    CLIENT_MEMORY: [
        f"{HERE}::test_a_port_whose_holder_does_no_work_has_no_memory",
        "tests/plugin/test_http.py::test_memory_that_cannot_be_told_is_null_with_the_reason",
        "tests/plugin/test_http.py::test_memory_is_the_servers",
    ],
    NO_FILE: [
        "tests/plugin/test_baselines.py::test_missing_baseline_is_inconclusive_with_the_reason",
        "tests/plugin/test_baselines.py::test_an_unreadable_baseline_fails_and_is_not_overwritten",
        "tests/unit/baseline/test_screening.py::test_baseline_without_runs_is_inconclusive",
    ],
    COLD_WARM: [f"{HERE}::test_a_process_that_loads_late_is_as_cold_as_one_that_loads_early"],
    POOLED: [f"{HERE}::test_each_length_of_text_is_judged_for_itself"],
    PROVIDER: ["tests/plugin/test_provider.py::test_an_unverified_provider_hides_no_failure"],
    ZEROS: ["tests/unit/metrics/test_validity.py::test_latency_that_cannot_be_is_invalid"],
    SIZES: ["tests/plugin/test_http.py::test_samples_are_those_of_the_payload"],
    READS: [
        "tests/plugin/test_http.py::test_writes_of_one_delivery_are_not_taken_for_chunks",
        "tests/unit/targets/server/test_adapter.py::"
        "test_each_sample_counts_with_the_read_that_completes_it",
    ],
    THREADS: ["tests/unit/metrics/test_validity.py::test_more_cores_than_threads_told"],
    LONGER: [
        "tests/plugin/test_same_work.py::"
        "test_a_version_that_says_another_length_fails_whatever_its_times",
        "tests/plugin/test_same_work.py::"
        "test_more_time_for_each_text_does_not_hide_behind_more_audio",
    ],
    BASELINE: ["tests/plugin/test_baselines.py::test_a_failing_run_is_not_saved_and_says_so"],
    TENANT: ["tests/plugin/test_machine_load.py::test_the_summary_tells_it_and_no_verdict_changes"],
}
"""Traps that no engine can spring by itself, or that a test of the plugin holds as well."""

LIES = [
    Lie(CACHE, "Cache", "INVALID", "cache", "nobody has spoken before", text=FREE_TEXT),
    Lie(CACHE, "Cache", TOLD, "cache", "a cache serves repeated texts"),
    Lie(CACHE, "Foresight", "INVALID", "cache", "nobody has spoken before"),
    Lie(CACHE, "Precomputed", "INVALID", "floor", "precomputed audio answered", text="medium"),
    Lie(FIRST, "EmptyFirst", "FAIL", "ttfa p50", "5 of 5", EARLY, bait="ttfb_ms"),
    Lie(FIRST, "SilenceFirst", "FAIL", "ttfa p50", "5 of 5", EARLY, bait="ttfs_ms"),
    Lie(FIRST, "ClickFirst", "FAIL", "ttfa p50", "5 of 5", EARLY, bait="ttfs_ms"),
    Lie(FIRST, "HissFirst", "FAIL", "ttfa p50", "5 of 5", EARLY, bait="ttfs_ms"),
    Lie(BURST, "Burst", "INVALID", "burst", "of nothing", FIRST_SAMPLE),
    Lie(BURST, "OneFrame", "INVALID", "burst", "of nothing", FIRST_SAMPLE),
    Lie(BURST, "Burst", TOLD, "burst", "40 ms of sound, then"),
    Lie(
        TWO_PLAYERS,
        "Burst",
        "FAIL",
        "ttfa p50 (100 ms buffered)",
        "5 of 5",
        "@trials(5)\n@ttfa(p50_ms=50)\n@cadence(underruns=0, prebuffer_ms=100)",
        bait="ttfa_ms",
    ),
    Lie(LENGTH, "Truncated", "INVALID", "duration", "5 too short"),
    Lie(LENGTH, "Hollow", "INVALID", "pauses", "words are missing"),
    Lie(LENGTH, "Hasty", "INVALID", "duration", "5 too short"),
    Lie(LENGTH, "Drawling", "INVALID", "duration", "5 too long"),
    Lie(LENGTH, "WrongRate", "INVALID", "duration", "5 too long"),
    Lie(SOUND, "Mute", "INVALID", "silence", "nothing is to be heard in 5 of 5"),
    Lie(SOUND, "Mute", "FAIL", "ttfa p50", "not measured in any of 5"),
    Lie(SOUND, "Offset", "INVALID", "silence", "nothing is to be heard in 5 of 5"),
    Lie(SOUND, "Whisper", "INVALID", "silence", "nothing is to be heard in 5 of 5"),
    Lie(SOUND, "Clipped", "INVALID", "clipping", "the sound is broken"),
    Lie(SOUND, "NotANumber", "INVALID", "samples", "NaN or infinite in 5 of 5"),
    Lie(PADDING, "Padded", "INVALID", "padding", "more silent than speech is (up to 8"),
    Lie(PADDING, "PaddedBehind", "INVALID", "padding", "more silent than speech is"),
    Lie(PADDING, "Hissing", "INVALID", "duration", "5 too long"),
    Lie(UNMEASURED, "Nothing", "FAIL", "cadence underruns", "not measured in any of 5",
        "@trials(5)\n@cadence(underruns=0)"),
    Lie(PROVIDER, "OtherProvider", "INVALID", "provider", "ran 0 nodes",
        arguments=("--ttsperf-provider=coreml",)),
    Lie(PROVIDER, "Reticent", "INCONCLUSIVE", "provider", "does not tell which provider ran",
        arguments=("--ttsperf-provider=cpu",)),
    Lie(ZEROS, "StoppedClock", "FAIL", "ttfa p50", "5 of 5", EARLY),
    Lie(ZEROS, "ForeignStages", TOLD, "stages", "lie outside of it"),
    Lie(READS, "Sliced", TOLD, "stream", "finished audio was cut into chunks"),
    Lie(ONE_GATE_LEFT, "Refusing", "INVALID", "failed", "no such phoneme",
        f"{LENIENT}\n@memory(rss_peak_mb=100_000)"),
    Lie(ONE_GATE_LEFT, "SomeRaise", "INVALID", "failed", "of 5 trials failed",
        f"{LENIENT}\n@memory(rss_peak_mb=100_000)"),
    Lie(FEW_TRIALS, "Voice", "INCONCLUSIVE", "ttfa p95", "56 further trials would prove it",
        "@trials(3)\n@ttfa(p95_ms=5000)"),
    Lie(WORKS_ON, "WorkingOn", TOLD, "background", "goes on working after its last chunk"),
    Lie(WARM_UP, "NeverQuiet", TOLD, "quiet", "kept working"),
]  # fmt: skip

BEHIND_HTTP = (
    "Cache", "Foresight", "SilenceFirst", "ClickFirst", "Burst", "OneFrame", "Truncated",
    "Drawling", "WrongRate", "Mute", "Offset", "Clipped", "Padded", "Hissing", "Sliced",
    "WorkingOn",
)  # fmt: skip
"""Engines that lie behind a server as they do without one."""
SERVED = [
    *(lie for lie in LIES if lie.liar in BEHIND_HTTP),
    Lie(CACHE, "beforehand", "FAIL", "ttfa p50", "5 of 5", EARLY),
    Lie(FIRST, "header", "FAIL", "ttfa p50", "5 of 5", EARLY, bait="ttfb_ms"),
    Lie(SIZES, "header", "FAIL", "rtf p50", "5 of 5", "@trials(5)\n@rtf(p50=0.001)"),
    Lie(SIZES, "longer", "ERROR", "answer", "the answer was cut short"),
    Lie(UNMEASURED, "Nothing", "ERROR", "answer", "answered 200 and no byte"),
    Lie(ONE_GATE_LEFT, "Refusing", "INVALID", "failed", "3 of 3 trials failed",
        f"{LENIENT}\n@memory(rss_peak_mb=100_000)"),
    Lie(PROVIDER, "other", "INCONCLUSIVE", "provider", "does not tell which provider ran",
        arguments=("--ttsperf-provider=coreml",)),
]  # fmt: skip

LIARS_BY_TRAP = sorted({(lie.trap, lie.arguments) for lie in LIES})
SERVED_BY_TRAP = sorted({(lie.trap, lie.arguments) for lie in SERVED})


def name(part: str | tuple[str, ...]) -> str:
    """A part of a test's id."""
    return part if isinstance(part, str) else " ".join(part)


def measure(project: Project, place: str, lies: list[Lie], *arguments: str) -> pytest.RunResult:
    """Measure some liars in one run; `place` is what stands before their names."""
    source = ""
    for number, lie in enumerate(lies):
        source += (
            f"@pytest.mark.parametrize('ttsperf_target', ['{place}{lie.liar}'])\n"
            f"{lie.marks}\n"
            f"def test_{number}(perf, ttsperf_target): perf.stream({lie.text!r})\n\n"
        )
    project.test(source)
    result = project.run(*lies[0].arguments, *arguments)
    outcomes = [lie.outcome for lie in lies]
    red = outcomes.count("INVALID") + outcomes.count("FAIL")
    errors = outcomes.count("ERROR")
    result.assert_outcomes(failed=red, errors=errors, passed=len(lies) - red - errors)
    return result


def check(project: Project, lies: list[Lie], result: pytest.RunResult) -> None:
    """Each liar was called by its name, and where it was found out nothing of it passed."""
    measured = {}
    for run in project.artifacts()[-1:]:
        measured = {cell["cell"]["test"].partition("[")[0]: cell for cell in run["cells"]}
    for number, lie in enumerate(lies):
        if lie.outcome == "ERROR":
            assert lie.words in result.stdout.str()
            continue
        cell = measured[f"test_it.py::test_{number}"]
        if lie.outcome == TOLD:
            check_note(lie, cell)
        else:
            check_verdict(lie, cell)


def check_note(lie: Lie, cell: dict[str, Any]) -> None:
    notes = {note["guard"]: note["text"] for note in cell["notes"]}
    assert lie.words in notes[lie.subject], lie


def check_verdict(lie: Lie, cell: dict[str, Any]) -> None:
    verdicts = {verdict["subject"]: verdict for verdict in cell["verdicts"]}
    verdict = verdicts[lie.subject]
    assert verdict["outcome"] == lie.outcome, lie
    assert lie.words in verdict["reason"], lie
    if lie.outcome == "INVALID":
        assert "PASS" not in [each["outcome"] for each in cell["verdicts"]], lie
    if lie.bait:
        assert 2 * cell["summary"][lie.bait]["p50"] < verdict["value"], lie


@pytest.fixture
def lying(
    project: Project, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Project:
    """A scratch project with the liars, which looks at what is quiet for as long as ever.

    Where much else runs, a liar that works gets a small share of a core, and not in each 100 ms.
    """
    parameters = getattr(request.node, "callspec", None)
    works_on = parameters is not None and parameters.params.get("trap") == WORKS_ON
    looks_for_s = 3 * QUIET_WINDOW_S if works_on else QUIET_WINDOW_S
    monkeypatch.setattr(memory, "QUIET_WINDOW_S", looks_for_s)
    monkeypatch.setattr(memory, "BUSY_SHARE", memory.QUIET_SHARE)
    monkeypatch.setattr(warm, "QUIET_TIMEOUT_S", 10 * QUIET_WINDOW_S)
    # A liar is no faster the fifth time, however long a busy machine makes it look unsteady.
    monkeypatch.setattr(schedule, "MAX_WARMUPS", schedule.MIN_WARMUPS)
    shutil.copy(liars.__file__, project.path / "liars.py")
    return project


@pytest.mark.parametrize(("trap", "arguments"), LIARS_BY_TRAP, ids=name)
def test_engines_that_lie_are_called_by_their_name(
    lying: Project, trap: str, arguments: tuple[str, ...]
) -> None:
    lies = [lie for lie in LIES if (lie.trap, lie.arguments) == (trap, arguments)]
    place = [] if trap in IN_WORKER else [INLINE]
    result = measure(lying, "liars:", lies, *place)
    check(lying, lies, result)


def start_server(*arguments: str) -> Iterator[str]:
    """The liars as a process of their own; gives their address."""
    process = subprocess.Popen(
        [sys.executable, "-m", liar_server.__name__, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    yield f"http://127.0.0.1:{int(process.stdout.readline())}/"
    process.kill()
    process.communicate()


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    yield from start_server()


@pytest.fixture(scope="module")
def served_by_another() -> Iterator[str]:
    yield from start_server("hidden")


@pytest.mark.parametrize(("trap", "arguments"), SERVED_BY_TRAP, ids=name)
def test_servers_that_lie_are_called_by_their_name(
    lying: Project, served: str, trap: str, arguments: tuple[str, ...]
) -> None:
    lies = [lie for lie in SERVED if (lie.trap, lie.arguments) == (trap, arguments)]
    result = measure(lying, served, lies)
    check(lying, lies, result)


def test_a_port_whose_holder_does_no_work_has_no_memory(
    project: Project, served_by_another: str
) -> None:
    lie = Lie(CLIENT_MEMORY, "computes", "FAIL", "memory rss_peak",
              "the CPU time of the process tree that was read did not rise",
              f"{LENIENT}\n@memory(rss_peak_mb=100_000)")  # fmt: skip
    result = measure(project, served_by_another, [lie])
    check(project, [lie], result)
    (cell,) = project.cells()
    assert cell["memory"]["rss_peak_mb"] is None


def test_an_honest_voice_passes_where_the_liars_do_not(lying: Project, served: str) -> None:
    honest = Lie("none", "Voice", "PASS", "ttfa p50", "none of 5", f"{LENIENT}\n@rtf(p50=0.9)")
    for place in ("liars:", served):
        result = measure(lying, place, [honest])
        check(lying, [honest], result)
        (cell,) = lying.cells()
        assert {verdict["outcome"] for verdict in cell["verdicts"]} == {"PASS"}


def test_vendors_first_sample_can_be_limited_and_is_told_apart(lying: Project) -> None:
    lie = Lie(FIRST, "SilenceFirst", "PASS", "ttfa p50 (first sample)", "none of 5", FIRST_SAMPLE)
    measure(lying, "liars:", [lie], INLINE)
    (cell,) = lying.cells()
    assert 2 * cell["summary"]["ttfs_ms"]["p50"] < cell["summary"]["ttfa_ms"]["p50"]


def test_the_hole_behind_a_burst_is_in_the_table(lying: Project) -> None:
    """And each limit uses the one player that the test names, or one without a buffer."""
    lying.test(
        """
        @trials(5)
        @ttfa(p50_ms=5000)
        def test_at_once(perf): perf.stream("short")

        @trials(5)
        @ttfa(p50_ms=50)
        @cadence(underruns=0, prebuffer_ms=100)
        def test_buffered(perf): perf.stream("short")
        """
    )
    result = lying.run("--ttsperf-target=liars:Burst", INLINE)
    at_once, buffered = lying.cells()
    assert at_once["summary"]["longest_stall_ms"]["p50"] > 40
    outcomes = {verdict["subject"]: verdict["outcome"] for verdict in buffered["verdicts"]}
    assert outcomes["cadence underruns (100 ms buffered)"] == "PASS"
    assert outcomes["ttfa p50 (100 ms buffered)"] == "FAIL"
    result.stdout.fnmatch_lines_random(
        ["*longest stall *no limit*", "*longest stall (100 ms buffered)*5*no limit*"]
    )


def test_trials_that_did_not_fail_are_kept_beside_those_that_did(lying: Project) -> None:
    lie = Lie(ONE_GATE_LEFT, "SomeRaise", "INVALID", "failed", "no such phoneme")
    result = measure(lying, "liars:", [lie], INLINE)
    check(lying, [lie], result)
    (cell,) = lying.cells()
    trials = [trial for trial in cell["trials"] if trial["kind"] == "trial"]
    assert {trial["recording"] is None for trial in trials} == {True, False}


def test_a_cache_that_outlives_its_process_is_found(lying: Project) -> None:
    lie = Lie(CACHE, "DiskCache", "INVALID", "cache", "nobody has spoken before")
    measure(lying, "liars:", [lie._replace(outcome="PASS")], INLINE)
    result = measure(lying, "liars:", [lie], INLINE)
    check(lying, [lie], result)


def test_a_process_that_loads_late_is_as_cold_as_one_that_loads_early(lying: Project) -> None:
    """And a warm one says nothing of it: the phase is a part of the cell."""
    lying.test(
        """
        @trials(3)
        @ttfa(p50_ms=5000)
        def test_warm(perf): perf.stream("short")

        @trials(2)
        @ttfa(max_ms=400)
        def test_cold(perf, cold_engine): perf.stream("short")
        """
    )
    lying.run("--ttsperf-target=liars:Lazy").assert_outcomes(passed=1, failed=1)
    warm, cold = lying.cells()
    assert (warm["cell"]["phase"], cold["cell"]["phase"]) == ("warm", "cold")
    assert 2 * warm["summary"]["ttfa_ms"]["p50"] < cold["summary"]["ttfa_ms"]["p50"]


def test_each_length_of_text_is_judged_for_itself(lying: Project) -> None:
    lying.test(
        """
        @trials(5)
        @ttfa(p50_ms=200)
        @pytest.mark.parametrize("preset", ["short", "medium"])
        def test_x(perf, preset): perf.stream(preset)
        """
    )
    lying.run("--ttsperf-target=liars:SlowWhenLong", INLINE).assert_outcomes(passed=1, failed=1)
    short, medium = lying.cells()
    assert (short["cell"]["preset"], medium["cell"]["preset"]) == ("short", "medium")
    assert medium["verdicts"][0]["outcome"] == "FAIL"


def test_every_trap_has_a_liar_or_a_test_that_is_there() -> None:
    lies = {lie.trap for lie in (*LIES, *SERVED)}
    assert set(TRAPS) == lies | set(HELD_ELSEWHERE)
    for node_ids in HELD_ELSEWHERE.values():
        for node_id in node_ids:
            file, _, name = node_id.partition("::")
            tree = ast.parse((ROOT / file).read_text())
            functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
            assert name in functions, node_id


def test_every_liar_is_caught_somewhere() -> None:
    """A class that no row and no test names would be a lie that nobody looks for."""
    source = Path(__file__).read_text()
    for liar in (*liars.Voice.__subclasses__(), *liars.Burst.__subclasses__()):
        assert f'"{liar.__name__}"' in source or f":{liar.__name__}" in source, liar

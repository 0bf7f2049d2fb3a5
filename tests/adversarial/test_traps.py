"""One liar for each trap, measured for real: none passes, and each is called by its name."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.adversarial import liars
from tests.plugin.conftest import Project

pytestmark = pytest.mark.usefixtures("untraced_children")

ROOT = Path(__file__).resolve().parents[2]
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

    @property
    def name(self) -> str:
        return f"{self.liar}-{self.subject.replace(' ', '-')}"


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

HELD_ELSEWHERE = {
    CLIENT_MEMORY: [
        "tests/plugin/test_http.py::test_memory_that_cannot_be_told_is_null_with_the_reason",
        "tests/plugin/test_http.py::test_memory_is_the_servers",
    ],
    NO_FILE: [
        "tests/plugin/test_baselines.py::test_missing_baseline_is_inconclusive_with_the_reason",
        "tests/plugin/test_baselines.py::"
        "test_an_unreadable_baseline_fails_and_is_not_overwritten",
        "tests/unit/baseline/test_screening.py::test_baseline_without_runs_is_inconclusive",
    ],
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
    TENANT: [
        "tests/plugin/test_machine_load.py::test_the_summary_tells_it_and_no_verdict_changes"
    ],
}
"""Traps that no engine can spring by itself, or that a test of the plugin holds as well."""

LIES = [
    Lie(CACHE, "Cache", "INVALID", "cache", "nobody has spoken before", text=FREE_TEXT),
    Lie(CACHE, "Cache", TOLD, "cache", "a cache serves repeated texts"),
    Lie(CACHE, "Foresight", "INVALID", "cache", "nobody has spoken before"),
    Lie(CACHE, "Precomputed", "INVALID", "floor", "precomputed audio answered"),
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
        "@trials(5)\n@ttfa(p50_ms=100)\n@cadence(underruns=0, prebuffer_ms=100)",
        bait="ttfa_ms",
    ),
    Lie(LENGTH, "Truncated", "INVALID", "duration", "5 too short"),
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


@pytest.fixture
def lying(project: Project) -> Project:
    shutil.copy(liars.__file__, project.path / "liars.py")
    return project


def check(project: Project, lie: Lie) -> None:
    """The liar was called by its name, and nothing else passed beside that."""
    (cell,) = project.cells()
    if lie.outcome == TOLD:
        said = {note["guard"]: note["text"] for note in cell["notes"]}
        assert lie.words in said[lie.subject]
        return
    verdicts = {verdict["subject"]: verdict for verdict in cell["verdicts"]}
    assert verdicts[lie.subject]["outcome"] == lie.outcome
    assert lie.words in verdicts[lie.subject]["reason"]
    if lie.outcome == "INVALID":
        assert "PASS" not in project.verdicts().values()
    if lie.bait:
        assert 2 * cell["summary"][lie.bait]["p50"] < verdicts[lie.subject]["value"]


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.name)
def test_an_engine_that_lies_is_called_by_its_name(lying: Project, lie: Lie) -> None:
    lying.test(f"{lie.marks}\ndef test_x(perf): perf.stream({lie.text!r})")
    result = lying.run(f"--ttsperf-target=liars:{lie.liar}", *lie.arguments)
    is_red = lie.outcome in ("INVALID", "FAIL")
    result.assert_outcomes(failed=int(is_red), passed=int(not is_red))
    check(lying, lie)

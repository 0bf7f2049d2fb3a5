"""`ttsperf_target`, `--ttsperf-target` and the fixture: somebody else's engine by a string."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Project

OTHERS = '''
import time
import numpy as np

class Int16:
    """Not ours, knows no provider and no voice, yields PCM16."""
    sample_rate = 16000
    def stream(self, text):
        time.sleep(0.015)
        yield (np.sin(np.arange(16000 * len(text) // 15) / 14) * 9000).astype(np.int16)

def factory():
    return Int16()

class Chunky(Int16):
    def stream(self, text):
        class Chunk:
            sample_rate = 16000
        for samples in super().stream(text):
            chunk = Chunk()
            chunk.samples = samples.astype(np.float32) / 32768
            yield chunk

class Whole(Int16):
    def synthesize(self, text):
        time.sleep(0.02)
        return next(iter(self.stream(text)))

class WrongRate(Chunky):
    sample_rate = 22050

class Doubles(Int16):
    def stream(self, text):
        yield np.zeros(100)

class Stereo(Int16):
    def stream(self, text):
        yield np.zeros((100, 2), np.float32)

class Raises(Int16):
    def stream(self, text):
        raise ValueError("no such phoneme")

class NoRate:
    def stream(self, text):
        yield np.zeros(10, np.float32)

class OddRate(Int16):
    sample_rate = "fast"

class OddStages(Int16):
    def stages(self):
        return ["vocode"]

class OddPlacement(Int16):
    def placement(self):
        return "cpu"

def broken():
    raise OSError("model file is gone")

not_callable = 7
'''


@pytest.fixture
def others(project: Project) -> Project:
    project.pytester.makepyfile(others=OTHERS)
    project.test("@trials(5)\n@ttfa(p50_ms=5000)\ndef test_x(perf):\n    perf.stream('short')")
    return project


@pytest.mark.parametrize("target", ["Int16", "factory", "Chunky", "Whole"])
def test_engines_of_others_are_measured_by_their_name(others: Project, target: str) -> None:
    others.ini(ttsperf_target=f"others:{target}")
    result = others.run()
    result.assert_outcomes(passed=1)
    cell = others.cells()[0]
    assert cell["cell"]["target"] == f"others:{target}"
    assert cell["cell"]["provider"] == "default"
    for trial in cell["trials"]:
        frames = sum(trial["recording"]["frame_counts"])
        assert frames == 16000 * len(trial["text"]) // 15


def test_option_wins_over_ini(others: Project) -> None:
    others.ini(ttsperf_target="nowhere:Nothing")
    others.run("--ttsperf-target=others:Int16").assert_outcomes(passed=1)


def test_whole_mode_uses_synthesize_where_offered(others: Project) -> None:
    others.test("@trials(3)\ndef test_x(perf):\n    perf.synthesize('short')")
    others.run("--ttsperf-target=others:Whole").assert_outcomes(passed=1)
    assert others.cells()[0]["summary"]["ttfs_ms"]["p50"] >= 35


def test_fixture_gives_keyword_options(others: Project) -> None:
    others.test(
        """
        from pytest_ttsperf import TargetSpec

        @pytest.fixture
        def ttsperf_target():
            return TargetSpec(spec="engines:Tone", options={"first_s": 0.04})

        @trials(3)
        def test_x(perf):
            assert perf.stream("short")["ttfs_ms"].p50 >= 40
        """
    )
    others.run().assert_outcomes(passed=1)
    assert others.cells()[0]["cell"]["target"] == "engines:Tone(first_s=0.04)"


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("others", "not of the form module:callable"),
        ("ftp://localhost:8000", "not of the form module:callable"),
        ("missing_module:Engine", "no module named 'missing_module'"),
        ("others:Missing", "has no 'Missing'"),
        ("others:not_callable", "wanted a callable"),
        ("others:OddRate", "sample_rate='fast'"),
        ("others:broken", "OSError: model file is gone"),
        ("others:OddPlacement", "wanted a dict"),
        ("others:OddStages", "wanted (stage, chunk or None, start_ns, end_ns)"),
    ],
)
def test_what_cannot_be_opened_is_told_at_setup(others: Project, spec: str, told: str) -> None:
    result = others.run(f"--ttsperf-target={spec}")
    result.assert_outcomes(errors=1)
    assert told in result.stdout.str()


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("WrongRate", "sample_rate=22050, a chunk says 16000"),
        ("Doubles", "ndarray of float64, shape (100,)"),
        ("Stereo", "ndarray of float32, shape (100, 2)"),
        ("Raises", "ValueError: no such phoneme"),
        ("NoRate", "others:NoRate tells no sample rate"),
    ],
)
def test_what_cannot_be_recorded_fails_the_test(others: Project, target: str, told: str) -> None:
    result = others.run(f"--ttsperf-target=others:{target}")
    result.assert_outcomes(failed=1)
    assert told in result.stdout.str()


def test_no_target_at_all_says_how_to_name_one(others: Project) -> None:
    others.ini()
    result = others.run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*no target to measure; set ttsperf_target*"])


def test_stages_that_exist_only_after_a_trial_are_no_obstacle(others: Project) -> None:
    others.pytester.makepyfile(
        late="""
        from engines import *
        class Late(Tone):
            def __init__(self):
                super().__init__()
                del self.spans
            def stages(self):
                return self.spans
        """
    )
    others.run("--ttsperf-target=late:Late").assert_outcomes(passed=1)
    others.run("--ttsperf-target=late:Late", "--ttsperf-inline").assert_outcomes(passed=1)
    (cell,) = others.cells()
    assert cell["breakdown"]["to_first_sound"][0]["stage"] == "vocode"
    assert "before the first trial" in cell["notes"][0]["text"]


def test_a_traceback_starts_in_the_target_and_is_told_once(others: Project) -> None:
    result = others.run("--ttsperf-target=others:broken")
    text = result.stdout.str().partition("short test summary info")[0]  # CI repeats it there
    assert text.count("Traceback (most recent call last)") == 1
    assert "OSError: model file is gone" in text
    assert "worker/child.py" not in text
    assert "During handling" not in text

"""Odd engines that lie to nobody: what they may do is measured, what they may not is an error."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Project

ODD = '''
from engines import *

class SlowVocoder(Telling):
    """Sleeps by script in its vocoder, before the first chunk."""
    def stream(self, text):
        start = time.perf_counter_ns()
        time.sleep(0.005)
        decoded = time.perf_counter_ns()
        time.sleep(0.15)
        done = time.perf_counter_ns()
        chunks = list(super().stream(text))
        self.spans = [("decode", 0, start, decoded), ("vocode", 0, decoded, done)]
        yield from chunks

class Constant(Telling):
    """Closes with a pause that is a constant."""
    PAUSE = np.zeros(2400, np.float32)
    PAUSE.setflags(write=False)
    def stream(self, text):
        yield from super().stream(text)
        yield self.PAUSE
        yield self.PAUSE

class NumpyTold(Telling):
    def stages(self):
        return [(s, np.int64(i), np.int64(a), np.int64(b)) for s, i, a, b in self.spans]
    def placement(self):
        return {"nodes": {"CPUExecutionProvider": np.int32(3)}, "threads": np.int64(1),
                "share": np.float32(0.5), "registered": ("CPUExecutionProvider",)}

class BackwardSpans(Telling):
    def stages(self):
        return [("vocode", 0, 200, 100)]

class CountAsText(Telling):
    def placement(self):
        return {"nodes": {"CPUExecutionProvider": "0"}}

class ObjectTold(Telling):
    def placement(self):
        return {"session": object()}

class NoneStages(Telling):
    def stages(self):
        return None

class CloseRaises(Telling):
    def close(self):
        raise RuntimeError("still playing")

class CloseKills(Telling):
    def close(self):
        os.kill(os.getpid(), signal.SIGSEGV)
'''


@pytest.fixture
def odd(project: Project) -> Project:
    project.pytester.makepyfile(odd=ODD)
    return project


def measure(project: Project, target: str, marks: str, *arguments: str) -> pytest.RunResult:
    project.test(f"@trials(5)\n{marks}\ndef test_x(perf):\n    perf.stream('short')")
    return project.run(f"--ttsperf-target=odd:{target}", *arguments)


def measure_each(project: Project, *targets: str) -> pytest.RunResult:
    """Measure several targets in one run; the cells come in their order."""
    names = [f"odd:{target}" for target in targets]
    project.test(
        f"@pytest.fixture(params={names!r}, ids=str)\n"
        "def ttsperf_target(request): return request.param\n\n"
        "@trials(5)\n@ttfa(p50_ms=5000)\n@cadence(underruns=0)\n"
        "def test_x(perf):\n    perf.stream('short')"
    )
    return project.run()


def notes(project: Project) -> dict[str, dict[str, object]]:
    return {note["guard"]: note for note in project.cells()[0]["notes"]}


def test_a_slow_stage_turns_the_gate_red_by_its_name(odd: Project) -> None:
    result = measure(odd, "SlowVocoder", "@ttfa(p95_ms=100)")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*FAIL  ttfa p95*5 of 5 trials exceed it*",
            "*stages to the first sound, median: vocode 1*",
        ]
    )


def test_an_engine_that_overwrites_its_buffer_is_told(odd: Project) -> None:
    odd.pytester.makepyfile(
        reuse="""
        from engines import *
        class Reuse(Tone):
            buffer = (tone(0.2) * 9000).astype(np.int16)
            def stream(self, text):
                for _ in range(5):
                    time.sleep(0.005)
                    yield self.buffer[:]
        """
    )
    odd.test("def test_x(perf): perf.stream('short')")
    result = odd.run("--ttsperf-target=reuse:Reuse")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*same buffer twice*yield a copy*"])


def test_a_read_only_constant_may_be_yielded_again(odd: Project) -> None:
    measure(odd, "Constant", "@ttfa(p50_ms=5000)").assert_outcomes(passed=1)


def test_numbers_of_numpy_are_numbers(odd: Project) -> None:
    measure(odd, "NumpyTold", "@ttfa(p50_ms=5000)").assert_outcomes(passed=1)
    placement = odd.cells()[0]["ready"]["placement"]
    assert placement["nodes"] == {"CPUExecutionProvider": 3}


def test_what_a_target_tells_is_checked(odd: Project) -> None:
    told = {
        "CountAsText": "counts nodes by provider",
        "ObjectTold": "wanted numbers, texts, lists and dicts",
        "NoneStages": "stages() gave None",
        "BackwardSpans": "wanted (stage, chunk or None, start_ns, end_ns)",
    }
    result = measure_each(odd, *told)
    result.assert_outcomes(errors=4)
    for target, error in told.items():
        assert any(f"odd:{target}" in line and error in line for line in result.stdout.lines), (
            target
        )


@pytest.mark.parametrize(
    ("target", "told"),
    [("CloseRaises", "still playing"), ("CloseKills", "killed by SIGSEGV")],
)
def test_a_bad_end_is_told_and_fails_nothing(odd: Project, target: str, told: str) -> None:
    result = measure(odd, target, "@ttfa(p50_ms=5000)")
    result.assert_outcomes(passed=1)
    assert told in result.stdout.str()


def test_a_cold_engine_without_stages_is_not_called_sliced(odd: Project) -> None:
    odd.test("def test_x(perf, cold_engine): perf.stream('short')")
    odd.run("--ttsperf-target=engines:Tone", "--ttsperf-cold-trials=2").assert_outcomes(passed=1)
    assert "stream" not in notes(odd)

"""Engines that fool a careless reader, measured for real: each must be seen through."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Project

TRAPS = '''
from engines import *

class HeaderFirst(Telling):
    """Sends an empty chunk at once, and its sound 60 ms later."""
    def stream(self, text):
        yield np.zeros(0, np.float32)
        time.sleep(0.06)
        yield from super().stream(text)

class SilenceFirst(Telling):
    """Sends 400 ms of silence at once, before it has computed anything."""
    def stream(self, text):
        yield np.zeros(9600, np.float32)
        time.sleep(0.03)
        yield from super().stream(text)

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

class Sliced(Telling):
    """Computes the whole utterance and cuts it up afterwards."""
    def stream(self, text):
        yield from list(super().stream(text))

class Cache(Telling):
    """Serves a text it has spoken before from memory."""
    spoken = {}
    def stream(self, text):
        if text not in self.spoken:
            self.spoken[text] = list(super().stream(text))
        yield from self.spoken[text]

class Mute(Telling):
    def stream(self, text):
        for chunk in super().stream(text):
            yield chunk * 0

class Nothing(Telling):
    def stream(self, text):
        time.sleep(0.01)
        yield from ()

class Precomputed(Tone):
    audio = tone(4.0)
    def stream(self, text):
        yield self.audio

class Truncated(Telling):
    def stream(self, text):
        yield from super().stream(text[:12])

class DiskCache(Telling):
    """Serves texts that an earlier process has spoken."""
    def stream(self, text):
        import hashlib, pathlib
        path = pathlib.Path("cache-" + hashlib.sha256(text.encode()).hexdigest())
        if not path.exists():
            time.sleep(0.25)
            path.touch()
        yield from super().stream(text)

class SomeRaise(Telling):
    """Raises over every third text."""
    count = 0
    def stream(self, text):
        SomeRaise.count += 1
        if SomeRaise.count > 6 and SomeRaise.count % 3 == 0:
            raise ValueError("no such phoneme")
        yield from super().stream(text)

class Background(Telling):
    """Goes on working after its last chunk."""
    def stream(self, text):
        import threading
        yield from super().stream(text)
        threading.Thread(target=self.work).start()
    def work(self):
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            pass

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

class Liar(Telling):
    """Says it was asked for coreml, and runs every node on the CPU."""
'''


@pytest.fixture
def trapped(project: Project) -> Project:
    project.pytester.makepyfile(traps=TRAPS)
    return project


def measure(project: Project, target: str, marks: str, *arguments: str) -> pytest.RunResult:
    project.test(f"@trials(5)\n{marks}\ndef test_x(perf):\n    perf.stream('short')")
    return project.run(f"--ttsperf-target=traps:{target}", *arguments)


def measure_each(project: Project, *targets: str) -> pytest.RunResult:
    """Measure several targets in one run; the cells come in their order."""
    names = [f"traps:{target}" for target in targets]
    project.test(
        f"@pytest.fixture(params={names!r}, ids=str)\n"
        "def ttsperf_target(request): return request.param\n\n"
        "@trials(5)\n@ttfa(p50_ms=5000)\n@cadence(underruns=0)\n"
        "def test_x(perf):\n    perf.stream('short')"
    )
    return project.run()


def notes(project: Project) -> dict[str, dict[str, object]]:
    return {note["guard"]: note for note in project.cells()[0]["notes"]}


def test_an_empty_early_chunk_is_not_audio(trapped: Project) -> None:
    measure(trapped, "HeaderFirst", "@ttfa(p50_ms=50)").assert_outcomes(failed=1)
    summary = trapped.cells()[0]["summary"]
    assert summary["ttfb_ms"]["p50"] < 50 < summary["ttfs_ms"]["p50"]


def test_silence_sent_first_is_neither_audio_nor_free(trapped: Project) -> None:
    measure(trapped, "SilenceFirst", "@ttfa(p50_ms=200)").assert_outcomes(failed=1)
    summary = trapped.cells()[0]["summary"]
    assert summary["ttfs_ms"]["p50"] < 30 < summary["ttfa_sound_ms"]["p50"]
    assert summary["ttfa_ms"]["p50"] >= 400  # playback starts at once, and is silent for 400 ms


def test_vendors_ttfs_can_be_limited_and_is_told_apart(trapped: Project) -> None:
    measure(trapped, "SilenceFirst", "@ttfa(p50_ms=200, onset='sample')").assert_outcomes(passed=1)


def test_a_slow_stage_turns_the_gate_red_by_its_name(trapped: Project) -> None:
    result = measure(trapped, "SlowVocoder", "@ttfa(p95_ms=100)")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*FAIL  ttfa p95*5 of 5 trials exceed it*",
            "*stages to the first sound, median: vocode 1*",
        ]
    )


def test_slicing_finished_audio_is_not_streaming(trapped: Project) -> None:
    measure(trapped, "Sliced", "@ttfa(p50_ms=5000)").assert_outcomes(passed=1)
    assert "not streamed" in str(notes(trapped)["stream"]["text"])


def test_a_cache_is_found_and_distinct_texts_are_not_fooled(trapped: Project) -> None:
    measure(trapped, "Cache", "@ttfa(p50_ms=5000)").assert_outcomes(passed=1)
    assert "cache serves repeated texts" in str(notes(trapped)["cache"]["text"])
    assert trapped.cells()[0]["summary"]["ttfa_sound_ms"]["p50"] >= 12


def test_a_cached_free_text_is_invalid(trapped: Project) -> None:
    trapped.test("@trials(5)\ndef test_x(perf):\n    perf.stream('The very same words again.')")
    result = trapped.run("--ttsperf-target=traps:Cache")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*INVALID*"])


def test_no_sound_fails_its_limits_instead_of_passing_at_zero(trapped: Project) -> None:
    measure_each(trapped, "Mute", "Nothing").assert_outcomes(failed=2)
    cells = trapped.cells()
    assert len(cells) == 2
    for cell in cells:
        assert cell["summary"]["ttfa_ms"]["p50"] is None
        assert {v["subject"]: v["outcome"] for v in cell["verdicts"]}["ttfa p50"] == "FAIL"


def test_audio_faster_than_physics_is_invalid(trapped: Project) -> None:
    result = measure(trapped, "Precomputed", "@rtf(p50=0.9)")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*INVALID*"])


def test_truncated_speech_is_invalid(trapped: Project) -> None:
    result = measure(trapped, "Truncated", "@ttfa(p50_ms=5000)")
    result.assert_outcomes(failed=1)
    assert "INVALID" in trapped.verdicts().values()


def test_another_provider_than_asked_for_is_invalid(trapped: Project) -> None:
    result = measure(trapped, "Liar", "@ttfa(p50_ms=5000)", "--ttsperf-provider=coreml")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*test_x[[]coreml[]]*", "*INVALID*coreml*0 nodes*"])


def test_an_engine_that_overwrites_its_buffer_is_told(trapped: Project) -> None:
    trapped.pytester.makepyfile(
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
    trapped.test("def test_x(perf): perf.stream('short')")
    result = trapped.run("--ttsperf-target=reuse:Reuse")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*same buffer twice*yield a copy*"])


def test_a_cache_that_outlives_its_process_is_found(trapped: Project) -> None:
    measure(trapped, "DiskCache", "@ttfa(p50_ms=5000)").assert_outcomes(passed=1)
    result = measure(trapped, "DiskCache", "@ttfa(p50_ms=5000)")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*INVALID  cache: texts that nobody has spoken before*"])


def test_trials_that_raise_void_the_cell_and_the_others_are_kept(trapped: Project) -> None:
    result = measure(trapped, "SomeRaise", "@ttfa(p50_ms=5000)")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*INVALID  failed: * of 5 trials failed*", "*no such phoneme*"])
    counted = [t for t in trapped.cells()[0]["trials"] if t["kind"] == "trial"]
    assert {t["recording"] is None for t in counted} == {True, False}
    assert "PASS" not in trapped.verdicts().values()


def test_work_after_the_last_chunk_is_told(trapped: Project) -> None:
    measure(trapped, "Background", "@ttfa(p50_ms=5000)").assert_outcomes(passed=1)
    assert "goes on working" in str(notes(trapped)["background"]["text"])


def test_a_read_only_constant_may_be_yielded_again(trapped: Project) -> None:
    measure(trapped, "Constant", "@ttfa(p50_ms=5000)").assert_outcomes(passed=1)


def test_numbers_of_numpy_are_numbers(trapped: Project) -> None:
    measure(trapped, "NumpyTold", "@ttfa(p50_ms=5000)").assert_outcomes(passed=1)
    placement = trapped.cells()[0]["ready"]["placement"]
    assert placement["nodes"] == {"CPUExecutionProvider": 3}


def test_what_a_target_tells_is_checked(trapped: Project) -> None:
    told = {
        "CountAsText": "counts nodes by provider",
        "ObjectTold": "wanted numbers, texts, lists and dicts",
        "NoneStages": "stages() gave None",
        "BackwardSpans": "wanted (stage, chunk or None, start_ns, end_ns)",
    }
    result = measure_each(trapped, *told)
    result.assert_outcomes(errors=4)
    for target, error in told.items():
        assert any(f"traps:{target}" in line and error in line for line in result.stdout.lines), (
            target
        )


@pytest.mark.parametrize(
    ("target", "told"),
    [("CloseRaises", "still playing"), ("CloseKills", "killed by SIGSEGV")],
)
def test_a_bad_end_is_told_and_fails_nothing(trapped: Project, target: str, told: str) -> None:
    result = measure(trapped, target, "@ttfa(p50_ms=5000)")
    result.assert_outcomes(passed=1)
    assert told in result.stdout.str()


def test_a_cold_engine_without_stages_is_not_called_sliced(trapped: Project) -> None:
    trapped.test("def test_x(perf, cold_engine): perf.stream('short')")
    trapped.run("--ttsperf-target=engines:Tone", "--ttsperf-cold-trials=2").assert_outcomes(
        passed=1
    )
    assert "stream" not in notes(trapped)

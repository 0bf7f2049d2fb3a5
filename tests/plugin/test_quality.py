"""What is said and how it sounds, on request: @quality, in a cell and between versions."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Project
from tests.plugin.repository import changes, commit, commit_all, git

TELLTALES = """
import numpy as np
from engines import Telling

CODE = 1e-5

class Scribe(Telling):
    '''Writes its text into its first samples, far too softly to be heard.'''
    pitch = 1.0

    def stream(self, text):
        said = self.say(text)
        written = np.array([ord(letter) * CODE for letter in said + "\\n"], np.float32)
        for index, chunk in enumerate(super().stream(text)):
            chunk = chunk * self.level()
            if self.pitch != 1.0:
                grid = np.arange(len(chunk)) * self.pitch
                chunk = np.interp(grid % len(chunk), np.arange(len(chunk)), chunk)
            if index == 0:
                chunk = np.concatenate([written, chunk])
            yield chunk.astype(np.float32)

    def say(self, text):
        return text

    def level(self):
        return 1.0

class Forgetful(Scribe):
    def say(self, text):
        words = text.split()
        return " ".join(words[:2] + words[6:])

def read(samples, rate):
    codes = np.round(np.asarray(samples[:2000], float) / CODE)
    letters = [chr(int(code)) for code in codes[: int(np.argmax(codes == 10))]]
    return "".join(letters)

def deaf(samples, rate):
    raise RuntimeError("no ears")
"""


@pytest.fixture
def scribes(project: Project) -> Project:
    project.pytester.makepyfile(telltales=TELLTALES)
    project.ini(ttsperf_target="telltales:Scribe", ttsperf_provider="cpu")
    return project


def sound_test(project: Project, marks: str) -> None:
    project.pytester.makepyfile(
        test_it=f"""
        from pytest_ttsperf import quality, seams, trials
        import telltales

        @trials(6)
        {marks}
        def test_x(perf): perf.stream("short")
        """
    )


def test_words_are_judged_and_the_worst_run_is_named(scribes: Project) -> None:
    sound_test(scribes, '@quality(max_wer=0.1, worst_run=2, recognizer="telltales:read")')
    scribes.run().assert_outcomes(passed=1)
    assert scribes.verdicts() == {"quality max_wer": "PASS", "quality worst_run": "PASS"}
    trials = scribes.cells()[0]["trials"]
    said = [trial for trial in trials if trial["kind"] == "trial"]
    assert [trial["quality"]["words"]["errors"] for trial in said] == [0] * 6

    scribes.ini(ttsperf_target="telltales:Forgetful", ttsperf_provider="cpu")
    result = scribes.run()
    result.assert_outcomes(failed=1)
    assert scribes.verdicts() == {"quality max_wer": "FAIL", "quality worst_run": "FAIL"}
    result.stdout.fnmatch_lines(["*FAIL  quality worst_run: 4, limit 2: *is missing in *"])


def test_a_recognizer_may_be_a_function_that_can_be_imported(scribes: Project) -> None:
    sound_test(scribes, "@quality(max_wer=0.1, recognizer=telltales.read)")
    scribes.run().assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ("max_wer=0.1, recognizer=lambda samples, rate: ''", "*cannot be imported by a name*"),
        ("tolerance_lu=1", "*needs the loudness that it is around*"),
        ("lufs='loud'", "*@quality(lufs='loud'); wanted a finite number*"),
        ("clipped_share=-0.1", "*@quality(clipped_share=-0.1); wanted a finite number*"),
        ("recognizer='pocketsphinx'", "*@quality with only recognizer limits nothing*"),
        ("timbre_db=0", "*@quality, timbre_db(timbre=0); wanted a number above 0*"),
        ("duration=5", "*wanted a change such as '5%' or 0.05*"),
        ("max_cer=0.1", "*has no keyword 'max_cer'*did you mean 'max_wer'*"),
    ],
)
def test_what_cannot_be_understood_is_an_error_at_collection(
    scribes: Project, keywords: str, words: str
) -> None:
    sound_test(scribes, f"@quality({keywords})")
    result = scribes.run()
    result.stderr.fnmatch_lines([words])
    assert not scribes.pytester.path.joinpath("artifacts").exists(), "nothing was measured"


def test_a_recognizer_that_fails_fails_the_test_with_its_words(scribes: Project) -> None:
    sound_test(scribes, '@quality(max_wer=0.1, recognizer="telltales:deaf")')
    result = scribes.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*telltales:deaf: Traceback*", "RuntimeError: no ears"])


def test_loudness_peak_clipping_and_silence_have_limits(scribes: Project) -> None:
    """A hum of .3 has -14.5 LUFS or so, and a peak of 20 log10(.3) = -10.5 dBFS at least."""
    marks = (
        "@quality(lufs=-14.5, tolerance_lu=1, true_peak_dbtp=-9, clipped_share=0, "
        "silence_share=0.1)"
    )
    sound_test(scribes, marks)
    scribes.run().assert_outcomes(passed=1)
    assert set(scribes.verdicts()) == {
        "quality lufs (around -14.5)",
        "quality true_peak",
        "quality clipped_share",
        "quality silence_share",
    }
    sound_test(scribes, "@quality(lufs=-20, true_peak_dbtp=-11)")
    scribes.run().assert_outcomes(failed=1)
    assert scribes.verdicts() == {
        "quality lufs (around -20)": "FAIL",
        "quality true_peak": "FAIL",
    }


@pytest.fixture
def versions(repository: Project) -> Project:
    """A repository whose engine writes what it says into its sound."""
    repository.pytester.makepyfile(engines_told=TELLTALES)
    engines = repository.path / "engines.py"
    told = TELLTALES.replace("from engines import Telling\n", "")
    engines.write_text(engines.read_text() + told)
    repository.ini(ttsperf_target="engines:Scribe", ttsperf_provider="cpu")
    repository.pytester.makepyfile(
        test_it="""
        from pytest_ttsperf import quality, trials

        @trials(5)
        @quality(worst_run=9, max_wer=0.9, timbre_db=1.0, recognizer="engines:read")
        def test_x(perf): perf.stream("short")
        """
    )
    commit_all(repository, "scribes")
    return repository


def test_the_same_code_says_the_same_words_in_the_same_voice(versions: Project) -> None:
    git(versions, "commit", "-q", "--allow-empty", "-m", "nothing")
    result = versions.run("--ttsperf-against=HEAD~1")
    assert "FAIL" not in changes(versions).values()
    comparison = versions.cells()[0]["comparison"]
    assert {"wer", "worst_run", "timbre_db"} <= comparison["measured"].keys()
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("old", "new", "label"),
    [
        ("        return text\n", "        return text.partition(' ')[2]\n", "word error rate"),
        ("    pitch = 1.0\n", "    pitch = 1.5\n", "timbre"),
    ],
)
def test_other_words_and_another_voice_are_called_by_their_name(
    versions: Project, old: str, new: str, label: str
) -> None:
    commit(versions, old, new)
    result = versions.run("--ttsperf-against=HEAD~1")
    result.assert_outcomes(failed=1)
    found = changes(versions)
    assert found[label] == "FAIL"
    assert "PASS" not in {found["ttfa p50"], found["rtf p50"]}

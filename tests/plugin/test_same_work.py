"""Versions that say more, or less, for the same text: that is no speed, and it has its name."""

from __future__ import annotations

import pytest

from pytest_ttsperf.compare import blocks
from tests.plugin.conftest import Project
from tests.plugin.repository import changes, commit

pytestmark = pytest.mark.uncovered
LENGTH = "seconds = len(text) / 15"


@pytest.fixture
def two_texts(repository: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a block: how much is said scatters by nothing, so that two say it as surely as four.

    After `repository`, which has four.
    """
    monkeypatch.setattr(blocks, "TEXTS", 2)
    monkeypatch.setattr(blocks, "texts_worth", lambda *_: 2)


@pytest.mark.usefixtures("two_texts")
@pytest.mark.parametrize(("characters", "effect"), [(13.6, "+10"), (16.6, "-9.")])
def test_a_version_that_says_another_length_fails_whatever_its_times(
    repository: Project, characters: float, effect: str
) -> None:
    commit(repository, LENGTH, f"seconds = len(text) / {characters}")
    result = repository.run("--ttsperf-against=HEAD~1")
    result.assert_outcomes(failed=1)
    found = changes(repository)
    assert found["speech"] == "FAIL"
    assert "PASS" not in found.values()
    result.stdout.fnmatch_lines([f"*FAIL  speech against*the new code says {effect}*"])


def test_more_time_for_each_text_does_not_hide_behind_more_audio(repository: Project) -> None:
    """By its own audio it would be a tenth slower: half as much time more, for a third."""
    slower = "self.first_s, self.chunk_s = 0.018, 0.00225"
    commit(repository, LENGTH, f"{slower}; seconds = len(text) / 11")
    result = repository.run("--ttsperf-against=HEAD~1", "--ttsperf-compare-fail=rtf_p50:20%")
    found = changes(repository)
    assert (found["speech"], found["rtf p50"]) == ("FAIL", "FAIL")
    result.stdout.fnmatch_lines(
        ["*FAIL  rtf p50 against*slower by more than +20.0 %*; by each version's own audio it is *"]
    )

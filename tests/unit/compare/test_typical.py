"""The text that is shown of both versions: that whose change is the usual one."""

from __future__ import annotations

from msgspec import structs

from pytest_ttsperf.compare.blocks import BlockTrials
from pytest_ttsperf.compare.typical import find_typical
from pytest_ttsperf.records import Trial
from tests.unit.report.factories import recording, trial


def spoken(index: int, at_ms: float) -> Trial:
    recorded = structs.replace(recording([(at_ms, 500.0)]), pcm=b"\0" * 48_000)
    return trial(index, recorded)


def block(*pairs: tuple[float, float]) -> BlockTrials:
    """The first sound of each text, by the baseline and by the candidate."""
    baseline = tuple(spoken(place, old) for place, (old, _) in enumerate(pairs))
    candidate = tuple(spoken(place, new) for place, (_, new) in enumerate(pairs))
    arms = {
        "baseline": baseline,
        "control": baseline,
        "candidate": candidate,
        "candidate_control": candidate,
    }
    return BlockTrials(arms, dict.fromkeys(arms))


def test_it_is_the_middle_of_all_texts_by_their_change() -> None:
    found = find_typical([block((10, 11), (10, 30)), block((10, 12))])
    assert set(found) == {"baseline", "candidate"}
    old, new = found["baseline"].recording, found["candidate"].recording
    assert old is not None
    assert new is not None
    assert old.arrivals_ns[0] - old.request_ns == 10_000_000
    assert new.arrivals_ns[0] - new.request_ns == 12_000_000


def test_its_sound_is_left_out() -> None:
    for each in find_typical([block((10, 11))]).values():
        assert each.recording is not None
        assert not isinstance(each.recording.pcm, bytes)


def test_a_text_that_one_version_did_not_speak_is_passed_over() -> None:
    whole = block((10, 11), (10, 12))
    silent = structs.replace(whole.by_arm["candidate"][0], recording=None, error="gone")
    arms = {**whole.by_arm, "candidate": (silent, whole.by_arm["candidate"][1])}
    found = find_typical([whole._replace(by_arm=arms)])
    assert found["candidate"].index == 1


def test_where_nothing_was_spoken_there_is_none() -> None:
    assert find_typical([]) == {}

"""Settings: how they are named, merged, and which of them are tried."""

from __future__ import annotations

import pytest

from pytest_ttsperf.alternatives import settings
from pytest_ttsperf.errors import LimitError
from pytest_ttsperf.experiment.plan import TargetFactory
from pytest_ttsperf.records import TargetSpec


def source(**options: object) -> TargetFactory:
    return TargetFactory(spec=TargetSpec(spec="engines:Tone", options=options))


def test_a_setting_changes_one_entry_and_leaves_the_others() -> None:
    options = {"session": {"arena": True, "spinning": False}, "threads": 1}
    merged = settings.merge(options, {"session": {"arena": False}})
    assert merged == {"session": {"arena": False, "spinning": False}, "threads": 1}
    assert settings.merge({"threads": 1}, {"threads": {"encode": 2}}) == {"threads": {"encode": 2}}


def test_each_setting_differs_from_the_target_by_itself_alone() -> None:
    lines = ["threads=2", 'session={"arena": true}']
    chosen = settings.settings_of(lines, "--x")
    default, threads, arena = settings.choose_candidates(source(voice="joe"), chosen)
    assert default.name == settings.DEFAULT
    assert default.source == source(voice="joe")
    assert threads.source.spec.options == {"voice": "joe", "threads": 2}
    assert arena.source.spec.options == {"voice": "joe", "session": {"arena": True}}
    assert arena.name == 'session={"arena": true}'


def test_what_the_target_has_already_is_not_compared_with_it() -> None:
    chosen = settings.settings_of(["threads=2", "threads=3"], "--x")
    names = [one.name for one in settings.choose_candidates(source(threads=2), chosen)]
    assert names == [settings.DEFAULT, "threads=3"]


@pytest.mark.parametrize("lines", [["threads"], ["threads=2", "threads=2"]])
def test_what_is_no_setting_or_comes_twice_is_an_error(lines: list[str]) -> None:
    with pytest.raises(LimitError, match="--ttsperf-setting: found"):
        settings.settings_of(lines, "--ttsperf-setting")


def test_the_usual_ones_have_threads_for_each_stage_that_the_target_names() -> None:
    found = settings.usual_settings({"stages": ["encode", "decode"]})
    by_name = {setting.name: setting.options for setting in found}
    assert by_name["threads=2 in decode"] == {"threads": {"decode": 2}}
    assert len(by_name) == len(settings.USUAL) + 2
    for placement in (None, {}, {"stages": ["model"]}):
        assert len(settings.usual_settings(placement)) == len(settings.USUAL)

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec import structs

from pytest_ttsperf.judge.statistics.attribution import OUTSIDE, attribute, describe
from pytest_ttsperf.records import Attribution, Block, StageChange
from tests.unit.judge.simulation import SHARES, arms, speak, speak_in_stages, wilson

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"


@pytest.fixture
def simulation(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("attribution_simulation")


def named(seed, stage, statistic="p50", blocks=12, **how):
    rng = np.random.default_rng(seed)
    return attribute(speak_in_stages(rng, blocks, stage, **how), statistic)


def with_stages(blocks, change):
    """The same blocks, with the stages that `change` makes of [arms, texts] by name."""
    changed = []
    for block in blocks:
        stages = {name: each.array() for name, each in block.stages_ms.items()}
        elapsed = block.elapsed_ms.array()
        others = elapsed - sum(stages.values())
        stages = change(stages)
        changed.append(
            structs.replace(
                block,
                elapsed_ms=arms(others + sum(stages.values())),
                stages_ms={name: arms(each) for name, each in stages.items()},
            )
        )
    return changed


def only_new(values):
    """[arms, texts] of the candidate alone."""
    return values * np.array([[0.0], [0.0], [1.0]])


def only_old(values):
    return values * np.array([[1.0], [1.0], [0.0]])


# One stage


@pytest.mark.parametrize("how", [{"slower": 0.05}, {"slower": 0.1}, {"slower": -0.1}])
def test_the_stage_that_moved_is_named(how):
    rng = np.random.default_rng(17)
    stages = [*SHARES, None] * 8
    found = [attribute(speak_in_stages(rng, 9, stage, **how)) for stage in stages]
    hits = [
        one.explained_by == ((stage or OUTSIDE),) for one, stage in zip(found, stages, strict=True)
    ]
    assert wilson(hits)[1] >= 0.95
    for one, stage in zip(found, stages, strict=True):
        assert one.explained_alone in (None, stage or OUTSIDE)


@pytest.mark.parametrize("stage", [*SHARES, None])
def test_a_stage_slow_in_one_text_of_ten_is_named_for_the_tail(stage):
    wanted = ((stage or OUTSIDE),)
    hits = [named(seed, stage, "p95", 20, tail=0.3).explained_by == wanted for seed in range(20)]
    assert wilson(hits)[1] >= 0.95
    few = [named(seed, stage, "p95", 6, tail=0.3).explained_by for seed in range(20)]
    assert set(few) <= {wanted, ()}, "it is not sure which, and never another"


def test_how_much_is_told_with_its_interval():
    found = named(1, "vocode", blocks=36, slower=0.1)
    first = found.stages[0]
    assert first.stage == "vocode"
    assert first.low_ms < 7.0 < first.high_ms
    assert first.low_ms < first.ms < first.high_ms
    assert first.share == pytest.approx(first.ms / found.total_ms)
    assert 0.8 < first.share < 1.2
    assert found.explained_alone == "vocode"
    assert found.explained_share == first.share


@pytest.mark.uncovered
def test_intervals_of_all_stages_together_cover_the_truth():
    rng = np.random.default_rng(23)
    hits = []
    for _ in range(200):
        found = attribute(speak_in_stages(rng, 10, "decode", slower=0.0))
        hits.append(all(row.low_ms <= 0 <= row.high_ms for row in found.stages))
    low, _ = wilson(hits)
    assert low >= 0.9


@pytest.mark.parametrize("statistic", ["p50", "p95"])
def test_stages_and_the_rest_make_the_whole(statistic):
    found = named(4, "text", statistic, slower=0.1)
    assert sum(row.share for row in found.stages) == pytest.approx(1, abs=0.05)
    assert {row.stage for row in found.stages} == {*SHARES, OUTSIDE}


@pytest.mark.uncovered
def test_unchanged_code_is_seldom_explained():
    hits = [bool(named(seed, None, blocks=8).explained_by) for seed in range(60)]
    assert wilson(hits)[0] <= 0.05


def test_stage_that_only_the_new_code_has():
    rng = np.random.default_rng(6)
    usual = speak_in_stages(rng, 6, None)
    blocks = with_stages(
        usual, lambda stages: {**stages, "denoise": only_new(np.full((3, 16), 11.0))}
    )
    found = attribute(blocks)
    assert found.explained_by == ("denoise",)
    assert found.stages[0].ms == found.stages[0].low_ms == pytest.approx(11.0)
    # reported in some blocks only: it took no time in the others
    some = [*blocks[:5], speak_in_stages(rng, 1, None)[0]]
    assert attribute(some).stages[0].ms == pytest.approx(11.0 * 5 / 6)


# Stages of one version only


def test_a_renamed_stage_is_one_row_with_the_difference():
    def rename(stages):
        vocode = stages.pop("vocode")
        return {**stages, "vocode": only_old(vocode), "synth": only_new(vocode)}

    usual = speak_in_stages(np.random.default_rng(31), 10, "decode", slower=0.1)
    found = attribute(with_stages(usual, rename))
    rows = {row.stage: row for row in found.stages}
    assert set(rows) == {"text", "decode", "vocode -> synth", OUTSIDE}
    before = {row.stage: row for row in attribute(usual).stages}
    assert rows["vocode -> synth"].ms == pytest.approx(before["vocode"].ms)
    assert found.explained_by == ("decode",)


def test_stages_that_are_split_and_merged_are_set_against_each_other():
    def rebuild(stages):
        decode, vocode = stages.pop("decode"), stages.pop("vocode")
        return {
            **stages,
            "decode": only_old(decode),
            "vocode": only_old(vocode),
            "acoustic": only_new(decode + 0.5 * vocode),
            "post": only_new(0.5 * vocode),
        }

    usual = speak_in_stages(np.random.default_rng(32), 10, "vocode", slower=0.1)
    found = attribute(with_stages(usual, rebuild))
    assert found.explained_by == ("decode, vocode -> acoustic, post",)
    assert 0.8 < found.explained_share < 1.2
    assert "of which (decode, vocode -> acoustic, post) +" in describe(found)


def test_a_stage_that_once_takes_time_in_the_old_code_is_no_new_one():
    def rename(stages):
        vocode = stages.pop("vocode")
        return {**stages, "vocode": only_old(vocode), "synth": only_new(vocode)}

    blocks = with_stages(speak_in_stages(np.random.default_rng(33), 8, None), rename)
    once = blocks[3].stages_ms["synth"].array()
    once[1, 2] = 0.1
    stages = {**blocks[3].stages_ms, "synth": arms(once)}
    blocks[3] = structs.replace(blocks[3], stages_ms=stages)
    assert {row.stage for row in attribute(blocks).stages} >= {"vocode", "synth"}


# Several stages


def test_what_gained_more_than_all_is_not_named_alone():
    """A stage that gave a part of itself away: the two are named, with their signs."""

    def split(stages):
        vocode = stages.pop("vocode")
        post = only_new(0.4 * vocode + 7.0)
        return {**stages, "vocode": only_old(vocode) + only_new(0.6 * vocode), "post": post}

    usual = speak_in_stages(np.random.default_rng(34), 10, None)
    found = attribute(with_stages(usual, split))
    assert found.explained_alone is None
    assert found.explained_by == ("post", "vocode")
    assert found.stages[0].share > 1.5
    assert 0.8 <= found.explained_share <= 1.5


def test_stages_that_overlap_and_are_each_all_of_it_are_named_together():
    def slow_both(stages):
        for name in ("decode", "vocode"):
            stages[name] = stages[name] + only_new(np.full((3, 16), 7.0))
        return stages

    blocks = []
    slowed = with_stages(speak_in_stages(np.random.default_rng(35), 10, None), slow_both)
    for block in slowed:
        elapsed = block.elapsed_ms.array() - only_new(np.full((3, 16), 7.0))
        blocks.append(structs.replace(block, elapsed_ms=arms(elapsed)))
    found = attribute(blocks)
    assert found.explained_alone is None
    assert set(found.explained_by) == {"decode", "vocode", OUTSIDE}


@pytest.mark.parametrize("arm_count", [3, 4])
def test_candidates_of_three_and_of_four_arms(monkeypatch, arm_count):
    """The candidate once more in a fourth row; what it is compared with is another's business."""
    from pytest_ttsperf.judge.statistics import attribution
    from pytest_ttsperf.records import Arms

    def contrast_arms(values):
        return np.stack([values[2:].mean(axis=0) - values[:2].mean(axis=0), values[0] - values[1]])

    three_rows = Arms.array

    def some_rows(self):
        rows = three_rows(self)
        return np.concatenate([rows, rows[2:]])[:arm_count]

    monkeypatch.setattr(attribution, "contrasts", contrast_arms)
    monkeypatch.setattr(Arms, "array", some_rows)
    assert named(36, "vocode", slower=0.1).explained_by == ("vocode",)
    assert named(37, "vocode", "p95", 24, tail=0.3).explained_by == ("vocode",)


# Real-like noise, as benchmarks/attribution_simulation.py has it


@pytest.mark.uncovered
@pytest.mark.parametrize(
    ("words", "least"),
    [
        ("unchanged", 0.8),
        ("renamed, nothing slower", 0.8),
        ("renamed, it is +8 %", 0.9),
        ("renamed, another is +8 %", 0.9),
        ("split into two new names", 0.9),
        ("split, one part has the old name", 0.9),
        ("two merged", 0.9),
        ("a new stage", 0.9),
        ("one of five, +5 %", 0.9),
        ("one of five, -10 %", 0.9),
        ("two of five, evenly, +10 %", 0.9),
        ("five, evenly, +10 %", 0.9),
        ("one +20 %, another -10 %", 0.9),
        ("p95: one text in ten, one stage", 0.8),
    ],
)
def test_who_is_named(simulation, words, least):
    (scenario,) = [one for one in simulation.SCENARIOS if one.name.startswith(words)]
    answers = simulation.count_answers(scenario, count=20, blocks=10, texts=38)
    assert answers.right >= least * 20
    assert answers.wrong <= 2
    if answers.blame is not None:
        assert 0.7 <= answers.blame <= 1.3


@pytest.mark.uncovered
@pytest.mark.parametrize(
    ("words", "most"),
    [("five, evenly", 0), ("two of five, evenly", 2), ("p95: one text in ten, f", 0)],
)
def test_what_is_spread_is_not_put_down_to_one(simulation, words, most):
    """One of two halves is named alone where chance makes it surely more than a half."""
    scenarios = [one for one in simulation.SCENARIOS if one.name.startswith(words)]
    rng = np.random.default_rng(41)
    alone = []
    for scenario in scenarios:
        for _ in range(15):
            blocks = simulation.simulate_blocks(rng, scenario)
            alone.append(attribute(blocks, scenario.statistic).explained_alone)
    assert len(alone) - alone.count(None) <= most


def test_an_answer_of_an_earlier_version_is_understood(simulation):
    for explained, stages in (("vocode", {"vocode"}), (None, set()), (("a", "b"), {"a", "b"})):
        found = Attribution(total_ms=1.0, stages=(), explained_alone=None, explained_by=explained)
        assert simulation.named_stages(found) == stages


# What it is computed from


def test_texts_that_one_arm_did_not_tell_are_left_out():
    rng = np.random.default_rng(7)
    whole = speak_in_stages(rng, 5, "decode", slower=0.1)
    holes, fewer = [], []
    for block in whole:
        broken = block.stages_ms["text"].array()
        broken[2, 3] = np.nan
        holes.append(structs.replace(block, stages_ms={**block.stages_ms, "text": arms(broken)}))

        def without(one):
            return arms(np.delete(one.array(), 3, axis=1))

        fewer.append(
            Block(
                metric=without(block.metric),
                elapsed_ms=without(block.elapsed_ms),
                stages_ms={name: without(one) for name, one in block.stages_ms.items()},
            )
        )
    assert attribute(holes) == attribute(fewer)


def test_nothing_is_said_without_stages():
    rng = np.random.default_rng(8)
    assert attribute(speak(rng, 6)) is None
    told = speak_in_stages(rng, 6, None)
    assert attribute([structs.replace(block, elapsed_ms=None) for block in told]) is None
    assert attribute([*told[:2], *speak(rng, 4)]) is None
    assert attribute([]) is None


@pytest.mark.parametrize(("missing", "is_told"), [(8, True), (9, False), (16, False)])
def test_blocks_that_tell_stages_of_few_texts_do_not_count(missing, is_told):
    blocks = []
    for block in speak_in_stages(np.random.default_rng(9), 4, None):
        broken = block.stages_ms["text"].array()
        broken[1, :missing] = np.nan
        stages = {**block.stages_ms, "text": arms(broken)}
        blocks.append(structs.replace(block, stages_ms=stages))
    assert (attribute(blocks) is not None) is is_told


def test_stages_of_other_texts_are_refused():
    rng = np.random.default_rng(9)
    blocks = speak_in_stages(rng, 3, None)
    short = arms(np.ones((3, 4)))
    wrong = [structs.replace(block, stages_ms={"text": short}) for block in blocks]
    with pytest.raises(ValueError, match=r"found \[16, 16, 4\] texts .* wanted the same"):
        attribute(wrong)


# Words and files


def row(stage, ms, half_width=0.5):
    return StageChange(
        stage=stage, ms=ms, low_ms=ms - half_width, high_ms=ms + half_width, share=ms / 11.2
    )


def explained(*stages, share=None, total_ms=11.2, rows=None):
    rows = rows or [row("encode", 4.1), row("decode", 3.9), row("vocode", 2.2), row("text", 0.1)]
    return Attribution(
        total_ms=total_ms,
        stages=tuple(rows),
        explained_alone=stages[0] if len(stages) == 1 else None,
        explained_by=stages,
        explained_share=share,
    )


def test_words_for_one_stage_for_several_and_for_none():
    alone = explained("vocode -> synth", share=0.97, rows=[row("vocode -> synth", 10.9, 0.8)])
    assert describe(alone) == "of which (vocode -> synth) +10.9 ms (+10.1 to +11.7)"
    several = explained("encode", "decode", "vocode", share=0.91)
    assert describe(several) == "of which encode +4.1, decode +3.9 and vocode +2.2 ms together 91 %"
    some = explained()
    assert describe(some) == "of which only encode +4.1, decode +3.9 and vocode +2.2 ms are sure"
    one = explained(rows=[row("encode", 4.1), row("decode", 0.2), row("text", -3.0)])
    assert describe(one) == "of which only encode +4.1 ms is sure"
    none = explained(rows=[row("encode", 0.4), row("decode", -0.4)])
    assert describe(none) == "in which no stage surely has a part"


def test_files_have_the_one_stage_under_its_old_name():
    """Scripts and earlier versions of the plugin go on reading it (docs/adr/0032)."""
    one = msgspec.json.decode(msgspec.json.encode(explained("vocode", share=0.97)))
    assert (one["explained_by"], one["explained_by_stages"]) == ("vocode", ["vocode"])
    several = explained("encode", "decode", share=0.9)
    body = msgspec.json.encode(several)
    assert msgspec.json.decode(body)["explained_by"] is None
    assert msgspec.json.decode(body, type=Attribution) == several


def test_files_of_earlier_versions_are_read():
    earlier = b'{"total_ms": 11.2, "stages": [], "explained_by": "vocode"}'
    found = msgspec.json.decode(earlier, type=Attribution)
    assert found.explained_alone == "vocode"
    assert found.explained_by == ()

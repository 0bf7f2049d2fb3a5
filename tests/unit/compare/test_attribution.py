from __future__ import annotations

import numpy as np
import pytest
from msgspec import structs

from pytest_ttsperf.compare.attribution import OUTSIDE, attribute
from pytest_ttsperf.records import Block
from tests.unit.judge.simulation import SHARES, arms, speak, speak_in_stages, wilson


def named(seed, stage, statistic="p50", blocks=12, **how):
    rng = np.random.default_rng(seed)
    return attribute(speak_in_stages(rng, blocks, stage, **how), statistic)


@pytest.mark.parametrize("how", [{"slower": 0.05}, {"slower": 0.1}, {"slower": -0.1}])
def test_the_stage_that_moved_is_named(how):
    rng = np.random.default_rng(17)
    stages = [*SHARES, None] * 8
    found = [attribute(speak_in_stages(rng, 9, stage, **how)) for stage in stages]
    hits = [
        one.explained_by == (stage or OUTSIDE) for one, stage in zip(found, stages, strict=True)
    ]
    assert all(hits)


@pytest.mark.parametrize("stage", [*SHARES, None])
def test_a_stage_slow_in_one_text_of_ten_is_named_for_the_tail(stage):
    hits = [
        named(seed, stage, "p95", 12, tail=0.3).explained_by == (stage or OUTSIDE)
        for seed in range(20)
    ]
    assert wilson(hits)[1] >= 0.95


def test_how_much_is_told_with_its_interval():
    found = named(1, "vocode", blocks=36, slower=0.1)
    first = found.stages[0]
    assert first.stage == "vocode"
    assert first.low_ms < 7.0 < first.high_ms
    assert first.low_ms < first.ms < first.high_ms
    assert first.share == pytest.approx(first.ms / found.total_ms)
    assert 0.8 < first.share < 1.2


def test_intervals_of_stages_cover_the_truth():
    rng = np.random.default_rng(23)
    hits = []
    for _ in range(100):
        found = attribute(speak_in_stages(rng, 10, "decode", slower=0.0))
        hits += [row.low_ms <= 0 <= row.high_ms for row in found.stages]
    low, high = wilson(hits, 0.999)
    assert low <= 0.95 <= high


@pytest.mark.parametrize("statistic", ["p50", "p95"])
def test_stages_and_the_rest_make_the_whole(statistic):
    found = named(4, "text", statistic, slower=0.1)
    assert sum(row.share for row in found.stages) == pytest.approx(1, abs=0.05)
    assert {row.stage for row in found.stages} == {*SHARES, OUTSIDE}


def test_unchanged_code_is_seldom_explained():
    hits = [named(seed, None, blocks=8).explained_by is not None for seed in range(60)]
    # the largest of four intervals at 2.5 % each side
    assert wilson(hits)[0] <= 4 * 0.05


def test_stage_that_only_the_new_code_has():
    rng = np.random.default_rng(6)
    blocks = []
    for block in speak_in_stages(rng, 6, None):
        extra = np.zeros((3, 16))
        extra[2] = 11.0
        elapsed = block.elapsed_ms.array() + extra
        stages = {**block.stages_ms, "denoise": arms(extra)}
        blocks.append(structs.replace(block, elapsed_ms=arms(elapsed), stages_ms=stages))
    found = attribute(blocks)
    assert found.explained_by == "denoise"
    assert found.stages[0].ms == found.stages[0].low_ms == pytest.approx(11.0)
    # told in some blocks only: it took no time in the others
    some = [*blocks[:5], speak_in_stages(rng, 1, None)[0]]
    assert attribute(some).stages[0].ms == pytest.approx(11.0 * 5 / 6)


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

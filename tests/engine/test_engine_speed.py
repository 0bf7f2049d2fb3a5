"""Speaking faster and slower: every voice family, whole and in chunks."""

from __future__ import annotations

from itertools import pairwise

import pytest

from engine.engine import Engine
from engine.errors import OptionError

TEXT = "The quick brown fox jumps over the lazy dog. Nobody asked why."


@pytest.mark.parametrize("name", ["voice", "joe"], ids=["heart", "joe"])
def test_faster_is_shorter_and_no_word_is_lost(name: str, request: pytest.FixtureRequest) -> None:
    engine: Engine = request.getfixturevalue(name)
    spoken = {speed: list(engine.stream(TEXT, speed=speed)) for speed in (0.5, 1.0, 1.5)}
    lengths_s = [sum(chunk.duration_s for chunk in chunks) for chunks in spoken.values()]
    words = [[w.text for c in chunks for w in c.words] for chunks in spoken.values()]
    assert lengths_s[0] / lengths_s[1] == pytest.approx(2, rel=0.25)
    assert lengths_s[1] / lengths_s[2] == pytest.approx(1.5, rel=0.25)
    assert all(first == second for first, second in pairwise(words))
    assert engine.synthesize(TEXT, speed=1.0).pcm16() == engine.synthesize(TEXT).pcm16()


@pytest.mark.parametrize("speed", [0.2, 4.1, 0, -1, float("nan"), True, "2"])
def test_an_unfit_speed_is_told(speed: float, voice: Engine) -> None:
    with pytest.raises(OptionError, match=r"wanted a number from 0.25 to 4; 1 is the voice's own"):
        voice.stream(TEXT, speed=speed)

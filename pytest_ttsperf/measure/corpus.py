"""What is spoken: a preset's texts, a different one for each trial.

A cache serves a repeated text at once, and a prefix cache serves a text that begins like another.
So no trial repeats a text, and no two texts of a preset begin with the same word. They last as long
as the preset's own wording, within 8 % with the voice they were chosen with, and their order is the
same for everyone. Each run starts at another place in it, so that no set of texts is lucky for
ever. `benchmarks/make_corpus.py` writes them.
"""

import random
import re
from functools import cache
from hashlib import sha256
from importlib.resources import files

from pytest_ttsperf.errors import MeasurementError

PRESETS: tuple[str, ...] = ("short", "medium", "long")
WARMUP_RESERVE = 40  # texts at the end of the order that no trial takes
VERSION_DIGITS = 8

_ORDER = "ttsperf-1"  # part of what a cell means: another value makes old runs incomparable


class UnknownPreset(MeasurementError, ValueError):
    """The name is none of PRESETS."""


class CorpusExhausted(MeasurementError, ValueError):
    """More distinct texts were wanted than the preset has; none is ever repeated."""


def is_preset(name: str) -> bool:
    return name in PRESETS


def texts(preset: str, count: int, *, skip: int = 0, start: int = 0) -> tuple[str, ...]:
    """The texts of `count` trials, after `skip` trials already spoken in this cell.

    The first of all is number `start` of the order, and behind the last comes number 0, which is
    the preset's own wording; a number beyond the last counts on from 0. Raises UnknownPreset,
    CorpusExhausted, and ValueError for a negative number.
    """
    if start < 0:
        raise ValueError(f"start is 0 or more, not {start}")
    trials = _order(preset)[:-WARMUP_RESERVE]
    start %= len(trials)
    trials = trials[start:] + trials[:start]
    return _take(trials, count, skip, f"trials of preset {preset!r}")


@cache
def version(preset: str) -> str | None:
    """Hex digits that change with any text of the preset or their order; None for another text.

    Figures of two versions are of different work, and are not compared.
    """
    if not is_preset(preset):
        return None
    lines = "\n".join(_order(preset))
    return sha256(lines.encode()).hexdigest()[:VERSION_DIGITS]


def trial_count(preset: str) -> int:
    """How many distinct texts trials can take. Raises UnknownPreset."""
    return len(_order(preset)) - WARMUP_RESERVE


def draw_start() -> int:
    """A number at which the texts of a run may start: any of a preset's, each as likely.

    Drawn by the system, as a test may have seeded `random`.
    """
    most = max(trial_count(preset) for preset in PRESETS)
    return random.SystemRandom().randrange(most)


def warmup_texts(preset: str, count: int) -> tuple[str, ...]:
    """Texts that no trial speaks. Raises as `texts` does."""
    warmups = _order(preset)[: -WARMUP_RESERVE - 1 : -1]
    return _take(warmups, count, 0, f"warm-ups of preset {preset!r}")


def fresh_texts(preset: str, count: int) -> tuple[str, ...]:
    """Texts that nobody has ever spoken: words of the preset in an order of this very moment.

    They make little sense, and no cache of any age can hold them.
    """
    rng = random.SystemRandom()
    order = _order(preset)
    words = [word.strip(".,") for word in " ".join(order).split()]
    fresh = []
    for text in order[:count]:
        shuffled = " ".join(rng.sample(words, len(text.split())))
        fresh.append(f"{shuffled.capitalize()}.")
    return tuple(fresh)


def _take(pool: tuple[str, ...], count: int, skip: int, what: str) -> tuple[str, ...]:
    if count < 0 or skip < 0:
        raise ValueError(f"count and skip are 0 or more, not {count} and {skip}")
    if skip + count > len(pool):
        raise CorpusExhausted(
            f"{what}: there are {len(pool)} distinct texts, {skip + count} were wanted"
            f" ({skip} spoken before, {count} now); ask for fewer, or give texts of your own"
        )
    return pool[skip : skip + count]


@cache
def _order(preset: str) -> tuple[str, ...]:
    if not is_preset(preset):
        raise UnknownPreset(f"no preset {preset!r}; presets are {', '.join(PRESETS)}")
    path = files("pytest_ttsperf.measure") / "texts" / f"{preset}.txt"
    first, *others = path.read_text(encoding="utf-8").splitlines()
    # By hash, since random.shuffle promises the same order to no two Python versions.
    return (first, *sorted(others, key=_place))


def _place(text: str) -> bytes:
    return sha256(f"{_ORDER}:{text}".encode()).digest()


# Seconds of speech: the guard against texts cut short and speech sped up. Fitted to the corpus in
# the voice "heart": spoken over estimated is 0.83 to 1.13 (short), 0.90 to 1.13 (medium), 0.94 to
# 1.07 (long), so every text stands at least 1.34 times above the least. Of the first 60 texts each
# (short, medium, long), 60, 60, 60 fall below it at double speed, which takes 0.53 of the time, and
# 56, 59, 60 with half of their words; only 26, 46, 59 if the voice's 0.8 s of silence is counted.
SECONDS_PER_SYLLABLE = 0.078
SECONDS_PER_LETTER = 0.041
SECONDS_PER_COMMA = 0.2
SECONDS_PER_SENTENCE = 0.8
LEAST, MOST = 0.62, 1.75
SLACK_S = 1.0  # so that a word or two, and silence left standing, are not too long

_ABBREVIATIONS = {"dr": 2, "mr": 2, "mrs": 2, "ms": 1, "prof": 3, "st": 1, "ave": 3}
# Syllables of zero to nineteen and of the tens; a zero inside a number is not spoken.
_TEENS = tuple(map(int, "01111112111312222322"))
_TENS = tuple(map(int, "0022222322"))
_TOKEN = re.compile(r"\d+|[^\W\d_]+(?:'[^\W\d_]+)?")
_COMMA = re.compile(r"[,;:](?=\s)")
_MUTE_ENDING = r"([^aeiouyl]|[aeiouy]l)e$|[^aeiouydt]ed$|([^aeiouycgsxzhl]|[aeiouy]l)es$"
"""Where the last vowel is mute: made, walked, trombones; not table, wanted, boxes."""
_SENTENCE_END = re.compile(r"(?<!\bDr)(?<!\bM[rs])(?<!\bMrs)(?<!\bProf)[.!?]+\s+(?=[A-Z\"'])")


def speech_band_s(text: str) -> tuple[float, float]:
    """The least and the most seconds that English `text` may believably last when spoken.

    From the first sound to the last, so silence before and after is to be left out; pauses inside
    count. An estimate from syllables and punctuation, times LEAST and MOST.
    """
    pauses_s = SECONDS_PER_COMMA * len(_COMMA.findall(text))
    pauses_s += SECONDS_PER_SENTENCE * len(_SENTENCE_END.findall(text))
    usual_s = pauses_s + sum(map(_seconds_of_token, _TOKEN.findall(text)))
    return LEAST * usual_s, MOST * usual_s + SLACK_S


def _seconds_of_token(token: str) -> float:
    syllables = _syllables(token)
    letters = len(token)
    if token.isdecimal() or token.isupper() or token.casefold() in _ABBREVIATIONS:
        letters = 3 * syllables  # "123", "RTF" and "Dr" are longer than they are written
    return SECONDS_PER_SYLLABLE * syllables + SECONDS_PER_LETTER * letters


def _syllables(token: str) -> int:
    if token.isdecimal():
        return _syllables_of_number(token)
    if token.isupper() and 1 < len(token) < 6:  # spelled: RTF
        return len(token) + 2 * token.count("W")
    word = token.casefold()
    if word in _ABBREVIATIONS:
        return _ABBREVIATIONS[word]
    count = len(re.findall(r"[aeiouy]+", word))
    if re.search(_MUTE_ENDING, word):
        count -= 1
    return max(1, count)


def _syllables_of_number(digits: str) -> int:
    if len(digits) > 6 or digits[0] == "0":  # read one by one
        return sum(_TEENS[int(digit)] or 2 for digit in digits)
    thousands, rest = divmod(int(digits), 1000)
    hundreds, rest = divmod(rest, 100)
    count = 0
    if thousands:
        count += _syllables_of_number(str(thousands)) + 2
    if hundreds:
        count += _TEENS[hundreds] + 2
    if rest < 20:
        return count + _TEENS[rest]
    return count + _TENS[rest // 10] + _TEENS[rest % 10]

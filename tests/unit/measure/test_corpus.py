import random
import re
from hashlib import sha256
from itertools import combinations

import pytest

from pytest_ttsperf.measure import corpus
from pytest_ttsperf.measure.corpus import CorpusExhausted, speech_band_s, texts, warmup_texts
from tests.examples import examples

SIZE = 640
TRIALS = SIZE - corpus.WARMUP_RESERVE
FIRST = {
    "short": "This is a short test sentence for TTFA and streaming cadence.",
    "medium": (
        "This is a medium length paragraph used to benchmark real-time factor and end-to-end"
        " latency across providers and modes in a reproducible way."
    ),
    "long": (
        "This is a long paragraph intended to exercise sustained synthesis performance, including"
        " punctuation, numerals such as 123 and 456, abbreviations like Dr. and St., and varied"
        " phonetic content. It should be long enough to measure RTF reliably."
    ),
}
MAX_SHARED = {"short": 0.34, "medium": 0.3, "long": 0.3}
ABBREVIATION = re.compile(r"\b(Dr|Mr|Mrs|Ms|Prof|St|Ave)\.")

each_preset = pytest.mark.parametrize("preset", corpus.PRESETS)


def everything(preset):
    return (
        *texts(preset, TRIALS),
        *reversed(warmup_texts(preset, corpus.WARMUP_RESERVE)),
    )


def bare_words(text):
    return [word.strip(".,?!").casefold() for word in text.split()]


def test_first_texts_cover_the_presets():
    assert tuple(FIRST) == corpus.PRESETS


@each_preset
def test_first_trial_speaks_the_presets_own_wording(preset):
    assert texts(preset, 1) == (FIRST[preset],)


@each_preset
def test_no_text_twice_across_trials_and_warmups(preset):
    assert len(everything(preset)) == len(set(everything(preset))) == SIZE


def test_presets_share_no_text():
    assert len({text for preset in corpus.PRESETS for text in everything(preset)}) == 3 * SIZE


@each_preset
def test_first_words_all_differ(preset):
    assert len({bare_words(text)[0] for text in everything(preset)}) == SIZE


@each_preset
def test_any_two_texts_share_few_words(preset):
    """Of the words of four letters or more, counted against the text that has fewer."""
    sets = [{w for w in bare_words(text) if len(w) >= 4} for text in everything(preset)]
    worst = max(len(a & b) / min(len(a), len(b)) for a, b in combinations(sets, 2))
    assert worst <= MAX_SHARED[preset]


@each_preset
def test_no_clause_is_repeated(preset):
    """An engine may cut at punctuation, and cache what it cut."""
    clauses = [
        clause.casefold()
        for text in everything(preset)
        for clause in re.split(r"(?<=[,.?!])\s", ABBREVIATION.sub(r"\1", text))
        if len(clause.split()) > 2
    ]
    assert len(clauses) == len(set(clauses))


@pytest.mark.parametrize(
    ("preset", "fewest", "most"), [("short", 8, 13), ("medium", 19, 26), ("long", 36, 52)]
)
def test_texts_are_of_the_presets_kind(preset, fewest, most):
    for text in everything(preset):
        assert fewest <= len(text.split()) <= most, text
        assert text[0].isupper(), text
        assert text[-1] in ".?!", text
        assert text.isascii(), text
        assert bool(re.search(r"\b\d{3}\b", text)) == (preset == "long"), text
        assert bool(ABBREVIATION.search(text)) == (preset == "long"), text
        assert ("," in text) == (preset == "long"), text


@each_preset
def test_order_ignores_the_global_random_state(preset):
    random.seed(1)
    corpus._order.cache_clear()
    one = texts(preset, 50)
    random.seed(2)
    state = random.getstate()
    corpus._order.cache_clear()
    assert texts(preset, 50) == one
    assert random.getstate() == state


@pytest.mark.parametrize(
    ("preset", "digest"),
    [("short", "a1ac35c1448f"), ("medium", "4b58ff8d689d"), ("long", "f8450393cc1b")],
)
def test_texts_and_order_are_pinned(preset, digest):
    """Others make cells incomparable with those of earlier versions: change them on purpose."""
    spoken = "\n".join((*texts(preset, TRIALS), *warmup_texts(preset, corpus.WARMUP_RESERVE)))
    assert sha256(spoken.encode()).hexdigest()[:12] == digest


@each_preset
def test_order_is_not_the_order_of_the_file(preset):
    path = corpus.files("pytest_ttsperf.measure") / "texts" / f"{preset}.txt"
    lines = path.read_text(encoding="utf-8").splitlines()
    assert sorted(everything(preset)) == sorted(lines)
    assert everything(preset) != tuple(lines)


@each_preset
def test_skip_goes_on_where_the_cell_stopped(preset):
    assert texts(preset, 20) + texts(preset, 30, skip=20) == texts(preset, 50)


@each_preset
def test_from_another_place_on_the_order_is_the_same_and_goes_round(preset):
    everything_once = texts(preset, TRIALS)
    assert texts(preset, 20, start=7) == everything_once[7:27]
    around = texts(preset, TRIALS, start=590)
    assert around == everything_once[590:] + everything_once[:590]
    assert texts(preset, 5, skip=8, start=590) == around[8:13]
    assert texts(preset, 5, start=TRIALS + 3) == everything_once[3:8]
    assert not set(around) & set(warmup_texts(preset, corpus.WARMUP_RESERVE))


def test_going_round_repeats_nothing():
    with pytest.raises(CorpusExhausted):
        texts("short", 2, skip=TRIALS - 1, start=300)
    with pytest.raises(ValueError, match="start is 0 or more"):
        texts("short", 1, start=-1)


def test_a_start_is_any_text_whatever_a_test_has_seeded():
    drawn = set()
    for _ in range(20):
        random.seed(1)
        drawn.add(corpus.draw_start())
    assert len(drawn) > 10
    assert drawn <= set(range(TRIALS))


@each_preset
def test_more_warmups_keep_the_earlier_ones(preset):
    assert warmup_texts(preset, 3) == warmup_texts(preset, 5)[:3]


def test_nothing_wanted_is_nothing_given():
    assert texts("short", 0, skip=TRIALS) == warmup_texts("short", 0) == ()


@pytest.mark.parametrize(("count", "skip"), [(TRIALS + 1, 0), (1, TRIALS), (400, 201)])
def test_exhausted_trials_say_what_there_is_and_what_was_wanted(count, skip):
    with pytest.raises(CorpusExhausted, match=rf"{TRIALS} distinct.*{count + skip} were wanted"):
        texts("medium", count, skip=skip)


def test_exhausted_warmups_say_so():
    with pytest.raises(CorpusExhausted, match="warm-ups of preset 'long': there are 40"):
        warmup_texts("long", 41)


@pytest.mark.parametrize(("count", "skip"), [(-1, 0), (1, -1)])
def test_negative_counts_are_refused(count, skip):
    with pytest.raises(ValueError, match="0 or more"):
        texts("short", count, skip=skip)


@pytest.mark.parametrize("ask", [texts, warmup_texts])
@pytest.mark.parametrize("name", ["huge", "Short", "", "../short"])
def test_unknown_preset_names_the_presets(ask, name):
    assert not corpus.is_preset(name)
    with pytest.raises(corpus.UnknownPreset, match="short, medium, long"):
        ask(name, 1)


@each_preset
def test_presets_are_presets(preset):
    assert corpus.is_preset(preset)


# speech_band_s


@pytest.mark.parametrize(
    ("word", "syllables"),
    [
        ("cat", 1), ("made", 1), ("table", 2), ("walked", 1), ("wanted", 2), ("boxes", 2),
        ("vegetables", 4), ("7", 2), ("123", 6), ("700", 4), ("2024", 6), ("65536", 11),
        ("0", 2), ("007", 6), ("1234567", 8), ("RTF", 3), ("WAV", 5), ("I", 1), ("Dr", 2),
    ],
)  # fmt: skip
def test_syllables(word, syllables):
    assert corpus._syllables(word) == syllables


@pytest.mark.parametrize("digits", ["7", "42", "123", "2024", "65536"])
def test_more_digits_take_longer(digits):
    assert speech_band_s(digits + "1")[1] > speech_band_s(digits)[1]


def test_band_of_nothing_begins_at_zero():
    assert speech_band_s(" ")[0] == 0.0


def test_pauses_take_time():
    plain, comma, stop = (speech_band_s(f"It rained{mark} We left")[0] for mark in ("", ",", "."))
    assert plain < comma < stop


@pytest.mark.parametrize("title", ["Dr.", "Mr.", "Mrs.", "Ms.", "Prof."])
def test_a_title_ends_no_sentence(title):
    bare = title.removesuffix(".")
    assert speech_band_s(f"Here is {title} Lee.") == speech_band_s(f"Here is {bare} Lee.")


# With the real voice


@pytest.fixture(scope="module")
def voice():
    return pytest.importorskip("hibari").Hibari()


def speech_s(voice, text, *, speed=1.0):
    loud = abs(voice(text, speed=speed, seed=0)) > 0.01
    where = loud.nonzero()[0]
    return (where[-1] - where[0]) / voice.sample_rate


@pytest.fixture(scope="module", params=corpus.PRESETS)
def spoken(request, voice):
    """Seeded texts of one preset and their seconds of speech, the preset's wording first."""
    pool = everything(request.param)
    count = min(25, examples(12))
    chosen = [pool[0], *random.Random(7).sample(pool[1:], count)]
    return {text: speech_s(voice, text) for text in chosen}


def test_texts_last_as_long_as_the_first(spoken):
    first, *others = spoken.values()
    assert max(abs(seconds / first - 1) for seconds in others) <= 0.10


def test_band_holds_the_voice_and_not_half_of_it(spoken):
    for text, seconds in spoken.items():
        least, most = speech_band_s(text)
        assert seconds / 2 < least < 0.85 * seconds, text
        assert 1.25 * seconds < most, text


def test_band_excludes_double_speed(voice):
    text = FIRST["medium"]
    assert speech_s(voice, text, speed=2.0) < speech_band_s(text)[0]


def test_a_version_is_of_all_texts_of_one_preset(monkeypatch):
    versions = {preset: corpus.version(preset) for preset in corpus.PRESETS}
    assert len(set(versions.values())) == 3
    order = corpus._order("short")
    changed = (*order[:-1], order[-1] + "!")
    monkeypatch.setattr(corpus, "_order", lambda preset: changed)
    assert corpus.version.__wrapped__("short") != versions["short"]


def test_a_text_of_ones_own_has_no_version():
    assert corpus.version("Hello there 1a2b3c4d") is None

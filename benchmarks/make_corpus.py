"""Writes the trial texts of every preset: `python benchmarks/make_corpus.py`.

Seeded sentences from templates and the word lists of `corpus_words`. Each candidate is spoken by
the real voice and kept when it lasts as long as the preset's own wording, opens with a word no
other text opens with, and shares few words with those already corpus. The same voice gives the same
files. Name presets to write only those.
"""

import random
import re
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import corpus_words as w
import numpy as np
from hibari import Hibari

TEXTS_DIR = Path(__file__).resolve().parent.parent / "pytest_ttsperf" / "measure" / "texts"
SIZE = 640
SEED = 20251030
MAX_OFF = 0.08  # of the first text's duration, so that another voice stays within 10 %
# Share of words of four letters or more, of the text that has fewer of them, found in any other.
MAX_SHARED = {"short": 0.34, "medium": 0.3, "long": 0.3}
RUN = {"short": 5, "medium": 6, "long": 8}  # words in a row that no two texts share
SILENCE = 0.01  # of full scale

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
WORD_COUNTS = {"short": (8, 13), "medium": (19, 26), "long": (36, 52)}

# {A} agents, {a} agent, {t} trait, {J} adjective, {O} objects; verbs: {V} past, {Vb} base,
# {Vg} -ing, {Vn} participle; {L} place, {P} near a place, {p} the same in fewer words, {E} event in
# the past, {e} in the present, {U} purpose, {N} name, {C} city, {from} what ties objects to a city,
# {S} Dr. Who, {X} Oak St., {#} number, {T} time, {K} tail, {M} manner; the rest name a list of
# corpus_words.
SHORT = (
    "{A} {V} {J} {O} {p} {T}.",
    "{N} {V} {O} and {O} {p}.",
    "{Vb} the {O} {p} before {e}.",
    "{Vg} {O} {p} {EFFECTS}.",
    "{OPENERS} the {a} {V} {J} {O} {p}.",
    "{J} {O} were {Vn} {p} {T}.",
    "{C} {A} {V} {J} {O} before {E}.",
    "{DETERMINERS} {t} {A} {V} {O} {p}.",
    "{t} {A} {V} {O} after {E}.",
    "{O} were {Vn} {p} by {A} from {C}.",
    "{SOMEBODY} {THOUGHTS} that {A} {V} {O} {T}.",
    "{QUESTION} the {a} from {C} {Vb} {J} {O} before {MOMENTS}?",
    "{N} and the {a} {V} {J} {O} {T}.",
    "{PREPOSITIONS} the {L} the {a} {V} {J} {O}.",
)
MEDIUM = (
    "{t} {A} from {C} {V} {J} {O} {P} so that the {t} {A} could {U}.",
    "{A} who had {M} {Vn} {J} {O} {T} later {V} the {O} {P} in order to {U}.",
    "{N} and several {t} {A} {V} the {J} {O} {P} and {M} {V} the {O} {T}.",
    "{Vg} {J} {O} {p} {T} helped the {t} {A} from {C} to {U} long before {E}.",
    "{Vb} the {J} {O} and the {J} {O} {p} before {e} so that the {A} can {U}.",
    "{J} {O} and {O} {from} {C} were {M} {Vn} {p} by {t} {A} who wanted to {U}.",
    "{OPENERS} the {t} {a} from {C} {V} {J} {O} and {V} {J} {O} {p} {K}.",
    "{DETERMINERS} {t} {A} from {C} offered to {Vb} {J} {O} {P} {T} in order to {U}.",
    "{QUESTION} the {t} {A} from {C} {Vb} the {J} {O} {P} and still {U} before {MOMENTS}?",
    "{N} {PERSUADED} the {A} to {Vb} {J} {O} and {J} {O} {P} {K} after {E}.",
    "{C} {A} have {M} {Vn} {J} {O} {p} ever since {E} and still hope to {U}.",
    "{SOMEBODY} in {C} {THOUGHTS} that the {t} {A} could {U} by {Vg} {J} {O} {p}.",
    "{O} {Vn} by {t} {A} from {C} were later {M} {Vn} {p} {T} in order to {U}.",
    "{PREPOSITIONS} the {L} the {t} {A} {V} {J} {O} and {J} {O} {K} until {E}.",
)
# Openings that end with the objects, and what may be said of those.
LONG_OPENINGS = (
    "{A} from {C} {V} {J} {O} and {O} {p}",
    "{OPENERS} the {t} {a} from {C} {V} the {O} {p}",
    "{N} and the {A} {M} {V} the {J} {O} {p}",
    "{J} {O} and {J} {O} were {Vn} {p} {T}",
    "{DETERMINERS} {t} {A} from {C} {V} the {J} {O} {p}",
    "{O} and {O} {from} {C} were {Vn} {p} before {E}",
    "{PREPOSITIONS} the {L} the {t} {A} {V} {J} {O} {T}",
)
LONG_DETAILS = (
    "including {#} {J} {O} from {X} and {#} {O} {from} {C}",
    "among them {#} {O} for {S} and {#} {O} for {N}",
    "of which {#} went to {S} on {X} and {#} went to {C}",
    "together with {#} {O} that {S} had noticed on {X}",
)
# Openings of any kind, and asides that go with all of them.
LONG_LOOSE_OPENINGS = (
    "{t} {A} in {C} agreed to {Vb} {J} {O} {T}",
    "{Vg} {J} {O} {p} kept the {A} occupied for {COUNTS} {SPANS}",
    "{C} {A} {V} {J} {O} {p} in order to {U}",
    "{N} {PERSUADED} the {t} {A} to {Vb} the {O} {p}",
    "{SOMEBODY} in {C} {THOUGHTS} that the {A} would {Vb} {J} {O}",
)
LONG_ASIDES = (
    "although {S} counted only {#} {O} and {#} {O}",
    "even though {S} of {X} wanted no more than {#}",
    "because {S} needed {#} of them and {S} wanted another {#}",
    "so {S} sent {#} {O} to {X} the same day",
    "while {S} and {S} reserved {#} {O} on {X}",
)
LONG_ENDINGS = (
    "as other {A} {V} the {J} {O} {p}",
    "and the {A} {M} {V} {J} {O} until {E}",
    "in the hope that {A} could {U}",
    "and the remaining {O} were {Vn} before {E}",
    "and {t} {A} hurried to {C} to {U}",
    "just as {E} and {A} began to {U}",
)
LONG_IMPERATIVES = (
    "{Vb} the {J} {O} {p} before {e}, especially the {#} {O} from {X},"
    " and ask {S} about the {#} {O} that {A} {V} {p}",
    "{Vb} the {O} {p} as soon as {e}, count the {#} {O} that {S} left on {X},"
    " and remind the {t} {A} to {Vb} the {J} {O}",
)
LONG_CLOSINGS = (
    "The {THINGS} seemed {JUDGEMENTS} enough to convince even the {AUDIENCES}.",
    "There was enough {REMAINDERS} for everyone who stayed until {MOMENTS}.",
    "Most of the {AUDIENCES} later called the {THINGS} {JUDGEMENTS}.",
    "It seemed wise to {SENSIBLE} before the next {THINGS}.",
    "Some {AUDIENCES} thought the whole {THINGS} was {JUDGEMENTS}.",
    "Perhaps the {A} should {SENSIBLE} before another {THINGS}.",
    "{N} promised to {SENSIBLE} when the {THINGS} ended.",
    "With so much {REMAINDERS} the {THINGS} felt quite {JUDGEMENTS}.",
    "Even the {AUDIENCES} admitted that the {THINGS} had been {JUDGEMENTS}.",
    "Afterwards {N} decided to {SENSIBLE} and {S} agreed.",
    "How {JUDGEMENTS} the {THINGS} must have seemed to the {AUDIENCES}!",
    "Only {N} complained about the {REMAINDERS} during the {THINGS}.",
    "What remained was {REMAINDERS} and a {JUDGEMENTS} {THINGS} for all.",
    "Would the {AUDIENCES} in {C} {SENSIBLE} after such a {THINGS}?",
)
QUESTION = ("did", "could", "should", "would", "might", "must")
ABBREVIATION = re.compile(r"\b(Dr|Mr|Mrs|Ms|Prof|St|Ave)\.")
WHEN = ("before", "after", "shortly after", "long before")
TITLES = ("Dr.", "Mr.", "Mrs.", "Ms.", "Prof.")


def past(verb: str) -> str:
    if verb in w.IRREGULAR:
        return w.IRREGULAR[verb][0]
    return regular_past(verb)


def participle(verb: str) -> str:
    return w.IRREGULAR[verb][1] if verb in w.IRREGULAR else regular_past(verb)


def regular_past(verb: str) -> str:
    if verb in w.DOUBLED:
        return f"{verb}{verb[-1]}ed"
    if verb.endswith("e"):
        return f"{verb}d"
    if re.search(r"[^aeiou]y$", verb):
        return f"{verb[:-1]}ied"
    return f"{verb}ed"


def gerund(verb: str) -> str:
    if verb in w.DOUBLED:
        return f"{verb}{verb[-1]}ing"
    if verb.endswith("e") and verb not in {"dye"}:
        return f"{verb[:-1]}ing"
    return f"{verb}ing"


def third_person(verb: str) -> str:
    if re.search(r"(s|x|z|ch|sh)$", verb):
        return f"{verb}es"
    return f"{verb[:-1]}ies" if re.search(r"[^aeiou]y$", verb) else f"{verb}s"


def singular(noun: str) -> str:
    for ending, one in (("men", "man"), ("wives", "wife"), ("ies", "y"), ("sses", "ss")):
        if noun.endswith(ending):
            return noun.removesuffix(ending) + one
    return noun.removesuffix("es") if noun.endswith("ches") else noun.removesuffix("s")


class Writer:
    """Fills templates; of three words drawn it takes the least used that the text has not yet."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - sentences, not secrets
        self.used: Counter[str] = Counter()
        self.field = w.FIELDS[0]
        self.here: set[str] = set()
        self.slots: dict[str, Callable[[], str]] = {
            "A": lambda: self.pick(self.field.agents),
            "a": lambda: singular(self.pick(self.field.agents)),
            "t": lambda: self.pick(w.TRAITS),
            "J": lambda: self.pick(self.field.adjectives),
            "O": lambda: self.pick(self.field.objects),
            "V": lambda: past(self.pick(self.field.verbs)),
            "Vb": lambda: self.pick(self.field.verbs),
            "Vg": lambda: gerund(self.pick(self.field.verbs)),
            "Vn": lambda: participle(self.pick(self.field.verbs)),
            "L": lambda: self.pick(self.field.places),
            "P": lambda: f"{self.pick(w.PREPOSITIONS)} the {self.pick(self.field.places)}",
            "p": lambda: f"{self.pick(w.SHORT_PREPOSITIONS)} the {self.pick(self.field.places)}",
            "E": lambda: self.event(past),
            "e": lambda: self.event(third_person),
            "U": lambda: self.pick(self.field.purposes),
            "N": lambda: self.pick(w.NAMES),
            "C": lambda: self.pick(w.CITIES),
            "M": lambda: self.pick(w.MANNERS),
            "S": lambda: f"{self.rng.choice(TITLES)} {self.pick(w.SURNAMES)}",
            "X": lambda: f"{self.pick(w.STREETS)} {self.rng.choice(('St.', 'Ave.'))}",
            "#": self.number,
            "from": lambda: self.field.whence,
            "T": self.time,
            "K": self.tail,
            "QUESTION": lambda: self.pick(QUESTION),
        }

    def fill(self, template: str, field: w.Field) -> str:
        self.field, self.here = field, set()
        text = re.sub(r"\{(\S+?)\}", lambda slot: self.slot(slot[1]), template)
        text = re.sub(r"\b(such a|and a|a) (?=[aeiou])", r"\1n ", text)
        return text[0].upper() + text[1:]

    def slot(self, name: str) -> str:
        return self.slots[name]() if name in self.slots else self.pick(getattr(w, name))

    def pick(self, choices: Sequence[str]) -> str:
        drawn = [self.rng.choice(choices) for _ in range(3)]
        fresh = [one for one in drawn if one not in self.here] or drawn
        taken = min(fresh, key=lambda one: self.used[one])
        self.here.add(taken)
        return taken

    def event(self, tense: Callable[[str], str]) -> str:
        return re.sub(r"\[(\w+)\]", lambda verb: tense(verb[1]), self.pick(self.field.events))

    def number(self) -> str:
        return str(self.rng.randint(11, 99) * 10 + self.rng.randint(1, 9))

    def time(self) -> str:
        return self.rng.choice(
            (
                f"on {self.pick(w.WEEKDAYS)} {self.pick(w.DAY_PARTS)}",
                f"last {self.pick(w.MONTHS)}",
                f"in {self.rng.choice(('early', 'late'))} {self.pick(w.MONTHS)}",
                f"{self.rng.choice(WHEN)} {self.pick(w.MOMENTS)}",
                f"during the {self.pick(w.OCCASIONS)}",
                f"within {self.pick(w.COUNTS)} {self.pick(w.SPANS)}",
            )
        )

    def tail(self) -> str:
        return self.rng.choice(
            (
                f"with {self.pick(w.QUALITIES)} {self.pick(w.VIRTUES)}",
                f"despite {self.pick(w.TROUBLE_KINDS)} {self.pick(w.TROUBLES)}",
                f"without {self.pick(w.LACKS)}",
            )
        )

    def template(self, preset: str) -> str:
        if preset != "long":
            return self.rng.choice(SHORT if preset == "short" else MEDIUM)
        closing = self.rng.choice(LONG_CLOSINGS)
        if self.rng.random() < 0.2:
            return f"{self.rng.choice(LONG_IMPERATIVES)}. {closing}"
        parts: tuple[tuple[str, ...], ...] = (LONG_LOOSE_OPENINGS, LONG_ASIDES, LONG_ENDINGS)
        if self.rng.random() < 0.6:
            parts = (LONG_OPENINGS, LONG_DETAILS + LONG_ASIDES, LONG_ENDINGS)
        return f"{', '.join(self.rng.choice(part) for part in parts)}. {closing}"


@dataclass(frozen=True, slots=True)
class Length:
    """Seconds of one text as the voice speaks it."""

    total_s: float
    speech_s: float  # first to last sound
    first_sentence_s: float


class Speaker:
    def __init__(self) -> None:
        self.voice = Hibari()

    def length(self, text: str) -> Length:
        sentences = [self.voice(s, seed=0) for s in self.voice.split_sentences(text)]
        audio = np.concatenate(sentences)
        return Length(
            total_s=len(audio) / self.voice.sample_rate,
            speech_s=self.sounding_s(audio),
            first_sentence_s=self.sounding_s(sentences[0]),
        )

    def phoneme_count(self, text: str) -> int:
        return sum(map(len, self.voice.phonemize(text)))

    def sounding_s(self, audio: "np.ndarray[tuple[int], np.dtype[np.float32]]") -> float:
        loud = np.flatnonzero(np.abs(audio) > SILENCE)
        return float(loud[-1] - loud[0]) / float(self.voice.sample_rate)


def tokens(text: str) -> list[str]:
    return [token.strip(".,?!").casefold() for token in text.split()]


def clauses(text: str) -> list[str]:
    """What a segmenter may cut off and cache: parts of three words or more."""
    parts = re.split(r"(?<=[,.?!])\s", ABBREVIATION.sub(r"\1", text))
    return [part.casefold() for part in parts if len(part.split()) > 2]


class Corpus:
    """The texts of one preset taken so far, and why another may not join them."""

    def __init__(self, preset: str) -> None:
        self.max_shared, self.run = MAX_SHARED[preset], RUN[preset]
        self.texts: list[str] = []
        self.first_words: set[str] = set()
        self.long_words: list[frozenset[str]] = []
        self.runs: set[tuple[str, ...]] = set()
        self.clauses: set[str] = set()

    def fits(self, text: str) -> bool:
        if tokens(text)[0] in self.first_words or self.clauses & set(clauses(text)):
            return False
        if self.runs & set(runs_of(text, self.run)):
            return False
        mine = long_words(text)
        return all(
            len(mine & other) <= self.max_shared * min(len(mine), len(other))
            for other in self.long_words
        )

    def add(self, text: str) -> None:
        self.texts.append(text)
        self.first_words.add(tokens(text)[0])
        self.long_words.append(long_words(text))
        self.runs.update(runs_of(text, self.run))
        self.clauses.update(clauses(text))


def long_words(text: str) -> frozenset[str]:
    return frozenset(token for token in tokens(text) if len(token) >= 4)


def runs_of(text: str, size: int) -> list[tuple[str, ...]]:
    row = tokens(text)
    return [tuple(row[i : i + size]) for i in range(len(row) - size + 1)]


def near(length: Length, wanted: Length) -> bool:
    """The first sentence counts too: an engine that speaks by sentence starts with it."""
    pairs = (
        (length.total_s, wanted.total_s),
        (length.speech_s, wanted.speech_s),
        (length.first_sentence_s, wanted.first_sentence_s),
    )
    return all(abs(one / other - 1) <= MAX_OFF for one, other in pairs)


def make(preset: str, speaker: Speaker, size: int = SIZE) -> tuple[list[str], list[float]]:
    """The preset's texts, and their seconds of speech relative to the first one's."""
    corpus = Corpus(preset)
    writer = Writer(SEED + len(preset))
    wanted = speaker.length(FIRST[preset])
    fewest, most = WORD_COUNTS[preset]
    phonemes = speaker.phoneme_count(FIRST[preset])
    corpus.add(FIRST[preset])
    ratios = [1.0]
    for attempt in range(400_000):
        if len(corpus.texts) == size:
            return corpus.texts, ratios
        text = writer.fill(writer.template(preset), w.FIELDS[attempt % len(w.FIELDS)])
        if not fewest <= len(text.split()) <= most or not corpus.fits(text):
            continue
        if abs(speaker.phoneme_count(text) / phonemes - 1) > 2 * MAX_OFF:
            continue  # spares most of the speaking
        length = speaker.length(text)
        if near(length, wanted):
            corpus.add(text)
            ratios.append(length.speech_s / wanted.speech_s)
            writer.used.update(writer.here)
    raise SystemExit(f"{preset}: {len(corpus.texts)} texts of {size}; widen the word lists")


def main() -> None:
    speaker = Speaker()
    TEXTS_DIR.mkdir(parents=True, exist_ok=True)
    for preset in sys.argv[1:] or FIRST:
        texts, ratios = make(preset, speaker)
        (TEXTS_DIR / f"{preset}.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
        print(
            f"{preset}: {len(ratios)} texts, speech relative to the first:"
            f" min {min(ratios):.3f}, median {statistics.median(ratios):.3f}, max {max(ratios):.3f}"
        )


if __name__ == "__main__":
    main()

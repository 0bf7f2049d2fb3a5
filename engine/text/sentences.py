# ruff: noqa: RUF001 - quotation marks and dashes of every kind are what this file is about
"""Where a sentence ends: at which marks, and behind which abbreviations it goes on."""

from __future__ import annotations

from .clauses import CLOSERS, OPENERS, word_set

SENTENCE_ENDS = "!?…。！？"


# Before a name or a number, and so never the end of a sentence.
NEVER_LAST = word_set(
    """
    Mr Mrs Ms Mx Messrs Dr Drs Prof Profs Rev Hon Fr Msgr Sen Sens Rep Reps Gov Govs Pres Gen Col
    Maj Capt Cmdr Lt Sgt Cpl Pvt Adm Supt Det Insp Amb Atty MR MRS MS DR PROF
    Mt Ft e.g i.e E.g I.e vs Vs cf viz al approx Approx
    """
)
# Only before a number: "No. 5", but "No. Never."
BEFORE_NUMBERS = word_set(
    """
    No no NO Nos nos NOS Fig fig FIG Figs figs Vol vol Vols vols Ch ch Chap chap Sec sec Sect sect
    Eq eq Art art p P pp Pp pg par para app App apt Apt Ste ste Rm rm ext Ext op Op ver c ca Rt Rte
    Hwy Rs Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec ed Ed tel Tel
    """
)
# The end of a sentence, unless a day, a month or a time zone follows.
ROMAN = frozenset("IVXLC")
HALVES_OF_DAYS = word_set("a.m p.m A.M P.M am pm")
# The end of a sentence only if what follows looks like the start of one.
MAYBE_LAST = word_set(
    """
    St Ave Blvd Rd Ln Hwy Sq Apt Bldg Ste Jr Sr Inc Ltd Co Corp Bros Dept Univ Assn Govt
    Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec Mon Tue Tues Wed Thu Thurs Fri Sat Sun
    etc est min max ft in lb lbs oz mi yd hr hrs sec Pkwy Ct Pl Esq Mts Intl Natl Inst
    """
)
# Behind these a single letter is no initial: "plan B."
LETTERED = word_set(
    """
    plan option vitamin grade type class section group team part point letter hepatitis exhibit
    appendix schedule version model step unit gate terminal
    """
)
# Behind these "no" is what somebody says, and no number.
BEFORE_AN_ANSWER = word_set(
    """
    said say says saying answered replied voted votes meant yes shouted whispered
    """
)
BEHIND_TIMES = word_set(
    """
    Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June
    July August September October November December Eastern Central Mountain Pacific Standard
    Daylight London Paris Tokyo Beijing Greenwich
    """
)
STARTERS = word_set(
    """
    A After All Although An And Are As At Because Before But By Can Did Do Does Even For From Had
    Has Have He Her Here His How However I If In Is It Its Later Many Maybe Meanwhile Most My Next
    No Not Now Of On Once One Or Our Perhaps She Since So Some Soon Still Such That The Their Then
    There These They This Those Though To Today Two Under Until Was We Well Were What When Where
    Which While Who Why Will With Would Yes Yet You Your
    Nobody Someone Everyone Everybody Something Nothing Everything Each Every Both Another Any
    Neither Either Instead Suddenly Finally Please Let Are Just Never Always Sometimes Without
    """
)


def ends_sentence(
    before: str,
    word: str,
    following: str,
    *,
    is_first: bool,
) -> bool:
    """Whether a sentence ends with `word` when `following` comes next."""
    core = word.rstrip(CLOSERS)
    start = following.lstrip(OPENERS)
    if start[:1].islower():  # "Really?" she said ... and so on
        return False
    if core.endswith((*SENTENCE_ENDS, "..")):
        return True
    if not core.endswith("."):
        return False
    stem = core.lstrip(OPENERS)[:-1]
    if stem.isalpha() and len(stem) == 1 and before.lower().lstrip(OPENERS) in LETTERED:
        return True
    if stem == "no" and before.lower().lstrip(OPENERS) in BEFORE_AN_ANSWER:
        return True
    return not _is_abbreviation(stem, start, is_first=is_first)


def _is_abbreviation(
    stem: str,
    start: str,
    *,
    is_first: bool,
) -> bool:
    """Whether the full stop behind `stem` belongs to the word and not to the sentence."""
    if stem.isdigit():
        return is_first  # "1. Open the door."
    if stem in NEVER_LAST:
        return True
    if _behind_dash(stem) in BEFORE_NUMBERS and (start[:1].isdigit() or _is_numeral(start)):
        return True
    if stem in HALVES_OF_DAYS or _is_half(stem):
        return _goes_on_with_time(_bare(start).rstrip("."))
    if stem in MAYBE_LAST or _initials(stem):
        return _bare(start) not in STARTERS
    return False


def _behind_dash(stem: str) -> str:
    """The Jan of "Dec. 25-Jan. 3"; all of a word that has no dash behind a number or a stop."""
    head, dash, tail = stem.replace("–", "-").rpartition("-")
    return tail if dash and not head[-1:].isalpha() else stem


def _is_numeral(word: str) -> bool:
    """The II of "Vol. II"."""
    core = word.rstrip(CLOSERS + ".,;:!?")
    return len(core) > 1 and ROMAN.issuperset(core)


def _is_half(stem: str) -> bool:
    """9:30pm, 5p.m: a time with its half of the day."""
    digits = stem.rstrip("aApPmM.")
    half = stem[len(digits) :]
    return digits[-1:].isdigit() and half in HALVES_OF_DAYS


def _goes_on_with_time(word: str) -> bool:
    """Whether what follows "5 p.m." belongs to it: a day, a month, a zone, a number."""
    if word[:1].isdigit() or word in BEHIND_TIMES:
        return True
    return len(word) > 1 and word.isupper()


def _initials(stem: str) -> bool:
    """J, U.S, a.m, Ph.D: single letters with stops between them; the first part may be two."""
    head, *rest = stem.split(".")
    max_length = 2 if rest else 1
    if not head.isalpha() or len(head) > max_length:
        return False
    return all(part.isalpha() and len(part) == 1 for part in rest)


def _bare(word: str) -> str:
    """It's, -> It. A full stop stays: the "I." of "J. I. Smith" starts no sentence."""
    for apostrophe in "'’":
        word = word.split(apostrophe)[0]
    return word.rstrip(",;:")

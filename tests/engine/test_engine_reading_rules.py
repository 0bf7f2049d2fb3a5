"""Kinds of written forms: each rule with the forms beside the one it was written for, and others.

The other ones look alike and are something else.
"""

from __future__ import annotations

import pytest

from engine.text.normalise import normalise
from engine.text.segmentation import segments


def read(text: str) -> str:
    """The words of a text."""
    return " ".join(normalise(segment).words() for segment in segments(text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It is at 400 W. Oak Ave. now.", "It is at four hundred West Oak Avenue now."),
        ("It is at 120 N Main St. now.", "It is at one hundred twenty North Main Street now."),
        ("It is at 1400 V Street.", "It is at fourteen hundred V Street."),
        ("It is on L St. NW.", "It is on L Street Northwest."),
        ("It draws 400 W at 5 V.", "It draws four hundred watts at five volts."),
    ],
)
def test_a_letter_before_a_street_is_no_unit(text: str, words: str) -> None:
    assert read(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("btw ppl left.", "by the way people left."),
        ("Pls call, thx.", "Please call, thanks."),
        ("The file is imo.html now.", "The file is imo dot H T M L now."),
        ("Just run npm again.", "Just run N P M again."),
        ("cc the tv crew.", "C C the T V crew."),
        ("An api has urls.", "An A P I has U R Ls."),
        ("Hmm, psst, shh and brrr.", "Hmm, psst, shh and brrr."),
        ("For the nth time.", "For the nth time."),
        ("Twenty miles per hr, in kg.", "Twenty miles per hour, in kilograms."),
    ],
)
def test_words_of_chats_and_letters_without_a_vowel(text: str, words: str) -> None:
    assert read(text) == words


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        ("Two ATMs.", "Two A T Ms.", "Two A.T.M's."),
        ("Her MBAs.", "Her M B As.", "Her M.B.A's."),
        ("Some M.D.s.", "Some M Ds.", "Some M.D's."),
        ("Some Ph.D.s left.", "Some P H Ds left.", "Some P.H.D's left."),
        ("The FBI's plan.", "The F B I's plan.", "The F.B.I's plan."),
    ],
)
def test_several_of_what_is_spelled(text: str, words: str, said: str) -> None:
    reading = normalise(text)
    assert (reading.words(), reading.text) == (words, said)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Why does `foo.bar` crash?", "Why does foo dot bar crash?"),
        ("Set `Math.PI` first.", "Set Math dot P I first."),
        ("Call `os.path.join()` now.", "Call os dot path dot join now."),
        ("Open `settings.json` now.", "Open settings dot Jason now."),
        ("See `example.com` now.", "See example dot com now."),
    ],
)
def test_dots_of_code_are_said(text: str, words: str) -> None:
    assert read(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It is due on April 15.", "It is due on April fifteenth."),
        ("In May 20 people came.", "In May twenty people came."),
        ("The June–August heat.", "The June to August heat."),
        ("From Dec.-Feb. it snows.", "From December to February it snows."),
        ("The June 3–August 5 tour.", "The June third to August fifth tour."),
        ("Open Monday – Friday.", "Open Monday to Friday."),
        ("It meets Mon/Wed now.", "It meets Monday and Wednesday now."),
        ("The Mar-a-Lago club.", "The Mar-a-Lago club."),
    ],
)
def test_days_and_months(text: str, words: str) -> None:
    assert read(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Cook time: 1h 20m", "Cook time: one hour twenty minutes"),
        ("It took 2h30m.", "It took two hours thirty minutes."),
        ("It took 1hr 1m 5s.", "It took one hour one minute five seconds."),
        ("It ran 20m.", "It ran twenty meters."),
        ("A set of 10m 20m.", "A set of ten meters twenty meters."),
        ("Around 6:30ish.", "Around six thirty-ish."),
        ("He is 40-ish.", "He is forty-ish."),
        ("Back in 1990ish.", "Back in nineteen ninety-ish."),
    ],
)
def test_durations_and_about(text: str, words: str) -> None:
    assert read(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Solve 3x + 1 = 10 for x.", "Solve three X plus one equals ten for x."),
        ("The line is y = mx + b.", "The line is Y equals M X plus b."),
        ("So y = ax and C = 2πr.", "So Y equals A X and C equals two pi r."),
        ("It is 3x faster.", "It is three times faster."),
        ("It is 3-4x faster.", "It is three to four times faster."),
        ("So 1 km = 0.62 mi.", "So one kilometer equals zero point six two miles."),
        ("T-10 and counting.", "T minus ten and counting."),
        ("We are at T-5.", "We are at T minus five."),
        ("A T-34 tank.", "A T thirty-four tank."),
    ],
)
def test_terms_of_equations_and_countdowns(text: str, words: str) -> None:
    assert read(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It ended 0-0.", "It ended zero to zero."),
        ("It ended 3-0.", "It ended three to nothing."),
        ("They improved to 10-3.", "They improved to ten and three."),
        ("They went 10-0 overall.", "They went ten and oh overall."),
        ("It fell to 2-3 points.", "It fell to two to three points."),
        ("They split it 50-50.", "They split it fifty-fifty."),
    ],
)
def test_scores_and_records(text: str, words: str) -> None:
    assert read(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Text STOP to 78045 now.", "Text stop to seven eight zero four five now."),
        ("Text 78045 to vote.", "Text seven eight zero four five to vote."),
        ("A text to 20000 people.", "A text to twenty thousand people."),
    ],
)
def test_short_codes(text: str, words: str) -> None:
    assert read(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("He is 5 ft 9 in tall.", "He is five feet nine inches tall."),
        ("He is 5 ft 9 in his socks.", "He is five feet nine in his socks."),
        ("It is 18 in x 24 in.", "It is eighteen inches by twenty-four inches."),
        ("One in 5 and 9 in 10.", "One in five and nine in ten."),
        ("We don't need a 6' fence.", "We don't need a six foot fence."),
        ('A 12" LP and a 12" one.', "A twelve inch L P and a twelve inch one."),
        ("Use '0' and \"10\" there.", "Use 'zero' and \"ten\" there."),
        ('Two 12" pipes.', "Two twelve inch pipes."),
        ("It is 6' tall and 3' away.", "It is six feet tall and three feet away."),
    ],
)
def test_feet_and_inches(text: str, words: str) -> None:
    assert read(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The 4.0-rc1 beta.", "The four point zero R C one beta."),
        ("The 3.12b2 beta.", "The three point twelve B two beta."),
        ("Pin 1.4.x or v2.x.", "Pin one point four point X or V two point X."),
        ("It is 2.5x faster.", "It is two point five times faster."),
    ],
)
def test_versions(text: str, words: str) -> None:
    assert read(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Turn to Appendix C.", "Turn to Appendix C."),
        ("File Schedule C and Exhibit L.", "File Schedule C and Exhibit L."),
        ("We saw Super Bowl L on TV.", "We saw Super Bowl fifty on T V."),
        ("See item (iv) in it.", "See item four in it."),
        ("See section 3(b)(ii) of it.", "See section three B two of it."),
        ("Thurston Howell III left.", "Thurston Howell the third left."),
        ("John D. Rockefeller III left.", "John D Rockefeller the third left."),
        ("Elon Foo III said so.", "Elon Foo the third said so."),
        ("Super Mario III sold well.", "Super Mario three sold well."),
    ],
)
def test_numerals_letters_and_persons(text: str, words: str) -> None:
    assert read(text) == words


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Say 'later' again.", "Say later again."),
        ("‘Yes, I did,’ he said.", "Yes, I did, he said."),
        ("The dogs' beds are 'free' now.", "The dogs' beds are free now."),
        ("'Tis rock 'n' roll, gone fishin'.", "'Tis rock 'n' roll, gone fishin'."),
        ("The state‑of‑the‑art Wi‑Fi.", "The state-of-the-art wi-fi."),
        (".@governor vetoed it.", "at governor vetoed it."),
    ],
)
def test_marks_that_are_silent(text: str, said: str) -> None:
    assert normalise(text).text == said

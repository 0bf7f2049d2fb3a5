"""What is packed comes back, and takes less room."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from pytest_ttsperf.report.html import packing
from pytest_ttsperf.report.html.packing import Packer

texts = st.text(st.characters(exclude_categories=["Cs"]))


def unpacked(packer: Packer, packed: str) -> str:
    return packing.unpack(packed, packer.beginning, packer.sample_bytes)


def table(seed: int) -> str:
    """Two hundred rows of figures."""
    draw = random.Random(seed)
    rows = [f"<tr><th>trial</th><td>{draw.randrange(1000)}</td></tr>" for _ in range(200)]
    return "".join(rows)


@given(texts, texts, texts)
def test_whatever_is_packed_comes_back(sample: str, first: str, second: str) -> None:
    packer = Packer(sample)
    packed = [packer.pack(first), packer.pack(second)]
    assert [unpacked(packer, each) for each in packed] == [first, second]


def test_it_needs_no_escaping() -> None:
    packer = Packer("<td>")
    packed = packer.pack('<td title="&amp;">\'</td>' * 50)
    assert not set(packer.beginning + packed) & set("<>&\"'")


def test_a_table_takes_a_fifth_at_most() -> None:
    assert len(Packer().pack(table(1))) < len(table(1)) / 5


def test_what_is_like_the_sample_takes_less_than_by_itself() -> None:
    words = "".join(f"<p>Paragraph {number} has words of its own.</p>" for number in range(200))
    packer = Packer(table(1) + words)
    assert len(packer.pack(table(2) + words)) < 0.7 * len(Packer().pack(table(2) + words))
    assert len(packer.pack(words)) < 0.2 * len(Packer().pack(words))


def test_of_a_long_sample_the_end_is_taken() -> None:
    packer = Packer("ä" * 100_000 + "<p>end</p>")
    assert packer.sample_bytes == packing.MOST_SAMPLE_BYTES
    assert unpacked(packer, packer.pack("<p>end</p>")) == "<p>end</p>"


def test_half_a_surrogate_is_a_question_mark() -> None:
    packer = Packer("a\udc80b")
    assert unpacked(packer, packer.pack("a\udc80b")) == "a?b"

"""What is packed comes back, and takes less room."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pytest_ttsperf.report.html import packing


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_it_comes_back(html: str) -> None:
    assert packing.unpack(packing.pack(html)) == html


def test_it_needs_no_escaping() -> None:
    packed = packing.pack('<td title="&amp;">\'</td>' * 50)
    assert not set(packed) & set("<>&\"'")


def test_a_table_takes_a_fifth_at_most() -> None:
    rows = [f'<tr><td class="number">{number * 37 % 1009}</td></tr>' for number in range(200)]
    html = "".join(rows)
    assert len(packing.pack(html)) < len(html) / 5


def test_half_a_surrogate_is_a_question_mark() -> None:
    assert packing.unpack(packing.pack("a\udc80b")) == "a?b"

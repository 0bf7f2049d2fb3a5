"""A timeline as trace events: what viewers are known to take, and what they lose."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from msgspec import structs

from pytest_ttsperf.metrics import playback
from pytest_ttsperf.records import NodeRun, Recording, Span, TrialTimeline
from pytest_ttsperf.report import trace_events
from tests.unit.metrics.factories import MS, T0, recording

LATE = [(0.5, 0.0), (10.0, 20.0), (50.0, 40.0)]
SPANS = [("text", 0.0, 2.0), ("decode", 2.0, 9.0), ("decode", 8.0, 45.0)]
"""The second piece is decoded while the first is not yet done."""


def node(
    name: str, start_ms: float, end_ms: float, session: int = 0, model: str | None = None
) -> NodeRun:
    return NodeRun(
        session=session,
        model=model,
        name=name,
        operator="Conv",
        provider="CPUExecutionProvider",
        inputs="float 1x80x512",
        start_ns=T0 + round(start_ms * MS),
        end_ns=T0 + round(end_ms * MS),
        self_ns=round((end_ms - start_ms) * MS),
    )


def timeline(answer: Recording | None = None, *nodes: NodeRun) -> TrialTimeline:
    answer = answer or recording(LATE, spans=SPANS)
    stretches = playback.find_stretches(answer)
    return TrialTimeline(
        title="test_x: trial 7",
        text="A text.",
        recording=answer,
        prebuffer_ms=0.0,
        player=stretches,
        buffer=playback.find_buffer_levels(answer, stretches),
        nodes=nodes,
        is_profiled=bool(nodes),
    )


def body(shown: TrialTimeline) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(trace_events.encode(shown))
    return found


def events(shown: TrialTimeline, kind: str) -> list[dict[str, Any]]:
    return [event for event in body(shown)["traceEvents"] if event["ph"] == kind]


def rows(shown: TrialTimeline) -> dict[str, list[tuple[str, float, float]]]:
    """The spans of each row in ms; a further row of the same name has a dash behind it."""
    names = {}
    for event in events(shown, "M"):
        if event["name"] == "thread_name":
            names[event["pid"], event["tid"]] = event["args"]["name"]
    found: dict[str, list[tuple[str, float, float]]] = {}
    for place, name in names.items():
        spans = []
        for event in events(shown, "X"):
            if (event["pid"], event["tid"]) == place:
                end_ms = (event["ts"] + event["dur"]) / 1000
                spans.append((event["name"], event["ts"] / 1000, end_ms))
        while name in found:
            name += "-"
        found[name] = spans
    return found


def test_chunks_and_the_player_are_on_one_axis_with_the_stages() -> None:
    shown = rows(timeline())
    assert shown["chunks"] == [
        ("chunk 0", 0.0, 0.5),
        ("chunk 1", 0.5, 10.0),
        ("chunk 2", 10.0, 50.0),
    ]
    assert shown["player"] == [
        ("waiting", 0.0, 10.0),
        ("playing", 10.0, 30.0),
        ("stalled", 30.0, 50.0),
        ("playing", 50.0, 90.0),
    ]
    assert shown["text"] == [("text", 0.0, 2.0)]


def test_spans_that_overlap_are_in_rows_of_their_own() -> None:
    shown = rows(timeline())
    assert shown["decode"] == [("decode", 2.0, 9.0)]
    assert shown["decode-"] == [("decode", 8.0, 45.0)]


def test_no_row_holds_spans_that_overlap() -> None:
    nodes = [node(f"n{number}", number, number + 3.5) for number in range(9)]
    for spans in rows(timeline(None, *nodes)).values():
        for before, after in pairwise(spans):
            assert before[2] <= after[1]


def test_nodes_are_listed_by_session_with_what_they_worked_on() -> None:
    shown = timeline(None, node("conv", 3, 5), node("gru", 6, 7, session=1))
    assert rows(shown)["decode (session 1)"] == [("conv", 3.0, 5.0)]
    assert rows(shown)["decode (session 2)"] == [("gru", 6.0, 7.0)]
    [conv] = [event for event in events(shown, "X") if event["name"] == "conv"]
    assert conv["args"]["inputs"] == "float 1x80x512"
    assert conv["args"]["self_us"] == 2000.0
    assert body(shown)["otherData"]["profiled"] is True


def row_of(*nodes: NodeRun, spans: Sequence[tuple[str, float, float]]) -> str:
    """What the row of the only session is called."""
    shown = timeline(recording(LATE, spans=spans), *nodes)
    [name] = [name for name in rows(shown) if "session" in name]
    return name


@pytest.mark.parametrize(
    ("spans", "model", "name"),
    [
        ([], None, "session 1"),
        ([], "vocoder.onnx", "vocoder.onnx (session 1)"),
        ([("vocode", 2.0, 8.0)], None, "vocode (session 1)"),
        ([("vocode", 2.0, 8.0)], "vocoder.onnx", "vocode, vocoder.onnx (session 1)"),
        ([("vocode", 4.0, 8.0)], None, "session 1"),
        ([("synthesize", 0.0, 40.0), ("vocode", 2.0, 8.0)], None, "vocode (session 1)"),
        ([("vocode", 2.0, 8.0), ("synthesize", 0.0, 40.0)], None, "vocode (session 1)"),
        ([("text", 0.0, 2.0), ("vocode", 2.0, 8.0)], None, "vocode (session 1)"),
    ],
)
def test_a_session_is_called_by_its_stage_and_by_its_file(
    spans: list[tuple[str, float, float]], model: str | None, name: str
) -> None:
    assert row_of(node("conv", 3.0, 5.0, model=model), spans=spans) == name


def test_a_session_belongs_to_the_stage_with_most_of_its_time() -> None:
    """Where one chunk is decoded while another is vocoded, spans of both overlap some nodes."""
    spans = [("decode", 0.0, 10.0), ("vocode", 6.0, 30.0), ("decode", 20.0, 30.0)]
    nodes = [node("a", 1.0, 5.0), node("b", 6.0, 9.0), node("c", 21.0, 29.0)]
    assert row_of(*nodes, spans=spans) == "decode (session 1)"
    restless = [node("a", 1.0, 5.0), node("b", 11.0, 19.0)]
    assert row_of(*restless, spans=[("decode", 0.0, 6.0)]) == "session 1", "a third is not most"


def test_a_node_is_inside_a_long_span_that_began_before_a_short_one() -> None:
    spans = [("decode", 0.0, 20.0), ("decode", 2.0, 3.0)]
    assert row_of(node("conv", 5.0, 9.0), spans=spans) == "decode (session 1)"


def test_the_buffer_is_a_counter_that_is_empty_in_the_hole() -> None:
    levels = {event["ts"] / 1000: event["args"]["ms"] for event in events(timeline(), "C")}
    assert levels[10.0] == pytest.approx(20.0)
    assert levels[30.0] == pytest.approx(0.0)
    assert levels[50.0] == pytest.approx(40.0)
    assert list(levels) == sorted(levels)


def test_no_instant_is_negative_where_something_began_before_the_request() -> None:
    early = Span(stage="open", start_ns=T0 - 4 * MS, end_ns=T0)
    answer = structs.replace(recording(LATE), spans=(early,))
    shown = timeline(answer)
    assert min(event["ts"] for event in body(shown)["traceEvents"]) == 0
    assert body(shown)["otherData"]["request_us"] == 4000.0
    [request] = [event for event in events(shown, "i") if event["name"] == "request"]
    assert request["ts"] == 4000.0


def test_the_chunk_that_a_stage_worked_for_is_named() -> None:
    span = Span(stage="vocode", chunk=3, start_ns=T0, end_ns=T0 + MS)
    shown = timeline(structs.replace(recording(LATE), spans=(span,)))
    assert rows(shown)["vocode"] == [("vocode 3", 0.0, 1.0)]


def test_an_answer_without_audio_has_a_trace_all_the_same() -> None:
    shown = rows(timeline(recording([], end_ms=5.0)))
    assert shown == {"chunks": [], "player": []}


def test_a_text_that_utf_8_cannot_carry_is_written_all_the_same() -> None:
    odd = structs.replace(timeline(), text="caf\udce9")
    assert body(odd)["otherData"]["text"].startswith("caf")

"""A timeline as Chrome's trace events (JSON), which ui.perfetto.dev and chrome://tracing open.

The format is Chromium's "Trace Event Format", object form: instants and durations in microseconds;
`X` is a span, `i` an instant, `C` a counter and `M` names a row. Viewers nest spans of one row and
lose those that overlap: such spans are put into further rows of the same name. The first group of
rows is the listener, then come the stages of the target, then its graph nodes by session. A session
is called by the stage in which its nodes ran and by the file of its graph, where these are known;
its number, in the order of opening, is what messages on graph nodes name it by.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import msgspec

from pytest_ttsperf import files
from pytest_ttsperf.records import NodeRun, Recording, Span, TrialTimeline

LISTENER, TARGET, NODES = 1, 2, 3
"""Groups of rows, in the order in which viewers show them."""
GROUPS = {LISTENER: "listener", TARGET: "target: stages", NODES: "target: graph nodes, profiled"}
NS_PER_US = 1000
NS_PER_MS = 1_000_000
MOST_OF_SESSION = 0.8
"""Of the time of its nodes, so much inside a stage: not all of it, as the clocks of profiles and of
stages are read one after the other."""
Event = dict[str, Any]


class _TraceBar(NamedTuple):
    """A span, before it has a row."""

    name: str
    start_ns: int
    end_ns: int
    arguments: dict[str, Any]


class _TraceRow(NamedTuple):
    """What is drawn in one row, and overlaps nothing there."""

    group: int
    name: str
    bars: list[_TraceBar]


def encode(timeline: TrialTimeline) -> bytes:
    """The whole file."""
    origin_ns = _first_instant(timeline)
    rows = list(_rows(timeline))
    events = [*_group_names(rows), *_row_names(rows)]
    for number, row in enumerate(rows):
        events += [_span_event(row.group, number, bar, origin_ns) for bar in row.bars]
    events += _instants(timeline.recording, origin_ns)
    events += _counters(timeline, origin_ns)
    body = {
        "displayTimeUnit": "ms",
        "traceEvents": events,
        "otherData": {
            "title": files.well_formed(timeline.title),
            "text": files.well_formed(timeline.text),
            "prebuffer_ms": timeline.prebuffer_ms,
            "profiled": timeline.is_profiled,
            "request_us": _us(timeline.recording.request_ns - origin_ns),
        },
    }
    # Not indented, as other files of ours are: nobody reads it, and there are many.
    return msgspec.json.encode(body)


def _first_instant(timeline: TrialTimeline) -> int:
    """What all instants are counted from: the request, or what began before it."""
    recording = timeline.recording
    instants = [recording.request_ns]
    instants += [span.start_ns for span in recording.spans]
    instants += [node.start_ns for node in timeline.nodes]
    return min(instants)


def _us(duration_ns: int) -> float:
    return duration_ns / NS_PER_US


# Rows


def _rows(timeline: TrialTimeline) -> Iterator[_TraceRow]:
    yield _TraceRow(LISTENER, "chunks", list(_chunk_bars(timeline.recording)))
    yield _TraceRow(LISTENER, "player", list(_player_bars(timeline)))
    stages: dict[str, list[_TraceBar]] = {}
    for span in timeline.recording.spans:
        name = span.stage
        arguments: dict[str, Any] = {}
        if span.chunk is not None:
            name = f"{name} {span.chunk}"
            arguments["chunk"] = span.chunk
        bar = _TraceBar(name, span.start_ns, span.end_ns, arguments)
        stages.setdefault(span.stage, []).append(bar)
    for stage, bars in stages.items():
        yield from _lay_out(TARGET, stage, bars)
    sessions: dict[int, list[NodeRun]] = {}
    for node in timeline.nodes:
        sessions.setdefault(node.session, []).append(node)
    for session, nodes in sorted(sessions.items()):
        name = _session_name(session, nodes, timeline.recording.spans)
        yield from _lay_out(NODES, name, map(_node_bar, nodes))


def _chunk_bars(recording: Recording) -> Iterator[_TraceBar]:
    """From one arrival to the next: how long each chunk was waited for."""
    waiting_since_ns = recording.request_ns
    chunks = zip(recording.arrivals_ns, recording.frame_counts, strict=True)
    for number, (arrival_ns, frames) in enumerate(chunks):
        arguments = {
            "frames": frames,
            "audio_ms": frames / recording.sample_rate * 1000,
            "since_request_ms": (arrival_ns - recording.request_ns) / NS_PER_MS,
        }
        yield _TraceBar(f"chunk {number}", waiting_since_ns, arrival_ns, arguments)
        waiting_since_ns = max(waiting_since_ns, arrival_ns)


def _player_bars(timeline: TrialTimeline) -> Iterator[_TraceBar]:
    for stretch in timeline.player:
        if stretch.end_ns > stretch.start_ns:
            yield _TraceBar(stretch.state, stretch.start_ns, stretch.end_ns, {})


def _node_bar(node: NodeRun) -> _TraceBar:
    arguments = {
        "operator": node.operator,
        "provider": node.provider,
        "inputs": node.inputs,
        "self_us": _us(node.self_ns),
    }
    return _TraceBar(node.name, node.start_ns, node.end_ns, arguments)


def _session_name(session: int, nodes: Sequence[NodeRun], spans: Sequence[Span]) -> str:
    """`vocode, vocoder.onnx (session 2)`, or what of it is known; `session 2` at least."""
    number = f"session {session + 1}"
    names = [name for name in (_find_stage(nodes, spans), nodes[0].model) if name]
    if not names:
        return number
    return f"{', '.join(names)} ({number})"


def _find_stage(nodes: Sequence[NodeRun], spans: Iterable[Span]) -> str | None:
    """The stage in which nodes ran; of stages around one another the innermost, which is shorter.

    None where no stage has most of their time.
    """
    by_stage: dict[str, list[Span]] = {}
    for span in spans:
        by_stage.setdefault(span.stage, []).append(span)
    wanted_ns = MOST_OF_SESSION * sum(node.self_ns for node in nodes)
    lengths_ns = {}
    for stage, of_stage in by_stage.items():
        if 0 < wanted_ns <= _time_inside_ns(nodes, of_stage):
            lengths_ns[stage] = sum(span.end_ns - span.start_ns for span in of_stage)
    return min(lengths_ns, key=lambda stage: lengths_ns[stage], default=None)


def _time_inside_ns(nodes: Iterable[NodeRun], spans: Iterable[Span]) -> int:
    """How long those nodes took that ran inside one of the spans, from its start to its end."""
    ordered = sorted(spans, key=lambda span: span.start_ns)
    starts_ns = [span.start_ns for span in ordered]
    # Of the spans that have begun by then: some may last longer than later ones.
    latest_ends_ns = list(accumulate((span.end_ns for span in ordered), max))
    inside_ns = 0
    for node in nodes:
        begun = bisect_right(starts_ns, node.start_ns)
        if begun and node.end_ns <= latest_ends_ns[begun - 1]:
            inside_ns += node.self_ns
    return inside_ns


def _lay_out(group: int, name: str, bars: Iterable[_TraceBar]) -> Iterator[_TraceRow]:
    """As many rows of one name as it takes for no two spans to overlap in one."""
    rows: list[list[_TraceBar]] = []
    for bar in sorted(bars, key=lambda bar: (bar.start_ns, -bar.end_ns)):
        free = [row for row in rows if row[-1].end_ns <= bar.start_ns]
        if free:
            free[0].append(bar)
        else:
            rows.append([bar])
    for row in rows:
        yield _TraceRow(group, name, row)


# Events


def _group_names(rows: Sequence[_TraceRow]) -> Iterator[Event]:
    for group in dict.fromkeys(row.group for row in rows):
        yield _name_event("process_name", group, 0, {"name": GROUPS[group]})
        yield _name_event("process_sort_index", group, 0, {"sort_index": group})


def _row_names(rows: Sequence[_TraceRow]) -> Iterator[Event]:
    for number, row in enumerate(rows):
        yield _name_event("thread_name", row.group, number, {"name": row.name})
        yield _name_event("thread_sort_index", row.group, number, {"sort_index": number})


def _name_event(name: str, group: int, row: int, arguments: dict[str, Any]) -> Event:
    return {"ph": "M", "name": name, "pid": group, "tid": row, "ts": 0, "args": arguments}


def _span_event(group: int, row: int, bar: _TraceBar, origin_ns: int) -> Event:
    return {
        "ph": "X",
        "cat": GROUPS[group],
        "name": bar.name,
        "pid": group,
        "tid": row,
        "ts": _us(bar.start_ns - origin_ns),
        "dur": _us(max(bar.end_ns - bar.start_ns, 0)),
        "args": bar.arguments,
    }


def _instants(recording: Recording, origin_ns: int) -> Iterator[Event]:
    """The request and the end of the answer, across all rows of the listener."""
    for name, at_ns in (("request", recording.request_ns), ("end", recording.end_ns)):
        yield {
            "ph": "i",
            "s": "p",
            "cat": GROUPS[LISTENER],
            "name": name,
            "pid": LISTENER,
            "tid": 0,
            "ts": _us(at_ns - origin_ns),
        }


def _counters(timeline: TrialTimeline, origin_ns: int) -> Iterator[Event]:
    for level in timeline.buffer:
        yield {
            "ph": "C",
            "cat": GROUPS[LISTENER],
            "name": "player's buffer (ms)",
            "pid": LISTENER,
            "tid": 0,
            "ts": _us(level.at_ns - origin_ns),
            "args": {"ms": level.audio_ms},
        }

"""Reads what sessions of ONNX Runtime have written about their runs: one event for each node.

The format is that of `SessionOptions.enable_profiling`: a JSON array of events with `ts` and `dur`
in microseconds, where an event of the category `Node` whose name ends in `_kernel_time` is one run
of a node, and its arguments say the operator, the provider and the types and shapes of its inputs.
Some versions write fences around each node as well; these are left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import Struct

from pytest_ttsperf import files
from pytest_ttsperf.errors import FileUnreadable, MeasurementError
from pytest_ttsperf.records import NodeRun, SessionProfile

NODE = "Node"
KERNEL = "_kernel_time"
NS_PER_US = 1000
SCALAR = "scalar"


class _ProfileEvent(Struct, kw_only=True):
    """What is read of an event."""

    name: str = ""
    cat: str = ""
    ts: float = 0.0
    dur: float = 0.0
    tid: int | str = 0
    args: dict[str, Any] = {}


class _TimedNode(NamedTuple):
    """An event of a node, with its times in nanoseconds since the profile's origin."""

    event: _ProfileEvent
    start_ns: int
    end_ns: int


def read_nodes(folder: Path, profiles: Iterable[SessionProfile]) -> tuple[NodeRun, ...]:
    """All runs of nodes, in the order in which they began.

    Sessions that ran nothing have no number: an engine may open some to prepare its graphs only.
    Those whose clock is not known are left out (`count_unplaced`). MeasurementError for a profile
    that cannot be read.
    """
    runs: list[NodeRun] = []
    number = 0
    for profile in profiles:
        if profile.origin_ns is None:
            continue
        nodes = _nodes_of(_read_events(folder / profile.file))
        if not nodes:
            continue
        runs += _place(nodes, profile, profile.origin_ns, number)
        number += 1
    return tuple(sorted(runs, key=lambda run: run.start_ns))


def count_unplaced(profiles: Iterable[SessionProfile]) -> int:
    """How many sessions cannot be put on the clock of the trials."""
    return sum(profile.origin_ns is None for profile in profiles)


def _read_events(path: Path) -> list[_ProfileEvent]:
    try:
        return files.read_json(path, list[_ProfileEvent])
    except (FileUnreadable, FileNotFoundError) as error:
        reason = error.reason if isinstance(error, FileUnreadable) else "it is not there"
        raise MeasurementError(
            f"the profile {path.name} of ONNX Runtime cannot be read: {reason}; wanted the JSON "
            "that its sessions write. Leave out --ttsperf-trace, or use another version of it"
        ) from error


def _nodes_of(events: Iterable[_ProfileEvent]) -> list[_TimedNode]:
    nodes = []
    for event in events:
        if event.cat != NODE or not event.name.endswith(KERNEL):
            continue
        start_ns = round(event.ts * NS_PER_US)
        end_ns = start_ns + round(event.dur * NS_PER_US)
        nodes.append(_TimedNode(event, start_ns, end_ns))
    return nodes


def _place(
    nodes: Sequence[_TimedNode],
    profile: SessionProfile,
    origin_ns: int,
    session: int,
) -> list[NodeRun]:
    """Put the nodes of one session on the clock that its origin is on."""
    inner_ns = _times_inside(nodes)
    runs = []
    for position, node in enumerate(nodes):
        arguments = node.event.args
        duration_ns = node.end_ns - node.start_ns
        runs.append(
            NodeRun(
                session=session,
                model=profile.model,
                name=_name_of(node.event),
                operator=str(arguments.get("op_name", "")),
                provider=str(arguments.get("provider", "")),
                inputs=describe_inputs(arguments.get("input_type_shape")),
                start_ns=origin_ns + node.start_ns,
                end_ns=origin_ns + node.end_ns,
                self_ns=max(duration_ns - inner_ns.get(position, 0), 0),
            )
        )
    return runs


def _name_of(event: _ProfileEvent) -> str:
    """A node without a name is known by its place in the graph."""
    name = event.name.removesuffix(KERNEL)
    return name or f"#{event.args.get('node_index', '?')}"


def _times_inside(nodes: Sequence[_TimedNode]) -> dict[int, int]:
    """By position of a node: the time of those that ran directly inside it, on its thread."""
    by_thread: dict[int | str, list[int]] = defaultdict(list)
    for position, node in enumerate(nodes):
        by_thread[node.event.tid].append(position)
    inside_ns: dict[int, int] = defaultdict(int)
    for positions in by_thread.values():
        # Of two that begin at once the longer one is outside.
        positions.sort(key=lambda at: (nodes[at].start_ns, -nodes[at].end_ns))
        around: list[int] = []
        for position in positions:
            node = nodes[position]
            while around and nodes[around[-1]].end_ns < node.end_ns:
                around.pop()
            if around and nodes[around[-1]].end_ns > node.start_ns:
                inside_ns[around[-1]] += node.end_ns - node.start_ns
            around.append(position)
    return inside_ns


def describe_inputs(inputs: Any) -> str:
    """`float 1x80x512, int64 2` of `[{"float": [1, 80, 512]}, {"int64": [2]}]`.

    Empty for what has another form: it names what ran, and nothing is computed from it.
    """
    if not isinstance(inputs, list):
        return ""
    texts = []
    for each in inputs:
        if isinstance(each, Mapping):
            texts += [f"{kind} {_shape_text(shape)}" for kind, shape in each.items()]
    return ", ".join(texts)


def _shape_text(shape: Any) -> str:
    if not isinstance(shape, list):
        return str(shape)
    return "x".join(map(str, shape)) or SCALAR

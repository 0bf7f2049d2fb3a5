"""How a piper graph is cut: one that runs once a segment, and two that run piece by piece.

    encode   input [1, L], input_lengths [1], scales [3], noise [1, 2, L]
                                     -> durations [1, 1, L], means [1, C, L], logs [1, C, L]
    flow     columns [1, C, 1, n], edges [2 * stages], state_0, state_1 ...
                                     -> result [1, C, 1, m], carry_0, carry_1 ...
    decode   the same, from what flow gives to samples [1, 1, 1, m]

Flow and decode are chains of stages with a joint before each. A stage hears some columns ahead and
back of those it gives. What it may need again goes out as a carry and comes in as a state with the
next run, so that no stage computes much twice:

    new columns behind its state -> stage -> columns between its edges, new to the next stage ...

Convolutions keep the zeros they are padded with, which are right at both ends of a sentence.
Elsewhere they spoil the outermost columns of each stage, and the edges leave just those out. How
far a stage hears, and how many columns it makes of one, is read off its convolutions.

Parts are found by structure, as the names of tensors differ from voice to voice. Noise, which the
original graph draws itself, becomes an input: nothing would be repeatable otherwise. A voice of
several speakers has one input more everywhere, `sid` [1], and is one dimension lower: [1, C, n].
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...errors import EngineError, ModelError
from ...runtime.graph import END, INT64, OPSET, Builder, Feeds, SourceGraph
from ...runtime.providers import CPU, SessionOptions
from ...runtime.session import Session
from .encoder_rewrite import shorten_encoder

IDS, LENGTHS, SCALES, SPEAKER = "input", "input_lengths", "scales", "sid"
PROBES = (3, 8, 61, 200)  # phonemes, to compare encoders with
SURE_IDS = 100  # below which every voice has phonemes
CLOSE, ROUNDED = 1e-3, 0.02


class GraphStage(NamedTuple):
    """What lies between two joints of a chain.

    reach: how many columns that go in are heard on both sides of those that come out.
    factor: how many columns come out for one that goes in.
    width: channels of what goes in.
    """

    reach: int
    factor: int
    width: int


def cut(model: bytes) -> dict[str, bytes]:
    """A piper model -> its graphs by name, and `plan`, JSON: the stages of flow and decode.

    Raises ModelError for a model of another family.
    """
    original = SourceGraph(model)
    try:
        places = _places(original)
        encode = _encode(original, places)
        flow, decode = _flow(original, places), _decode(original, places)
    except (LookupError, StopIteration, ValueError) as error:
        raise ModelError(
            "found a graph without the parts of a piper voice, wanted one as piper's training "
            "exports it; choose another voice"
        ) from error
    plan = {"flow": flow.stages, "decode": decode.stages}
    return {
        "encode": encode,
        "flow": flow.model("flow"),
        "decode": decode.model("decode"),
        "plan": json.dumps(plan).encode(),
    }


# Finding ----------------------------------------------------------------------------------------


class _Places(NamedTuple):
    """Names of the tensors between the parts."""

    duration_noise: str
    durations: str
    means: str
    logs: str
    frames: str  # what the flow starts from: means and noise, a column a frame
    mask: str  # of frames: ones
    features: str  # what the decoder starts from
    samples: str


def _places(original: SourceGraph) -> _Places:
    nodes = original.nodes
    makers = {name: node for node in nodes for name in node.output}
    users: dict[str, list[Any]] = {}
    for node in nodes:
        for name in node.input:
            users.setdefault(name, []).append(node)
    ceil = next(node for node in nodes if node.op_type == "Ceil")
    draws = [node.output[0] for node in nodes if node.op_type == "RandomNormalLike"]
    early = [name for name in draws if ceil.output[0] in _after(name, users)]
    late = [name for name in draws if name not in early]
    head = next(node for node in nodes if _head(node))
    split = next(n for n in nodes if n.op_type == "Split" and n.name.startswith("/enc_p/"))
    frames = users[late[0]][0]
    while frames.op_type != "Add":
        frames = users[frames.output[0]][0]
    tanh = [node for node in nodes if node.op_type == "Tanh"][-1]
    last = makers[head.input[0]]
    mask = next(name for name in last.input if makers[name].op_type == "Cast")
    means, logs = split.output
    return _Places(
        duration_noise=early[0],
        durations=ceil.output[0],
        means=means,
        logs=logs,
        frames=frames.output[0],
        mask=mask,
        features=head.input[0],
        samples=tanh.output[0],
    )


def _after(name: str, users: dict[str, list[Any]]) -> set[str]:
    """All tensors that depend on one."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for node in users.get(waiting.pop(), []):
            fresh = set(node.output) - found
            found |= fresh
            waiting.extend(fresh)
    return found


# Making -----------------------------------------------------------------------------------------


def _encode(original: SourceGraph, places: _Places) -> bytes:
    """The part before the frames; shorter, if that says the same."""
    plain = _encoder(original, places, shorter=False)
    try:
        shorter = _encoder(original, places, shorter=True)
        return shorter if _agree(plain, shorter, original) else plain
    except (LookupError, StopIteration, ValueError, EngineError):
        return plain  # a voice that is built differently: slower to start, and as good


def _encoder(original: SourceGraph, places: _Places, *, shorter: bool) -> bytes:
    part = original.part(
        [IDS, LENGTHS, SCALES, *_speaker(original), places.duration_noise],
        [places.durations, places.means, places.logs],
    )
    nodes = list(part.graph.node)
    del part.graph.input[:], part.graph.node[:]
    build = Builder(original.weights, part)
    build.input(IDS, [1, "L"], INT64)
    build.input(LENGTHS, [1], INT64)
    build.input(SCALES, [3])
    for name in _speaker(original):
        build.input(name, [1], INT64)
    _rename(nodes, {places.duration_noise: build.input("noise", [1, 2, "L"])})
    outputs = [places.durations, places.means, places.logs]
    if shorter:
        outputs = shorten_encoder(build, nodes, IDS, outputs)
    else:
        for node in nodes:
            build.take(node)
    for name, value in zip(("durations", "means", "logs"), outputs, strict=True):
        build.output(name, value, [1, 1 if name == "durations" else "C", "L"])
    return build.model("encode", _opset(part))


def _agree(plain: bytes, shorter: bytes, original: SourceGraph) -> bool:
    """Whether two encoders say the same of some phonemes."""
    sessions = [Session(graph, CPU, SessionOptions()) for graph in (plain, shorter)]
    rng = np.random.default_rng(0)
    for length in PROBES:
        feeds: Feeds = {
            IDS: rng.integers(0, SURE_IDS, (1, length)),
            LENGTHS: np.array([length], np.int64),
            SCALES: np.array([0.667, 1, 0.8], np.float32),
            "noise": rng.standard_normal((1, 2, length), np.float32),
            **{name: np.zeros(1, np.int64) for name in _speaker(original)},
        }
        wanted, found = (session.run(feeds) for session in sessions)
        moved = np.abs(wanted["durations"] - found["durations"])
        # A duration is rounded up: the least of errors may make it another.
        if moved.max() > 1 or moved.mean() > ROUNDED:
            return False
        if not all(np.allclose(wanted[k], found[k], atol=CLOSE) for k in ("means", "logs")):
            return False
    return True


def _flow(original: SourceGraph, places: _Places) -> _Chain:
    """A stage for each of its layers, which take one half of the channels to change the other."""
    part = original.part([places.frames, places.mask, *_speaker(original)], [places.features])
    # The mask is one everywhere: there is one sentence, and none of it is padding.
    masked = [n for n in part.graph.node if n.op_type == "Mul" and places.mask in n.input]
    unmasked = {n.output[0]: next(i for i in n.input if i != places.mask) for n in masked}
    nodes = [node for node in part.graph.node if node.output[0] not in unmasked]
    for node in reversed(masked):  # of masks one behind the other, the last first
        _rename([*nodes, *masked], {node.output[0]: unmasked[node.output[0]]})
    chain = _Chain(original, part, nodes)
    chain.join(places.frames, "Split", unmasked.get(places.features, places.features))
    return chain


def _decode(original: SourceGraph, places: _Places) -> _Chain:
    """A stage for each time it makes more columns of one."""
    part = original.part([places.features, *_speaker(original)], [places.samples])
    chain = _Chain(original, part, list(part.graph.node))
    chain.join(places.features, "ConvTranspose", places.samples)
    return chain


class _Chain:
    """A part of the graph under reconstruction as a chain of stages."""

    def __init__(self, original: SourceGraph, part: Any, nodes: Sequence[Any]) -> None:
        self.stages: list[GraphStage] = []
        self._nodes = nodes
        self._weights = original.weights
        self._opset = _opset(part)
        del part.graph.input[:], part.graph.node[:]
        speaker = _speaker(original)
        # Pictures one pixel high: onnxruntime has its fast kernels only in 2-D.
        self._flat = () if speaker else (1,)
        if not speaker:
            _flatten(nodes, part.graph.initializer)
        self._build = Builder(original.weights, part)
        for name in speaker:
            self._build.input(name, [1], INT64)
        self._edges = self._build.input("edges", ["e"], INT64)
        self._width = next(original.weights[n.input[1]] for n in original.nodes if _head(n)).shape[
            1
        ]
        # Of the stage that was begun last: see _begin().
        self._window = ""
        self._heard: dict[str, tuple[int, int]] = {}  # how far a value hears, and its width
        self._stage_width, self._factor = self._width, 1

    def model(self, name: str) -> bytes:
        """The chain, serialized."""
        return self._build.model(name, self._opset)

    def join(self, start: str, joints: str, end: str) -> None:
        """Take the nodes one by one, from `start` to `end`, with a joint before each of a kind.

        Before the first of that kind there is none: it belongs to the stage that starts there.
        """
        self._begin(self._build.input("columns", self._shape(self._width, "n")), self._width, start)
        first = True
        for node in self._nodes:
            if node.op_type == joints:
                if not first:
                    value = node.input[0]
                    width = self._heard[value][1]
                    self._begin(self._end(value), width, value)
                first = False
            self._hear(node)
            self._build.take(node)
        self._build.output("result", self._end(end), self._shape("c", "m"))

    def _begin(self, columns: str, width: int, value: str) -> None:
        """Start a stage with new columns; it takes them, behind its state, for `value`."""
        state = self._build.input(f"state_{len(self.stages)}", self._shape(width, "s"))
        self._window = self._build.add("Concat", state, columns, axis=-1)
        _rename(self._nodes, {value: self._window})
        self._heard = {self._window: (0, width)}
        self._stage_width, self._factor = width, 1

    def _end(self, value: str) -> str:
        """End a stage: what is right of `value`, and what the next run has to have of before."""
        number, reach = len(self.stages), -(-self._heard[value][0] // self._factor)
        self.stages.append(GraphStage(reach, self._factor, self._stage_width))
        build, axis = self._build, self._build.integers(-1)
        carry = build.add(
            "Slice", self._window, build.integers(-2 * reach), build.integers(END), axis
        )
        build.output(f"carry_{number}", carry, self._shape(self._stage_width, "c"))
        first, stop = (
            build.add("Slice", self._edges, *map(build.integers, (at, at + 1, 0)))
            for at in (2 * number, 2 * number + 1)
        )
        return build.add("Slice", value, first, stop, axis)

    def _hear(self, node: Any) -> None:
        """Work out how far what comes out of the node hears, in its own columns, and its width."""
        heard = [self._heard[name] for name in node.input if name in self._heard]
        if not heard:  # it does not depend on columns at all
            return
        reach, width = max(reach for reach, _ in heard), heard[0][1]
        if node.op_type in ("Conv", "ConvTranspose"):
            options = {a.name: list(a.ints)[-1] for a in node.attribute if a.ints}
            out, into, taps, *_ = (*self._weights[node.input[1]].shape, 0)
            if node.op_type == "Conv":
                reach, width = reach + options["dilations"] * (taps - 1) // 2, out
            else:
                pad, stride = options["pads"], options["strides"]
                reach, width = reach * stride + max(taps - 1 - pad, pad), into
                self._factor *= stride
        elif node.op_type == "Split":
            width //= len(node.output)
        elif node.op_type == "Concat":
            width = sum(width for _, width in heard)
        for name in node.output:
            self._heard[name] = (reach, width)

    def _shape(self, width: int | str, columns: str) -> list[int | str]:
        return [1, width, *self._flat, columns]


def _speaker(original: SourceGraph) -> list[str]:
    return [SPEAKER] if SPEAKER in original.inputs else []


def _head(node: Any) -> bool:
    """Whether it is the decoder's first convolution."""
    return bool(node.op_type == "Conv" and "conv_pre" in node.name)


def _opset(part: Any) -> int:
    """The opset of its nodes, or ours if that is later: there it means the same."""
    versions: list[int] = [e.version for e in part.opset_import if not e.domain]
    return max(OPSET, *versions)


def _rename(nodes: Iterable[Any], names: Mapping[str, str]) -> None:
    """Let nodes take their inputs from elsewhere."""
    for node in nodes:
        for at, name in enumerate(node.input):
            if name in names:
                node.input[at] = names[name]


def _flatten(nodes: Iterable[Any], weights: Iterable[Any]) -> None:
    """Make convolutions along a line convolutions of a picture one pixel high."""
    convolved = set()
    for node in nodes:
        if node.op_type in ("Conv", "ConvTranspose"):
            convolved.add(node.input[1])
            for option in node.attribute:
                if option.name in ("dilations", "kernel_shape", "strides"):
                    option.ints.insert(0, 1)
                elif option.name == "pads":
                    option.ints[:] = [0, option.ints[0], 0, option.ints[1]]
    for weight in weights:
        if weight.name in convolved:
            weight.dims.insert(2, 1)

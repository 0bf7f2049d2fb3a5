"""How a piper graph is cut: one part that runs once a segment, and two that run piece by piece.

    encode   input [1, L], input_lengths [1], scales [3], noise [1, 2, L]
                                     -> durations [1, 1, L], means [1, C, L], logs [1, C, L]
    flow     columns [1, C, 1, n], edges [2 * stages], state_0, state_1 ...
                                     -> result [1, C, 1, m], carry_0, carry_1 ...
    decode   the same, from what flow gives to samples [1, 1, 1, m]

Flow and decode are chains of stages with a joint before each. A stage needs some columns ahead of
and behind those it gives. What it may need again goes out as a carry and comes in as a state with
the next run, so that no stage computes much twice:

    new columns behind its state -> stage -> columns between its edges, new to the next stage ...

Convolutions keep the zeros they are padded with, which are right at both ends of a sentence.
Elsewhere they spoil the outermost columns of each stage, and the edges leave just those out. How
much context a stage needs, and how many columns it makes of one, is read off its convolutions.

Parts are found by structure, as the names of tensors differ from voice to voice. Noise, which the
original graph draws itself, becomes an input: nothing would be repeatable otherwise. A voice of
several speakers has one input more everywhere, `sid` [1], and is one dimension lower: [1, C, n].
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...errors import EngineError, ModelError
from ...runtime.graph import END, INT64, OPSET, Array, Builder, Feeds, SourceGraph, Value
from ...runtime.providers import CPU, SessionOptions
from ...runtime.session import Session
from .chain import Stage
from .encoder_rewrite import shorten_encoder
from .node_links import NodeLinks, rename_inputs

IDS, LENGTHS, SCALES, SPEAKER = "input", "input_lengths", "scales", "sid"
PROBE_LENGTHS = (3, 8, 61, 200)  # phonemes, to compare encoders with
SURE_IDS = 100  # below which every voice has phonemes
PROBE_SCALES = (0.667, 1, 0.8)
MAX_DIFFERENCE = 1e-3  # of means and logs
MAX_MEAN_DURATION_ERROR = 0.02  # frames


def cut(model: bytes) -> dict[str, bytes]:
    """A piper model -> its graphs by name, and `plan`, JSON: the stages of flow and decode.

    Raises ModelError for a model of another family.
    """
    original = SourceGraph(model)
    try:
        tensors = _find_part_tensors(original)
        encode = _cut_encoder(original, tensors)
        flow = _cut_flow(original, tensors)
        decode = _cut_decoder(original, tensors)
    except (LookupError, StopIteration, ValueError) as error:
        raise ModelError(
            "found a graph without the parts of a piper voice, wanted one as piper's training "
            "exports it; choose another voice"
        ) from error
    plan = {"flow": flow.stages, "decode": decode.stages}
    return {
        "encode": encode,
        "flow": flow.serialize("flow"),
        "decode": decode.serialize("decode"),
        "plan": json.dumps(plan).encode(),
    }


# Finding ----------------------------------------------------------------------------------------


class _PartTensors(NamedTuple):
    """Names of the tensors between the parts."""

    duration_noise: str
    durations: str
    means: str
    logs: str
    frames: str  # what the flow starts from: means and noise, a column a frame
    mask: str  # of frames: ones
    features: str  # what the decoder starts from
    samples: str


def _find_part_tensors(original: SourceGraph) -> _PartTensors:
    nodes = original.nodes
    links = NodeLinks(nodes)
    durations = _nodes_of_kind(nodes, "Ceil")[0].output[0]
    duration_noise, frame_noise = _find_noises(nodes, links, durations)
    means, logs = _find_statistics(nodes)
    features = _find_decoder_head(nodes).input[0]
    return _PartTensors(
        duration_noise=duration_noise,
        durations=durations,
        means=means,
        logs=logs,
        frames=_find_frames(links, frame_noise),
        mask=_find_mask(links, features),
        features=features,
        samples=_nodes_of_kind(nodes, "Tanh")[-1].output[0],
    )


def _nodes_of_kind(nodes: Iterable[Any], *kinds: str) -> list[Any]:
    return [node for node in nodes if node.op_type in kinds]


def _find_noises(
    nodes: Sequence[Any],
    links: NodeLinks,
    durations: str,
) -> tuple[str, str]:
    """The first noise that durations depend on, and the first that they do not."""
    early = []
    late = []
    for node in _nodes_of_kind(nodes, "RandomNormalLike"):
        noise = node.output[0]
        if durations in links.find_dependents(noise):
            early.append(noise)
        else:
            late.append(noise)
    return early[0], late[0]


def _find_statistics(nodes: Sequence[Any]) -> tuple[str, str]:
    """Means and logs: the encoder ends by splitting its channels into both."""
    splits = _nodes_of_kind(nodes, "Split")
    split = next(node for node in splits if node.name.startswith("/enc_p/"))
    means, logs = split.output
    return means, logs


def _find_frames(links: NodeLinks, noise: str) -> str:
    """The sum of means and noise: the first sum that the noise goes into."""
    node = links.users[noise][0]
    while node.op_type != "Add":
        node = links.users[node.output[0]][0]
    name: str = node.output[0]
    return name


def _find_mask(links: NodeLinks, features: str) -> str:
    """What features are multiplied by, last of all: it is cast from booleans."""
    inputs = links.makers[features].input
    mask: str = next(name for name in inputs if links.makers[name].op_type == "Cast")
    return mask


def _find_decoder_head(nodes: Iterable[Any]) -> Any:
    """The decoder's first convolution."""
    return next(node for node in _nodes_of_kind(nodes, "Conv") if "conv_pre" in node.name)


def _find_speaker(original: SourceGraph) -> list[str]:
    """The input that chooses among several speakers, if there are several."""
    return [name for name in original.inputs if name == SPEAKER]


# The encoder ------------------------------------------------------------------------------------


def _cut_encoder(original: SourceGraph, tensors: _PartTensors) -> bytes:
    """The part before the frames; shorter, if that gives the same."""
    plain = _build_encoder(original, tensors, shorter=False)
    try:
        shorter = _build_encoder(original, tensors, shorter=True)
        if _agree(plain, shorter, original):
            return shorter
    except (LookupError, StopIteration, ValueError, EngineError):
        pass  # a voice that is built differently: slower to start, and as good
    return plain


def _build_encoder(original: SourceGraph, tensors: _PartTensors, *, shorter: bool) -> bytes:
    speaker = _find_speaker(original)
    outputs = [tensors.durations, tensors.means, tensors.logs]
    part = original.part([IDS, LENGTHS, SCALES, *speaker, tensors.duration_noise], outputs)
    nodes = _take_nodes(part)
    build = Builder(original.weights, part)
    ids = build.input(IDS, [1, "L"], INT64)
    build.input(LENGTHS, [1], INT64)
    build.input(SCALES, [3])
    for name in speaker:
        build.input(name, [1], INT64)
    noise = build.input("noise", [1, 2, "L"])
    rename_inputs(nodes, {tensors.duration_noise: noise.name})
    if shorter:
        outputs = shorten_encoder(build, nodes, ids, outputs)
    else:
        for node in nodes:
            build.take(node)
    durations, means, logs = outputs
    build.output("durations", durations, [1, 1, "L"])
    build.output("means", means, [1, "C", "L"])
    build.output("logs", logs, [1, "C", "L"])
    return build.model("encode", _opset_of(part))


def _agree(plain: bytes, shorter: bytes, original: SourceGraph) -> bool:
    """Whether two encoders give the same for some phonemes."""
    plain_session = Session(plain, CPU, SessionOptions())
    shorter_session = Session(shorter, CPU, SessionOptions())
    rng = np.random.default_rng(0)
    for length in PROBE_LENGTHS:
        feeds: Feeds = {
            IDS: rng.integers(0, SURE_IDS, (1, length)),
            LENGTHS: np.array([length], np.int64),
            SCALES: np.array(PROBE_SCALES, np.float32),
            "noise": rng.standard_normal((1, 2, length), np.float32),
            **{name: np.zeros(1, np.int64) for name in _find_speaker(original)},
        }
        if not _is_close(plain_session.run(feeds), shorter_session.run(feeds)):
            return False
    return True


def _is_close(wanted: Feeds, found: Feeds) -> bool:
    errors = np.abs(wanted["durations"] - found["durations"])
    # A duration is rounded up: the least of errors may make it another.
    if errors.max() > 1 or errors.mean() > MAX_MEAN_DURATION_ERROR:
        return False
    return all(
        np.allclose(wanted[name], found[name], atol=MAX_DIFFERENCE) for name in ("means", "logs")
    )


# The chains -------------------------------------------------------------------------------------


def _cut_flow(original: SourceGraph, tensors: _PartTensors) -> _ChainBuilder:
    """A stage for each of its layers, which take one half of the channels to change the other."""
    inputs = [tensors.frames, tensors.mask, *_find_speaker(original)]
    part = original.part(inputs, [tensors.features])
    # The mask is one everywhere: there is one sentence, and none of it is padding.
    masked = []
    unmasked = {}
    nodes = []
    for node in part.graph.node:
        if node.op_type == "Mul" and tensors.mask in node.input:
            masked.append(node)
            unmasked[node.output[0]] = next(name for name in node.input if name != tensors.mask)
        else:
            nodes.append(node)
    for node in reversed(masked):  # of masks one behind the other, the last first
        name = node.output[0]
        rename_inputs([*nodes, *masked], {name: unmasked[name]})
    chain = _ChainBuilder(original, part, nodes)
    end = unmasked.get(tensors.features, tensors.features)
    chain.add_stages(tensors.frames, "Split", end)
    return chain


def _cut_decoder(original: SourceGraph, tensors: _PartTensors) -> _ChainBuilder:
    """A stage for each time it makes more columns of one."""
    part = original.part([tensors.features, *_find_speaker(original)], [tensors.samples])
    chain = _ChainBuilder(original, part, list(part.graph.node))
    chain.add_stages(tensors.features, "ConvTranspose", tensors.samples)
    return chain


class _Span(NamedTuple):
    """What a value of a stage is made from.

    context: columns to both sides, counted in the value's own. width: its channels.
    """

    context: int
    width: int


class _ChainBuilder(Builder):
    """Builds a part of the graph as a chain of stages."""

    def __init__(
        self,
        original: SourceGraph,
        part: Any,
        nodes: Sequence[Any],
    ) -> None:
        _take_nodes(part)
        speaker = _find_speaker(original)
        self._image_axes: tuple[int, ...] = ()
        if not speaker:
            # Images one pixel high: onnxruntime has its fast kernels only in 2-D.
            self._image_axes = (1,)
            _make_images(nodes, part.graph.initializer)
        super().__init__(original.weights, part)
        self.stages: list[Stage] = []
        self._source_nodes = nodes
        self._opset = _opset_of(part)
        for name in speaker:
            self.input(name, [1], INT64)
        self._edges = self.input("edges", ["e"], INT64)
        head = _find_decoder_head(original.nodes)
        self._width: int = self.weights[head.input[1]].shape[1]
        # Of the stage that was begun last: see _begin().
        self._window = self._edges
        self._spans: dict[str, _Span] = {}  # of each value that depends on columns
        self._stage_width = self._width
        self._factor = 1

    def serialize(self, name: str) -> bytes:
        """The chain as a model."""
        return self.model(name, self._opset)

    def add_stages(self, start: str, joint: str, end: str) -> None:
        """Take the nodes one by one, from `start` to `end`, with a joint before each of a kind.

        Before the first of that kind there is none: it belongs to the stage that starts there.
        """
        columns = self.input("columns", self._shape(self._width, "n"))
        self._begin(columns, self._width, start)
        is_first = True
        for node in self._source_nodes:
            if node.op_type == joint:
                if not is_first:
                    self._add_joint(node.input[0])
                is_first = False
            self._measure(node)
            self.take(node)
        self.output("result", self._end(end), self._shape("c", "m"))

    def _add_joint(self, value: str) -> None:
        """End a stage with a value, and start the next with it."""
        width = self._spans[value].width
        self._begin(self._end(value), width, value)

    def _begin(self, columns: Value, width: int, value: str) -> None:
        """Start a stage with new columns; it takes them, behind its state, for `value`."""
        state = self.input(f"state_{len(self.stages)}", self._shape(width, "s"))
        self._window = state.apply("Concat", columns, axis=-1)
        rename_inputs(self._source_nodes, {value: self._window.name})
        self._spans = {self._window.name: _Span(0, width)}
        self._stage_width = width
        self._factor = 1

    def _end(self, value: str) -> Value:
        """End a stage: what is new of `value`, and what the next run needs again."""
        number = len(self.stages)
        context = -(-self._spans[value].context // self._factor)
        self.stages.append(Stage(context, self._factor, self._stage_width))
        carry = self._window.between(-2 * context, END, axis=-1)
        self.output(f"carry_{number}", carry, self._shape(self._stage_width, "c"))
        first = self._edges.between(2 * number, 2 * number + 1, axis=0)
        stop = self._edges.between(2 * number + 1, 2 * number + 2, axis=0)
        return self.add("Slice", value, first, stop, [-1])

    def _measure(self, node: Any) -> None:
        """Work out the span of what comes out of the node."""
        inputs = [self._spans[name] for name in node.input if name in self._spans]
        if not inputs:  # it does not depend on columns at all
            return
        context = max(span.context for span in inputs)
        width = inputs[0].width
        if node.op_type == "Conv":
            span = self._measure_convolution(node, context)
        elif node.op_type == "ConvTranspose":
            span = self._measure_transposed(node, context)
        elif node.op_type == "Split":
            span = _Span(context, width // len(node.output))
        elif node.op_type == "Concat":
            span = _Span(context, sum(one.width for one in inputs))
        else:
            span = _Span(context, width)
        for name in node.output:
            self._spans[name] = span

    def _measure_convolution(self, node: Any, context: int) -> _Span:
        weight: Array = self.weights[node.input[1]]
        width, _, kernel_size = weight.shape
        return _Span(context + _option(node, "dilations") * (kernel_size - 1) // 2, width)

    def _measure_transposed(self, node: Any, context: int) -> _Span:
        weight: Array = self.weights[node.input[1]]
        _, width, kernel_size = weight.shape
        padding = _option(node, "pads")
        stride = _option(node, "strides")
        self._factor *= stride
        return _Span(context * stride + max(kernel_size - 1 - padding, padding), width)

    def _shape(
        self,
        width: int | str,
        columns: str,
    ) -> list[int | str]:
        return [1, width, *self._image_axes, columns]


def _take_nodes(part: Any) -> list[Any]:
    """The nodes of a part, which keeps its constants only: a Builder starts from those."""
    nodes = list(part.graph.node)
    del part.graph.input[:]
    del part.graph.node[:]
    return nodes


def _option(node: Any, name: str) -> int:
    """An attribute of a convolution along columns, the last axis there is."""
    number: int = next(option.ints[-1] for option in node.attribute if option.name == name)
    return number


def _opset_of(part: Any) -> int:
    """The opset of its nodes, or ours if that is later: there it means the same."""
    versions: list[int] = [entry.version for entry in part.opset_import if not entry.domain]
    return max(OPSET, *versions)


def _make_images(nodes: Iterable[Any], weights: Iterable[Any]) -> None:
    """Make convolutions along a line convolutions of an image one pixel high."""
    convolved = set()
    for node in _nodes_of_kind(nodes, "Conv", "ConvTranspose"):
        convolved.add(node.input[1])
        for option in node.attribute:
            if option.name in ("dilations", "kernel_shape", "strides"):
                option.ints.insert(0, 1)
            elif option.name == "pads":
                before, after = option.ints
                option.ints[:] = [0, before, 0, after]
    for weight in weights:
        if weight.name in convolved:
            weight.dims.insert(2, 1)

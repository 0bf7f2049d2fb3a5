"""A piper encoder made shorter: what its export spells out in two thousand nodes, in a third.

The export works out every shape, masks what is never padded, spells out norms, reads positions by
shifting whole matrices, and picks the pieces of its splines by scattering. That takes longer than
the arithmetic of a short sentence, and most of a session's opening.

Nodes stay in their order. Where there is a shorter way to a value, it replaces the node that made
it, and what nothing depends on any more is dropped.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...runtime.graph import EPSILON, FLOAT, INT64, Array, Builder
from ..arithmetic import Value
from .node_links import NodeLinks

# Of the splines: how far they reach, and the least of widths, heights and slopes, as piper trains.
TAIL, LEAST = 5.0, 1e-3
END_SLOPE = math.log(math.expm1(1 - LEAST))  # what makes the slope at both ends one


class RewritePath(NamedTuple):
    """A shorter way to a value: what adds it to the graph, called with the names it starts from."""

    starts: Sequence[str]
    add: Callable[..., str]


def shorten_encoder(
    build: Builder,
    nodes: Sequence[Any],
    ids: str,
    outputs: Sequence[str],
) -> list[str]:
    """Add the nodes to a graph, shorter; the new names of its outputs.

    Raises LookupError, StopIteration or ValueError where the graph is not as expected.
    """
    return _EncoderRewriter(build, nodes, ids).add(outputs)


class _EncoderRewriter:
    def __init__(
        self,
        build: Builder,
        nodes: Sequence[Any],
        ids: str,
    ) -> None:
        self._build = build
        self._nodes = nodes
        self._ids = ids
        self._links = NodeLinks(nodes)
        self._rewrites: dict[str, RewritePath] = {}  # by what they lead to
        self._names: dict[str, str] = {}  # of values that come from elsewhere now
        self._neighbours: tuple[str, str] | None = None

    def add(self, outputs: Sequence[str]) -> list[str]:
        """Add what the outputs depend on; their new names."""
        self._skip_masks()
        self._shorten_norms()
        self._shorten_attention()
        self._shorten_splines()
        needed = self._find_needed(outputs)
        for node in self._nodes:
            if not needed.isdisjoint(node.output):
                self._add_node(node)
        return [self._rename(name) for name in outputs]

    def _rewrite(
        self,
        name: str,
        starts: Sequence[str],
        add: Callable[..., str],
        *parameters: Any,
    ) -> None:
        """Note a shorter way to a value; `add` is called with the parameters in front."""
        self._rewrites[name] = RewritePath(starts, functools.partial(add, *parameters))

    def _add_node(self, node: Any) -> None:
        """Add a node, or the shorter way to what it gives."""
        name = node.output[0]
        if name in self._rewrites:
            starts, add = self._rewrites[name]
            self._names[name] = add(*map(self._rename, starts))
            return
        for at, value in enumerate(node.input):
            node.input[at] = self._rename(value)
        if self._is_wide(node):
            self._names[name] = self._add_image_convolution(node)
        else:
            self._build.take(node)

    def _is_wide(self, node: Any) -> bool:
        """Whether it is one of the convolutions that take half of the time."""
        if node.op_type != "Conv":
            return False
        weights = self._build.weights.get(node.input[1])
        return weights is not None and min(weights.shape[1:3]) > 1

    def _add_image_convolution(self, node: Any) -> str:
        """A convolution as one of an image one pixel high: there onnxruntime is faster."""
        build = self._build
        value, weights, *bias = node.input
        before = after = 0
        for option in node.attribute:
            if option.name == "pads":
                before, after = option.ints
        image = build.add(
            "Conv",
            build.add("Unsqueeze", value, build.integers(2)),
            build.constant(build.weights[weights][:, :, None]),
            *bias,
            pads=[0, before, 0, after],
        )
        return build.add("Squeeze", image, build.integers(2))

    def _rename(self, name: str) -> str:
        return self._names.get(name, name)

    def _find_needed(self, outputs: Iterable[str]) -> set[str]:
        """All values on the way to the outputs, by the shorter ways where there are any."""
        needed: set[str] = set()
        waiting = list(outputs)
        while waiting:
            name = waiting.pop()
            if name in needed or name not in self._links.makers:
                continue
            needed.add(name)
            if name in self._rewrites:
                waiting.extend(self._rewrites[name].starts)
            else:
                waiting.extend(self._links.makers[name].input)
        return needed

    def _find_maker(self, name: str, kind: str) -> Any:
        node = self._links.makers[name]
        if node.op_type != kind:
            raise ValueError(f"{name} comes from {node.op_type}")
        return node

    def _find_user(self, name: str, kind: str) -> Any:
        """The first node of that kind that uses the value."""
        return next(node for node in self._links.users[name] if node.op_type == kind)

    # Masks and norms ----------------------------------------------------------------------------

    def _skip_masks(self) -> None:
        """The mask of phonemes is one everywhere: there is one sentence, none of it padding."""
        products = [node for node in self._nodes if node.op_type == "Mul"]
        casts: Counter[str] = Counter()
        for node in products:
            casts.update(name for name in node.input if self._links.is_made_by(name, "Cast"))
        ((mask, _),) = casts.most_common(1)
        for node in products:
            others = [name for name in node.input if name != mask]
            if len(others) == 1:
                self._rewrite(node.output[0], others, str)

    def _shorten_norms(self) -> None:
        users = self._links.users
        for root in self._nodes:
            if root.op_type != "Sqrt" or "norm" not in root.name:  # splines have roots too
                continue
            (quotient,) = users[root.output[0]]
            (product,) = users[quotient.output[0]]
            (total,) = users[product.output[0]]
            value = self._find_maker(quotient.input[0], "Sub").input[0]
            gain = self._find_weight(product)
            shift = self._find_weight(total)
            self._rewrite(total.output[0], [value], self._add_norm, gain, shift)

    def _find_weight(self, node: Any) -> str:
        """The input of a node that is a weight."""
        weight: str = next(name for name in node.input if name in self._build.weights)
        return weight

    def _add_norm(self, gain: str, shift: str, value: str) -> str:
        inputs = (value, gain, shift)
        return self._build.add("LayerNormalization", *inputs, axis=-1, epsilon=EPSILON)

    # Attention ----------------------------------------------------------------------------------

    def _shorten_attention(self) -> None:
        """Each phoneme weighs the few around it by how far they are, and all by what they are."""
        for node in self._nodes:
            if node.op_type == "Softmax" and node.name.startswith("/enc_p/"):
                self._shorten_layer(node)

    def _shorten_layer(self, softmax: Any) -> None:
        layer, _, _ = softmax.name.rpartition("/")
        folder = layer.strip("/").replace("/", ".")
        keys = self._build.weights[f"{folder}.emb_rel_k"].astype(np.float32)
        values = self._build.weights[f"{folder}.emb_rel_v"].astype(np.float32)
        scores = softmax.input[0]
        unmasked = self._find_maker(scores, "Where").input[2]
        plain = self._find_maker(unmasked, "Add").input[0]
        query = self._find_maker(plain, "MatMul").input[0]
        self._rewrite(scores, [plain, query], self._add_near_scores, keys)
        weights = softmax.output[0]
        mixed = self._find_user(weights, "MatMul").output[0]
        (total,) = self._links.users[mixed]
        near = next(name for name in total.input if name != mixed)
        self._rewrite(near, [weights], self._add_near_values, values)

    def _add_near_scores(self, keys: Array, plain: str, query: str) -> str:
        """Scores and, for the phonemes around each, those of their distance."""
        build = self._build
        positions, is_there = self._add_neighbours(keys)
        matrix = build.constant(keys[None].swapaxes(2, 3))
        near = build.add("MatMul", query, matrix)
        near = build.add("Mul", near, is_there)
        return build.add("ScatterElements", plain, positions, near, axis=-1, reduction="add")

    def _add_near_values(self, values: Array, weights: str) -> str:
        build = self._build
        positions, is_there = self._add_neighbours(values)
        near = build.add("GatherElements", weights, positions, axis=-1)
        near = build.add("Mul", near, is_there)
        return build.add("MatMul", near, build.constant(values[None]))

    def _add_neighbours(self, table: Array) -> tuple[str, str]:
        """Which phonemes lie around each, [1, heads, L, around], and whether they do, 1 or 0."""
        if self._neighbours is not None:
            return self._neighbours
        build = self._build
        reach = table.shape[1] // 2
        embedding = self._find_user(self._ids, "Gather").input[0]
        heads = build.weights[embedding].shape[1] // table.shape[2]
        count = build.add("Shape", self._ids, start=1, end=2)
        scalar = build.add("Squeeze", count)
        row = build.add("Range", self._integer(0), scalar, self._integer(1))
        distances = np.arange(-reach, reach + 1)
        steps = build.constant(distances[None], np.int64)
        column = build.add("Unsqueeze", row, build.integers(1))
        wanted = build.add("Add", column, steps)
        last = build.add("Sub", scalar, self._integer(1))
        clipped = build.add("Clip", wanted, self._integer(0), last)
        is_there = build.add("Equal", wanted, clipped)
        is_there = build.add("Cast", is_there, to=FLOAT)
        front = build.integers(1, heads)
        around = build.integers(len(distances))
        shape = build.add("Concat", front, count, around, axis=0)
        self._neighbours = build.add("Expand", clipped, shape), is_there
        return self._neighbours

    def _integer(self, number: int) -> str:
        return self._build.constant(number, np.int64)

    # Splines ------------------------------------------------------------------------------------

    def _shorten_splines(self) -> None:
        for node in self._nodes:
            is_projection = node.name.startswith("/dp/flows.") and node.name.endswith("/proj/Conv")
            if node.op_type != "Conv" or not is_projection:
                continue
            unchanged, changed = self._find_halves(node.name.removesuffix("proj/Conv"))
            result = self._find_user(unchanged, "Concat").input[1]
            count, width, _ = self._build.weights[node.input[1]].shape
            starts = [node.output[0], changed]
            self._rewrite(result, starts, self._add_spline, count, width)

    def _find_halves(self, folder: str) -> Sequence[str]:
        """The half of the channels that a flow leaves alone, and the one it changes."""
        for node in self._nodes:
            if node.op_type == "Split" and node.name.startswith(folder):
                halves: Sequence[str] = node.output
                return halves
        raise ValueError(f"{folder} splits no channels")

    def _add_spline(
        self,
        count: int,
        width: int,
        parameters: str,
        value: str,
    ) -> str:
        """Where a monotonic rational-quadratic spline takes a value, backwards.

        Durkan et al., Neural Spline Flows, 2019, section 3.1: x for a given y.
        """
        build = self._build
        bins = (count + 1) // 3
        rows = build.add("Transpose", parameters, perm=[0, 2, 1])
        y = Value(build, build.add("Transpose", value, perm=[0, 2, 1]))
        sizes = build.constant([bins, bins, bins - 1], np.int64)
        widths, heights, slopes = build.split(rows, sizes, 3, axis=2)
        left, wide = self._add_knots(widths, bins, width)
        low, high = self._add_knots(heights, bins, width)
        slopes = self._add_slopes(slopes)
        inner = self._columns(low, 1, bins)
        # As many knots below the value as the number of its bin says.
        below = y.apply("GreaterOrEqual", inner).apply("Cast", to=FLOAT)
        bin_count = below.apply("ReduceSum", build.integers(2), keepdims=1)
        which = bin_count.apply("Cast", to=INT64).name
        tables = (
            self._columns(left, 0, bins),
            wide,
            self._columns(low, 0, bins),
            high,
            self._columns(slopes, 0, bins),
            self._columns(slopes, 1, bins + 1),
        )
        x0, w, y0, h, d0, d1 = (
            Value(build, table).apply("GatherElements", which, axis=2) for table in tables
        )
        mean = h / w
        two = Value(build, build.constant(2.0))
        rise = y - y0
        bend = d0 + d1 - two * mean
        bent = rise * bend
        a = bent + h * (mean - d0)
        b = h * d0 - bent
        c = -mean * rise
        four = Value(build, build.constant(4.0))
        four_ac = four * (a * c)
        root = (b * b - four_ac).apply("Sqrt")
        part = two * c / (-b - root)
        x = part * w + x0
        is_far = y.apply("Abs").apply("Greater", build.constant(TAIL))
        result = is_far.apply("Where", y.name, x.name)
        return result.apply("Transpose", perm=[0, 2, 1]).name

    def _add_slopes(self, inner: str) -> str:
        """The slope at each knot, both ends included."""
        build = self._build
        ends = build.constant([0, 0, 1, 0, 0, 1], np.int64)
        slopes = Value(build, build.add("Pad", inner, ends, build.constant(END_SLOPE)))
        return (slopes.apply("Softplus") + LEAST).name

    def _add_knots(
        self,
        parameters: str,
        bins: int,
        width: int,
    ) -> tuple[str, str]:
        """Where the bins begin, and where the last ends; and how wide they are."""
        build = self._build
        logits = Value(build, parameters) / math.sqrt(width)
        share = logits.apply("Softmax", axis=2)
        share = share * (1 - LEAST * bins) + LEAST
        edges = share.apply("CumSum", self._integer(2)).name
        inner = Value(build, self._columns(edges, 0, bins - 1))
        inner = inner * (2 * TAIL) - TAIL
        before = build.constant([0, 0, 1, 0, 0, 0], np.int64)
        low = inner.apply("Pad", before, build.constant(-TAIL))
        behind = build.constant([0, 0, 0, 0, 0, 1], np.int64)
        knots = low.apply("Pad", behind, build.constant(TAIL)).name
        stops = self._columns(knots, 1, bins + 1)
        starts = self._columns(knots, 0, bins)
        return knots, build.add("Sub", stops, starts)

    def _columns(self, value: str, start: int, stop: int) -> str:
        integers = self._build.integers
        return self._build.add("Slice", value, integers(start), integers(stop), integers(2))

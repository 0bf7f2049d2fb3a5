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

from ...runtime.graph import EPSILON, FLOAT, INT64, Array, Builder, Value
from .node_links import NodeLinks

# Of the splines: how far they reach, and the least of widths, heights and slopes, as piper trains.
TAIL, LEAST = 5.0, 1e-3
END_SLOPE = math.log(math.expm1(1 - LEAST))  # what makes the slope at both ends one


class RewritePath(NamedTuple):
    """A shorter way to a value: what adds it to the graph, called with where it starts."""

    starts: Sequence[str]
    add: Callable[..., Value]


def shorten_encoder(
    build: Builder, nodes: Sequence[Any], ids: Value, outputs: Sequence[str]
) -> list[str]:
    """Add the nodes to a graph, shorter; the new names of its outputs.

    Raises LookupError, StopIteration or ValueError where the graph is not as expected.
    """
    return _EncoderRewriter(build, nodes, ids).add(outputs)


class _EncoderRewriter:
    def __init__(self, build: Builder, nodes: Sequence[Any], ids: Value) -> None:
        self._build = build
        self._nodes = nodes
        self._ids = ids
        self._links = NodeLinks(nodes)
        self._rewrites: dict[str, RewritePath] = {}  # by what they lead to
        self._names: dict[str, str] = {}  # of values that come from elsewhere now
        self._neighbours: tuple[Value, Value] | None = None

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
        self, name: str, starts: Sequence[str], add: Callable[..., Value], *parameters: Any
    ) -> None:
        """Note a shorter way to a value; `add` is called with the parameters in front."""
        self._rewrites[name] = RewritePath(starts, functools.partial(add, *parameters))

    def _add_node(self, node: Any) -> None:
        """Add a node, or the shorter way to what it gives."""
        name = node.output[0]
        if name in self._rewrites:
            path = self._rewrites[name]
            starts = [Value(self._build, self._rename(start)) for start in path.starts]
            self._names[name] = path.add(*starts).name
            return
        for at, value in enumerate(node.input):
            node.input[at] = self._rename(value)
        if self._is_wide(node):
            self._names[name] = self._add_image_convolution(node).name
        else:
            self._build.take(node)

    def _is_wide(self, node: Any) -> bool:
        """Whether it is one of the convolutions that take half of the time."""
        if node.op_type != "Conv":
            return False
        weights = self._build.weights.get(node.input[1])
        return weights is not None and min(weights.shape[1:3]) > 1

    def _add_image_convolution(self, node: Any) -> Value:
        """A convolution as one of an image one pixel high: there onnxruntime is faster."""
        build = self._build
        value, weights, *bias = node.input
        before = after = 0
        for option in node.attribute:
            if option.name == "pads":
                before, after = option.ints
        image = build.add("Unsqueeze", value, [2])
        kernel = build.weights[weights][:, :, None]
        image = image.apply("Conv", kernel, *bias, pads=[0, before, 0, after])
        return image.apply("Squeeze", [2])

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
                self._rewrite(node.output[0], others, lambda other: other)

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

    def _add_norm(self, gain: str, shift: str, value: Value) -> Value:
        return value.apply("LayerNormalization", gain, shift, axis=-1, epsilon=EPSILON)

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

    def _add_near_scores(self, keys: Array, plain: Value, query: Value) -> Value:
        """Scores and, for the phonemes around each, those of their distance."""
        positions, is_there = self._add_neighbours(keys)
        near = (query @ keys[None].swapaxes(2, 3)) * is_there
        return plain.apply("ScatterElements", positions, near, axis=-1, reduction="add")

    def _add_near_values(self, values: Array, weights: Value) -> Value:
        positions, is_there = self._add_neighbours(values)
        near = weights.apply("GatherElements", positions, axis=-1) * is_there
        return near @ values[None]

    def _add_neighbours(self, table: Array) -> tuple[Value, Value]:
        """Which phonemes lie around each, [1, heads, L, around], and whether they do, 1 or 0."""
        if self._neighbours is not None:
            return self._neighbours
        build = self._build
        reach = table.shape[1] // 2
        embedding = self._find_user(self._ids.name, "Gather").input[0]
        heads = build.weights[embedding].shape[1] // table.shape[2]
        count = self._ids.apply("Shape", start=1, end=2)
        scalar = count.apply("Squeeze")
        column = build.add("Range", 0, scalar, 1).apply("Unsqueeze", [1])
        distances = np.arange(-reach, reach + 1)
        wanted = column + distances[None]
        clipped = wanted.apply("Clip", 0, scalar - 1)
        is_there = wanted.apply("Equal", clipped).cast(FLOAT)
        shape = build.add("Concat", [1, heads], count, [len(distances)], axis=0)
        self._neighbours = clipped.apply("Expand", shape), is_there
        return self._neighbours

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

    def _add_spline(self, count: int, width: int, parameters: Value, value: Value) -> Value:
        """Where a monotonic rational-quadratic spline takes a value, backwards.

        Durkan et al., Neural Spline Flows, 2019, section 3.1: x for a given y.
        """
        bins = (count + 1) // 3
        rows = parameters.transpose(0, 2, 1)
        y = value.transpose(0, 2, 1)
        sizes = [bins, bins, bins - 1]
        widths, heights, slopes = self._build.split(rows, sizes, 3, axis=2)
        left, wide = self._add_knots(widths, bins, width)
        low, high = self._add_knots(heights, bins, width)
        slopes = self._add_slopes(slopes)
        # As many knots below the value as the number of its bin says.
        inner = low.between(1, bins, axis=2)
        below = y.apply("GreaterOrEqual", inner).cast(FLOAT)
        bin_number = below.apply("ReduceSum", [2], keepdims=1)
        which = bin_number.cast(INT64)
        tables = (
            left.between(0, bins, axis=2),
            wide,
            low.between(0, bins, axis=2),
            high,
            slopes.between(0, bins, axis=2),
            slopes.between(1, bins + 1, axis=2),
        )
        x0, w, y0, h, d0, d1 = (table.apply("GatherElements", which, axis=2) for table in tables)
        mean = h / w
        rise = y - y0
        bend = d0 + d1 - mean * 2.0
        bent = rise * bend
        a = bent + h * (mean - d0)
        b = h * d0 - bent
        c = -mean * rise
        root = (b * b - a * c * 4.0).apply("Sqrt")
        part = c * 2.0 / (-b - root)
        x = part * w + x0
        is_far = y.apply("Abs").apply("Greater", TAIL)
        result = is_far.apply("Where", y, x)
        return result.transpose(0, 2, 1)

    def _add_slopes(self, inner: Value) -> Value:
        """The slope at each knot, both ends included."""
        slopes = inner.apply("Pad", [0, 0, 1, 0, 0, 1], END_SLOPE)
        return slopes.apply("Softplus") + LEAST

    def _add_knots(self, parameters: Value, bins: int, width: int) -> tuple[Value, Value]:
        """Where the bins begin, and where the last ends; and how wide they are."""
        share = (parameters / math.sqrt(width)).apply("Softmax", axis=2)
        share = share * (1 - LEAST * bins) + LEAST
        edges = share.apply("CumSum", 2)
        inner = edges.between(0, bins - 1, axis=2) * (2 * TAIL) - TAIL
        low = inner.apply("Pad", [0, 0, 1, 0, 0, 0], -TAIL)
        knots = low.apply("Pad", [0, 0, 0, 0, 0, 1], TAIL)
        starts = knots.between(0, bins, axis=2)
        stops = knots.between(1, bins + 1, axis=2)
        return knots, stops - starts

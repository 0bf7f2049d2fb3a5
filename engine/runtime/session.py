"""The only importer of onnxruntime: opens sessions, and reads back what runs where."""

from __future__ import annotations

import math
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import onnxruntime as ort
from numpy.typing import NDArray

from ..errors import ModelError, ProviderUnavailable
from .exit_guard import Cancelled, exit_guard
from .providers import CPU, Provider, Require, SessionOptions

RUNTIME = "onnxruntime"
RUNTIME_VERSION: str = ort.__version__
API_VERSION = RUNTIME_VERSION.split(".")[1]  # of its C interface
LEVELS = {
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "none": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
}
RECORD_ASSIGNMENT = "session.record_ep_graph_assignment_info"
ALLOW_SPINNING = "session.intra_op.allow_spinning"
REFUSE_CPU = "session.disable_cpu_ep_fallback"
SEVERITY_ERROR = 3
SEVERITY_FATAL = 4
ENTRY_POINT = "CreateEpFactories"  # what makes a library one of an execution provider
LIBRARY_PATH = "library_path"  # the entry of a device's metadata that onnxruntime writes

_registering = threading.Lock()
_registered: dict[str, Path] = {}  # libraries by the name each has in this process


def available_providers() -> list[str]:
    """Full names of the providers this onnxruntime was built with."""
    return list(ort.get_available_providers())


class CancelToken:
    """Ends the runs it was handed to: the one that is on, within one operator, and all later."""

    def __init__(self) -> None:
        self.options = ort.RunOptions()
        self.options.log_severity_level = SEVERITY_FATAL  # an end that is wanted is no error
        self.is_set = False
        self._listeners: list[Callable[[], object]] = []

    def set(self) -> None:
        """End them, and call the listeners. From any thread."""
        # In this order: a listener added from now on finds it set.
        self.is_set = True
        self.options.terminate = True
        for listener in tuple(self._listeners):
            listener()

    def add_listener(self, listener: Callable[[], object]) -> None:
        """Have set() call the listener, from the thread that sets; look at `is_set` afterwards."""
        self._listeners.append(listener)

    def remove_listener(self, listener: Callable[[], object]) -> None:
        """Undo add_listener()."""
        self._listeners.remove(listener)


class Session:
    """An onnxruntime session on exactly the chosen provider: nothing falls back in silence."""

    def __init__(
        self,
        model: bytes,
        provider: Provider,
        options: SessionOptions,
        *,
        name: str = "model",
        stage: str | None = None,
        require: Require = "any",
        optimised: bool = False,
    ) -> None:
        """`optimised` models are taken as they are: optimise_graph() has made them.

        Profiles are told apart by the `name`, numbers of threads by the `stage`, which is the name
        but for one of several sessions of a stage.

        Raises ProviderUnavailable, or ModelError if onnxruntime refuses the model.
        """
        self.stage = stage or name
        self._provider = provider
        self._threads = options.threads_of(self.stage)
        self._is_profiling = options.profile is not None
        refuses_cpu = require == "all" and provider is not CPU
        settings = _ort_options(options, self.stage)
        if options.profile is not None:
            settings.enable_profiling = True
            settings.profile_file_prefix = f"{options.profile}-{name}"
        if optimised:
            settings.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        if refuses_cpu:
            settings.add_session_config_entry(REFUSE_CPU, "1")
        # Nodes the provider does not take run on the CPU; placement() says how many.
        self._full_name, chain = _choose(provider, settings)
        self._session: Any
        with exit_guard.call():
            try:
                self._session = ort.InferenceSession(model, settings, **chain, enable_fallback=0)
            except Exception as error:
                if refuses_cpu:
                    raise ProviderUnavailable(
                        f"found that {self._full_name} does not take the whole model ({error}), "
                        f"wanted no node left to the CPU; leave require at 'any'"
                    ) from error
                raise ModelError(
                    f"found that onnxruntime {ort.__version__} refused the model ({error}), "
                    f"wanted a session on {self._full_name}; try provider {CPU.name!r} or "
                    "reinstall the voice"
                ) from error
        # onnxruntime holds them for the fallback, which is off: the memory of the weights again.
        self._session._model_bytes = None
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._require_registered()

    def run(
        self,
        feeds: Mapping[str, NDArray[Any]],
        stop: CancelToken | None = None,
    ) -> dict[str, NDArray[Any]]:
        """Run the whole graph: inputs by name -> outputs by name.

        Raises ModelError, or Cancelled: after stop.set(), and in a daemon thread when the
        interpreter is about to end.
        """
        run_options = None if stop is None else stop.options
        with exit_guard.call(stop):
            try:
                values = self._session.run(self._outputs, dict(feeds), run_options)
            except Exception as error:
                if stop is not None and stop.is_set:
                    raise Cancelled from None
                shapes = {name: value.shape for name, value in feeds.items()}
                raise ModelError(
                    f"found that the model failed ({error}) on inputs of shapes {shapes}, wanted "
                    f"spectra; try provider {CPU.name!r}, and report the text that did it"
                ) from error
        return dict(zip(self._outputs, values, strict=True))

    def close(self) -> None:
        """Write the profile, if one is wanted."""
        if self._is_profiling:
            self._is_profiling = False
            self._session.end_profiling()

    def placement(self) -> dict[str, Any]:
        """What was requested and what runs, as JSON-able data.

        `nodes` counts graph nodes by the provider that executes them, `share` is that part of all
        nodes; None, not {}, where this onnxruntime does not report it. Registration alone proves
        nothing: a provider may take no node. Of a provider that is not the CPU, `partitions` is in
        how many pieces it has its nodes, and `cpu_operators` counts what it leaves to the CPU, by
        operator.
        """
        assigned = self._assigned()
        nodes = _count_nodes(assigned)
        return {
            "stage": self.stage,
            "requested": self._provider.name,
            "provider": self._full_name,
            "options": dict(self._provider.options),
            "registered": list(self._session.get_providers()),
            "nodes": nodes,
            "share": _share(nodes),
            "partitions": _count_partitions(assigned, self._full_name),
            "cpu_operators": _count_cpu_operators(assigned, self._full_name),
            "runtime": RUNTIME,
            "runtime_version": ort.__version__,
            "threads": self._threads,
        }

    def _assigned(self) -> list[Any] | None:
        """Pieces of the graph with the provider that runs each; None where nobody reports them."""
        read_back = getattr(self._session, "get_provider_graph_assignment_info", None)
        return None if read_back is None else list(read_back())

    def _require_registered(self) -> None:
        registered = self._session.get_providers()
        if self._full_name not in registered:
            raise ProviderUnavailable(
                f"found a session on {', '.join(registered)}, wanted {self._full_name}; "
                f"check its drivers, or choose provider {CPU.name!r}"
            )


def _count_nodes(assigned: Sequence[Any] | None) -> dict[str, int] | None:
    if assigned is None:
        return None
    counts: Counter[str] = Counter()
    for subgraph in assigned:
        counts[subgraph.ep_name] += len(subgraph.get_nodes())
    return dict(counts)


def _count_partitions(
    assigned: Sequence[Any] | None,
    full_name: str,
) -> int | None:
    """None for the CPU, which has each node as a piece of its own."""
    if assigned is None or full_name == CPU.full_name:
        return None
    mine = [subgraph for subgraph in assigned if subgraph.ep_name == full_name]
    return len(mine)


def _count_cpu_operators(
    assigned: Sequence[Any] | None,
    full_name: str,
) -> dict[str, int] | None:
    """None for the CPU, to which nothing is left."""
    if assigned is None or full_name == CPU.full_name:
        return None
    counts: Counter[str] = Counter()
    for subgraph in assigned:
        if subgraph.ep_name == CPU.full_name:
            counts.update(node.op_type for node in subgraph.get_nodes())
    return dict(counts.most_common())


def combine_placements(placements: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The placements of an engine's sessions as one: nodes are summed per provider.

    `stages` are those of the sessions, of which one stage may have several; `sessions` is how many
    there are. `threads` is a number if it is the same for all, else numbers by stage.
    """
    sessions = list(placements)
    threads = {placement["stage"]: placement["threads"] for placement in sessions}
    nodes = _sum_counts(placement["nodes"] for placement in sessions)
    partitions = [placement["partitions"] for placement in sessions]
    combined = dict(sessions[0])
    del combined["stage"]
    combined.update(
        stages=list(threads),
        sessions=len(sessions),
        nodes=nodes,
        share=_share(nodes),
        partitions=None if None in partitions else sum(partitions),
        cpu_operators=_sum_counts(placement["cpu_operators"] for placement in sessions),
    )
    if len(set(threads.values())) > 1:
        combined["threads"] = threads
    return combined


def _sum_counts(counts: Iterable[Mapping[str, int] | None]) -> dict[str, int] | None:
    """Counts by name, the highest first; None if they are not reported for every session."""
    total: Counter[str] = Counter()
    for of_session in counts:
        if of_session is None:
            return None
        total.update(of_session)
    return dict(total.most_common())


def _share(nodes: Mapping[str, int] | None) -> dict[str, float] | None:
    if nodes is None:
        return None
    total = sum(nodes.values())
    return {name: round(count / total, 4) for name, count in nodes.items()}


def check_placement(
    placement: Mapping[str, Any],
    require: Require,
) -> None:
    """Raise ProviderUnavailable if fewer nodes than required run on the chosen provider."""
    nodes = placement["nodes"]
    wanted = placement["provider"]
    if require == "any" or wanted == CPU.full_name:
        return
    if nodes is None:
        raise ProviderUnavailable(
            f"found that onnxruntime {ort.__version__} cannot tell where nodes run, wanted "
            f"{require} on {wanted}; install onnxruntime 1.24 or later, or leave require at 'any'"
        )
    on_provider = nodes.get(wanted, 0)
    elsewhere = sum(nodes.values()) - on_provider
    if not on_provider or (require == "all" and elsewhere):
        raise ProviderUnavailable(
            f"found nodes {nodes}, wanted {require} of them on {wanted}; choose another provider, "
            "or require='any'"
        )


def optimise_graph(
    model: bytes,
    provider: Provider,
    options: SessionOptions,
    disabled: Sequence[str] = (),
) -> bytes:
    """The model as onnxruntime would run it on this machine. Raises ModelError.

    disabled: optimizers of onnxruntime that leave it as it is.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "optimised.onnx"
        settings = _ort_options(options, "")
        settings.optimized_model_filepath = str(path)
        with exit_guard.call():
            try:
                ort.InferenceSession(
                    model,
                    settings,
                    providers=[provider.full_name],
                    disabled_optimizers=list(disabled),
                )
            except Exception as error:
                raise ModelError(
                    f"found that onnxruntime {ort.__version__} refused the model ({error}), "
                    "wanted to optimise it; reinstall the voice"
                ) from error
        return path.read_bytes()


def _choose(provider: Provider, settings: Any) -> tuple[str, dict[str, Any]]:
    """The provider's full name, and arguments for the session beside its settings."""
    options = dict(provider.options)
    if provider.library is not None:
        devices = _devices(provider.library)
        settings.add_provider_for_devices(devices, options)
        return devices[0].ep_name, {}
    check_available(provider)
    chain = {provider.full_name: options}
    chain.setdefault(CPU.full_name, {})
    return provider.full_name, {
        "providers": list(chain),
        "provider_options": list(chain.values()),
    }


def check_available(provider: Provider) -> None:
    """Raise ProviderUnavailable if no session can be opened on it; loads the library of one."""
    if provider.library is not None:
        _devices(provider.library)
        return
    available = available_providers()
    if provider.full_name not in available:
        raise ProviderUnavailable(
            f"found onnxruntime {ort.__version__} with {', '.join(available)}, wanted "
            f"{provider.full_name}; pip install {provider.wheel}, or choose provider {CPU.name!r}"
        )


def _devices(library: Path) -> list[Any]:
    """The devices of a library's first provider; it is registered once in a process.

    Raises ProviderUnavailable.
    """
    if not library.is_file():
        raise ProviderUnavailable(
            f"found no file {library}, wanted the library of an execution provider; check the "
            f"path, or choose provider {CPU.name!r}"
        )
    path = library.resolve()
    with _registering:
        devices = _list_offered(path)
        if not devices and path not in _registered.values():
            _register(path)
            devices = _list_offered(path)
    if not devices:
        raise ProviderUnavailable(
            f"found that {library} offers no device on this machine, wanted at least one; check "
            f"its drivers, or choose provider {CPU.name!r}"
        )
    return [device for device in devices if device.ep_name == devices[0].ep_name]


def _list_offered(path: Path) -> list[Any]:
    """Its devices, also if somebody else in this process has registered it."""
    devices = []
    for device in ort.get_ep_devices():
        library = device.ep_metadata.get(LIBRARY_PATH)
        if library and Path(library).resolve() == path:
            devices.append(device)
    return devices


def _register(path: Path) -> None:
    taken = {*_registered, *available_providers()}
    name = stem = path.name.split(".")[0].removeprefix("lib")
    number = 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    try:
        ort.register_execution_provider_library(name, str(path))
    except Exception as error:
        raise ProviderUnavailable(_why_refused(path, str(error))) from error
    _registered[name] = path


def _why_refused(path: Path, error: str) -> str:
    if ENTRY_POINT in error:
        return (
            f"found {path} without {ENTRY_POINT}, wanted the library of an execution provider; "
            "ask the package that brought it for the path"
        )
    if "Failed to load library" in error:
        return (
            f"found that {path} cannot be loaded ({error}), wanted a shared library for this "
            "system; install the package anew"
        )
    return (
        f"found that {path} and onnxruntime {ort.__version__} refuse each other ({error}), wanted "
        f"a library made for API version {API_VERSION} or earlier; install another version of one"
    )


def _ort_options(options: SessionOptions, stage: str) -> Any:
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = options.threads_of(stage)
    settings.inter_op_num_threads = 1
    # Planned for one input length; ours differ every time.
    settings.enable_mem_pattern = bool(options.memory_pattern)
    # An arena holds what was freed for pieces of other lengths.
    settings.enable_cpu_mem_arena = bool(options.arena)
    settings.graph_optimization_level = LEVELS[options.optimisation_level]
    settings.log_severity_level = SEVERITY_ERROR
    settings.add_session_config_entry(RECORD_ASSIGNMENT, "1")
    if options.spinning is not None:
        settings.add_session_config_entry(ALLOW_SPINNING, str(int(options.spinning)))
    return settings


def give_memory_back(above_mb: float = 0.0) -> None:
    """Have the C library return free memory to the system, if it holds more than so much.

    glibc keeps it otherwise. After it was returned, the next runs have to fetch it anew.
    """
    import ctypes

    library = ctypes.CDLL(None)
    trim = getattr(library, "malloc_trim", None)
    if trim is not None and _free_mb(library) > above_mb:
        trim(0)


def _free_mb(library: Any) -> float:
    """What glibc holds and nobody uses; infinite where it cannot say (before 2.33)."""
    import ctypes

    class MallInfo2(ctypes.Structure):
        _fields_ = tuple((f"field{place}", ctypes.c_size_t) for place in range(10))

    mallinfo2 = getattr(library, "mallinfo2", None)
    if mallinfo2 is None:
        return math.inf
    mallinfo2.restype = MallInfo2
    return float(mallinfo2().field8) / 2**20  # fordblks, of all its heaps

"""The only importer of onnxruntime: opens sessions, and reads back what runs where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from .errors import ModelError, ProviderUnavailable
from .providers import CPU, Provider, SessionOptions

RUNTIME = "onnxruntime"
RECORD_ASSIGNMENT = "session.record_ep_graph_assignment_info"
SEVERITY_ERROR = 3


def available_providers() -> list[str]:
    """Full names of the providers this onnxruntime was built with."""
    return list(ort.get_available_providers())


class Session:
    """An onnxruntime session on exactly the provider asked for: nothing falls back in silence."""

    def __init__(self, model: bytes, provider: Provider, options: SessionOptions) -> None:
        """Raises ProviderUnavailable, or ModelError if onnxruntime refuses the model."""
        _require(provider)
        self._provider = provider
        self._threads = options.intra_op_threads
        # Nodes the provider does not take run on the CPU; placement() tells how many.
        chain = list(dict.fromkeys([provider.full_name, CPU.full_name]))
        try:
            self._session: Any = ort.InferenceSession(
                model, _ort_options(options), providers=chain, enable_fallback=0
            )
        except Exception as error:
            raise ModelError(
                f"found that onnxruntime {ort.__version__} refused the model ({error}), wanted a "
                f"session on {provider.full_name}; try provider {CPU.name!r} or reinstall the voice"
            ) from error
        self._require_registered()

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """Run the whole graph: inputs by name -> outputs by name. Raises ModelError."""
        names = [output.name for output in self._session.get_outputs()]
        try:
            return dict(zip(names, self._session.run(names, dict(feeds)), strict=True))
        except Exception as error:
            shapes = {name: value.shape for name, value in feeds.items()}
            raise ModelError(
                f"found that the model failed ({error}) on inputs of shapes {shapes}, wanted "
                f"spectra; try provider {CPU.name!r}, and report the text that did it"
            ) from error

    def placement(self) -> dict[str, Any]:
        """What was asked for and what runs, as JSON-able data.

        `nodes` counts graph nodes by the provider that executes them; None, not {}, where this
        onnxruntime cannot tell. Registration alone proves nothing: a provider may take no node.
        """
        return {
            "requested": self._provider.name,
            "provider": self._provider.full_name,
            "registered": list(self._session.get_providers()),
            "nodes": self._nodes(),
            "runtime": RUNTIME,
            "runtime_version": ort.__version__,
            "threads": self._threads,
        }

    def _nodes(self) -> dict[str, int] | None:
        read_back = getattr(self._session, "get_provider_graph_assignment_info", None)
        if read_back is None:
            return None
        counts: dict[str, int] = {}
        for subgraph in read_back():
            name = subgraph.ep_name
            counts[name] = counts.get(name, 0) + len(subgraph.get_nodes())
        return counts

    def _require_registered(self) -> None:
        registered = self._session.get_providers()
        if self._provider.full_name not in registered:
            raise ProviderUnavailable(
                f"found a session on {', '.join(registered)}, wanted {self._provider.full_name}; "
                f"check its drivers, or choose provider {CPU.name!r}"
            )


def _require(provider: Provider) -> None:
    available = available_providers()
    if provider.full_name not in available:
        raise ProviderUnavailable(
            f"found onnxruntime {ort.__version__} with {', '.join(available)}, wanted "
            f"{provider.full_name}; pip install {provider.wheel}, or choose provider {CPU.name!r}"
        )


def _ort_options(options: SessionOptions) -> Any:
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = options.intra_op_threads
    settings.inter_op_num_threads = 1
    settings.enable_mem_pattern = False  # planned for one input length; ours differ every time
    settings.log_severity_level = SEVERITY_ERROR
    settings.add_session_config_entry(RECORD_ASSIGNMENT, "1")
    return settings

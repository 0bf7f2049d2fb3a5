"""A package that is opened and profiled as onnxruntime is, and whose nodes sleep.

A model is a list of nodes: `(name, operator, seconds, shape of its input)`.
"""

from __future__ import annotations

from pathlib import Path

SESSIONS = """
import json, time
from {name}.capi import _pybind_state as C

class InferenceSession:
    def __init__(self, path_or_bytes, sess_options=None, providers=None, provider_options=None,
                 **keywords):
        options = sess_options or C.SessionOptions()
        self.model = path_or_bytes
        self.keywords = keywords
        self.options = options
        self._is_profiled = options.enable_profiling
        self._prefix = options.profile_file_prefix
        self._origin_ns = time.time_ns()
        self._events = []

    def run(self, output_names=None, input_feed=None, run_options=None):
        for node, operator, seconds, shape in self.model:
            start_ns = time.time_ns()
            time.sleep(seconds)
            end_ns = time.time_ns()
            self._events.append({{
                "cat": "Node", "pid": 1, "tid": 1, "ph": "X", "name": node + "_kernel_time",
                "ts": (start_ns - self._origin_ns) // 1000, "dur": (end_ns - start_ns) // 1000,
                "args": {{"op_name": operator, "provider": "CPUExecutionProvider",
                         "node_index": "1", "input_type_shape": [{{"float": shape}}]}},
            }})
        return []

    def get_profiling_start_time_ns(self):
        return self._origin_ns

    def end_profiling(self):
        path = self._prefix + "_2026-11-30_09-31-38_249.json"
        if self._is_profiled:
            self._is_profiled = False
            with open(path, "w") as file:
                json.dump(self._events, file)
        return path
"""
STATE = """
class SessionOptions:
    enable_profiling = False
    profile_file_prefix = "onnxruntime_profile_"
"""
TOP = """
__version__ = "1.0"
from {name}.capi._pybind_state import SessionOptions
from {name}.capi.onnxruntime_inference_collection import InferenceSession
"""


def write_package(folder: Path, name: str = "onnxruntime") -> str:
    """Write it there; gives the name of the module that has its sessions."""
    capi = folder / name / "capi"
    capi.mkdir(parents=True)
    (capi / "__init__.py").write_text("")
    (capi / "_pybind_state.py").write_text(STATE)
    (capi / "onnxruntime_inference_collection.py").write_text(SESSIONS.format(name=name))
    (folder / name / "__init__.py").write_text(TOP.format(name=name))
    return f"{name}.capi.onnxruntime_inference_collection"

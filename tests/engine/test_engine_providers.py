"""Options of providers: typed where the provider is known, texts where a library reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.engine import Engine
from engine.errors import OptionError, OptionTypeError
from engine.runtime.providers import (
    CPU,
    OPTIONS,
    PROVIDERS,
    CoreMLOptions,
    CudaOptions,
    find_provider,
    parse_options,
    parse_threads,
)


def test_every_provider_has_its_options() -> None:
    assert list(OPTIONS) == [provider.name for provider in PROVIDERS]


def test_unset_options_are_left_to_onnxruntime() -> None:
    for provider in PROVIDERS:
        assert OPTIONS[provider.name]().texts() == {}
        assert find_provider(provider.name, {}) is provider


@pytest.mark.parametrize(
    ("name", "options", "texts"),
    [
        (
            "coreml",
            {"model_format": "MLProgram", "require_static_input_shapes": True},
            {"ModelFormat": "MLProgram", "RequireStaticInputShapes": "1"},
        ),
        (
            "cuda",
            {"device_id": 0, "gpu_mem_limit": 2**31, "cudnn_conv_algo_search": "HEURISTIC"},
            {
                "device_id": "0",
                "gpu_mem_limit": "2147483648",
                "cudnn_conv_algo_search": "HEURISTIC",
            },
        ),
        (
            "openvino",
            {"device_type": "GPU.0", "num_of_threads": 2, "disable_dynamic_shapes": False},
            {"device_type": "GPU.0", "num_of_threads": "2", "disable_dynamic_shapes": "False"},
        ),
    ],
)
def test_options_are_written_as_onnxruntime_reads_them(
    name: str, options: dict[str, Any], texts: dict[str, str]
) -> None:
    assert dict(find_provider(name, options).options) == texts
    assert dict(find_provider(name, OPTIONS[name](**options)).options) == texts


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("cuda", {"device": 0}, "'device', wanted one of device_id, .*mean 'device_id'"),
        ("coreml", {"ModelFormat": "MLProgram"}, "mean 'model_format'"),
        ("cpu", {"arena": True}, "'arena', wanted none; leave it out"),
        ("coreml", {"model_format": "MLprogram"}, "wanted one of .*mean 'MLProgram'"),
        ("cuda", {"device_id": -1}, "device_id=-1, wanted 0 to 255"),
        ("cuda", {"gpu_mem_limit": 0}, "gpu_mem_limit=0, wanted 1 to"),
        ("openvino", {"num_streams": 0}, "num_streams=0, wanted 1 to 256"),
        ("openvino", {"device_type": "XPU"}, "device_type='XPU', wanted CPU, GPU or NPU"),
        ("openvino", {"device_type": "AUTO:"}, "wanted CPU, GPU or NPU"),
    ],
)
def test_options_that_are_none_or_out_of_range_are_refused(
    name: str, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(OptionError, match=told):
        Engine(provider=name, provider_options=options)


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("cuda", {"device_id": "0"}, "device_id='0', wanted a whole number"),
        ("cuda", {"device_id": True}, "device_id=True, wanted a whole number"),
        ("cuda", {"use_tf32": 1}, "use_tf32=1, wanted True or False"),
        ("openvino", {"cache_dir": 1}, "cache_dir=1, wanted a text"),
        ("cuda", CoreMLOptions(), "wanted CudaOptions or a dict"),
        ("libfoo.so", {"threads": 2}, "'threads'=2, wanted texts"),
        ("libfoo.so", CudaOptions(), "wanted a dict of texts"),
    ],
)
def test_options_of_another_type_are_refused(name: str, options: Any, told: str) -> None:
    with pytest.raises(OptionTypeError, match=told):
        find_provider(name, options)


@pytest.mark.parametrize(
    "path", ["libfoo_ep.so", "./foo_ep", "/opt/libfoo_ep.so.1.2", "foo_ep.DLL"]
)
def test_a_path_is_a_library_and_named_after_its_file(path: str) -> None:
    for given in (path, Path("folder") / path):
        provider = find_provider(given, {"device": "gpu"})
        assert provider.name == "foo_ep"
        assert provider.library == Path(given)
        assert provider.options == (("device", "gpu"),)


def test_options_of_the_command_line_have_their_types() -> None:
    lines = ["device_id=1", "use_tf32=false", "arena_extend_strategy=kSameAsRequested"]
    options = parse_options("cuda", lines)
    assert CudaOptions.of(options) == CudaOptions(
        device_id=1, use_tf32=False, arena_extend_strategy="kSameAsRequested"
    )
    assert parse_options("libfoo.so", ["threads=2"]) == {"threads": "2"}
    assert parse_options(CPU.name, []) == {}
    with pytest.raises(OptionTypeError, match="device_id='one'"):
        CudaOptions.of(parse_options("cuda", ["device_id=one"]))
    with pytest.raises(OptionError, match="'device_id', wanted NAME=VALUE"):
        parse_options("cuda", ["device_id"])


def test_threads_of_the_command_line_are_one_number_or_one_by_stage() -> None:
    assert parse_threads("2") == 2
    assert parse_threads("encode=2, decode=1") == {"encode": 2, "decode": 1}
    for wrong in ("two", "encode=", "encode=2,"):
        with pytest.raises(OptionError, match="wanted a whole number, or one by stage"):
            parse_threads(wrong)

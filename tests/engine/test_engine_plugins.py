"""Providers that come as libraries, with two real ones.

Both register as they should. What they claim differs: of the voices' own graphs, in one piece,
neither takes a node; of the graphs cut for streaming `ggml` takes heart's encoder, and `nxrt`
none of joe's and some of heart's, on which it then fails.
"""

from __future__ import annotations

import _ctypes
import shutil
import subprocess
from pathlib import Path

import onnxruntime
import pytest

from engine.engine import Engine
from engine.errors import ModelError, ProviderUnavailable
from engine.runtime import session as session_module
from engine.runtime.providers import CPU, Provider, Require, SessionOptions, find_provider
from engine.runtime.session import Session, check_placement
from engine.voices import find_voice

TEXT = "Hello there."
GGML, NXRT = "onnxruntime_ggml", "nxrt_ep_cpu"

# A library without a device, or for an onnxruntime of the future. The first function that the
# interface holds, of every version, makes a status: code, message.
LIBRARY = """
#include <stddef.h>
#include <stdint.h>
typedef struct { const void *(*api)(uint32_t); const char *(*version)(void); } Base;
typedef void *(*Status)(int, const char *);
void *CreateEpFactories(const char *name, const Base *base, const void *logger, void **factories,
                        size_t most, size_t *count) {
    *count = 0;
    if (VERSION && !base->api(VERSION))
        return (*(const Status *)base->api(1))(1, "made for a later interface");
    return NULL;
}
void *ReleaseEpFactory(void *factory) { return NULL; }
"""


def library_of(package: str) -> str:
    """Where a package keeps its library; each tells it under a name of its own."""
    module = pytest.importorskip(package, reason=f"{package} is not installed: see `make .venv`")
    told = {GGML: "library_path", NXRT: "get_library_path"}[package]
    path: str = getattr(module, told)()
    return path


@pytest.fixture
def ggml() -> str:
    return library_of(GGML)


@pytest.fixture
def nxrt() -> str:
    return library_of(NXRT)


@pytest.fixture(params=[GGML, NXRT])
def plugin(request: pytest.FixtureRequest) -> Provider:
    return find_provider(library_of(request.param))


def whole(provider: Provider, require: Require = "any") -> Session:
    """heart's own graph, in one piece, on a provider."""
    return Session(find_voice("heart").read_model(), provider, SessionOptions(), require=require)


# A provider that takes nothing -------------------------------------------------------------------


def test_a_provider_may_be_registered_and_run_no_node(plugin: Provider) -> None:
    placement = whole(plugin).placement()
    assert placement["requested"] == plugin.name
    assert placement["registered"] == [placement["provider"], CPU.full_name]
    assert placement["provider"] != CPU.full_name
    assert placement["nodes"].keys() == {CPU.full_name}
    assert placement["share"] == {CPU.full_name: 1.0}
    check_placement(placement, "any")
    for require in ("some", "all"):
        with pytest.raises(ProviderUnavailable, match=f"wanted {require} of them"):
            check_placement(placement, require)  # type: ignore[arg-type]


def test_a_provider_that_has_to_take_all_is_refused_when_the_session_opens(
    plugin: Provider,
) -> None:
    with pytest.raises(ProviderUnavailable, match="does not take the whole model"):
        whole(plugin, require="all")


def test_an_engine_runs_on_the_cpu_and_says_so_where_that_is_allowed(nxrt: str) -> None:
    with Engine("joe", nxrt) as engine, Engine("joe") as on_cpu:
        placement = engine.placement()
        assert placement["requested"] == "onnx_runtime_ep_cpu_plugin"
        assert placement["provider"] == "cpu_ep"
        assert placement["registered"] == ["cpu_ep", CPU.full_name]
        assert placement["nodes"].keys() == {CPU.full_name}
        assert placement["share"] == {CPU.full_name: 1.0}
        assert engine.synthesize(TEXT).frame_count == on_cpu.synthesize(TEXT).frame_count


@pytest.mark.parametrize("require", ["some", "all"])
def test_an_engine_is_refused_where_it_is_not(nxrt: str, require: str) -> None:
    with pytest.raises(ProviderUnavailable, match="cpu_ep"):
        Engine("joe", nxrt, require=require)


# A provider that takes a part --------------------------------------------------------------------


def test_nodes_are_counted_on_a_provider_that_takes_a_part(ggml: str) -> None:
    with Engine("heart", ggml, require="some", provider_options={"device": "cpu"}) as engine:
        placement = engine.placement()
        assert placement["provider"] == GGML
        assert placement["options"] == {"device": "cpu"}
        nodes, share = placement["nodes"], placement["share"]
        assert nodes.keys() == share.keys() == {GGML, CPU.full_name}
        assert all(nodes.values())
        assert share[GGML] == pytest.approx(nodes[GGML] / sum(nodes.values()), abs=1e-4)
        assert engine.synthesize(TEXT).frame_count > engine.sample_rate / 4


def test_a_part_is_not_all(ggml: str) -> None:
    with pytest.raises(ProviderUnavailable, match=f"{GGML} does not take the whole model"):
        Engine("heart", ggml, require="all")


def test_a_provider_that_fails_on_nodes_it_took_is_not_replaced(nxrt: str) -> None:
    engine = Engine("heart", nxrt, require="some")
    with engine, pytest.raises(ModelError, match="try provider 'cpu'"):
        engine.synthesize(TEXT)


# Registering -------------------------------------------------------------------------------------


def test_a_library_is_registered_once_however_it_is_reached(
    nxrt: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole(find_provider(nxrt))
    link = tmp_path / "libother_name.so"
    link.symlink_to(nxrt)
    before = len(onnxruntime.get_ep_devices())

    def register(*_: object) -> None:
        raise AssertionError("registered twice")

    monkeypatch.setattr(session_module.ort, "register_execution_provider_library", register)
    placement = whole(find_provider(link)).placement()
    assert (placement["requested"], placement["provider"]) == ("other_name", "cpu_ep")
    assert len(onnxruntime.get_ep_devices()) == before


def test_libraries_of_one_name_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []
    monkeypatch.setattr(session_module, "_registered", {})
    monkeypatch.setattr(
        session_module.ort,
        "register_execution_provider_library",
        lambda name, _: names.append(name),
    )
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "libtwin.so"
        path.touch()
        for _ in range(2):
            with pytest.raises(ProviderUnavailable, match="offers no device"):
                Engine(provider=path)
    assert names == ["twin", "twin-2"]


def built(folder: Path, version: int) -> Path:
    """A library that asks for that version of the interface, and offers nothing."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler here")
    path = folder / f"libempty_ep_{version}.so"
    source = folder / "empty.c"
    source.write_text(LIBRARY)
    arguments = ["-shared", "-fPIC", f"-DVERSION={version}", "-o", str(path), str(source)]
    subprocess.run([compiler, *arguments], check=True, timeout=60)
    return path


def test_a_library_without_a_device_is_refused(tmp_path: Path) -> None:
    path = built(tmp_path, 0)
    with pytest.raises(ProviderUnavailable, match=r"libempty_ep_0\.so offers no device"):
        Engine(provider=path)


def test_a_library_for_another_onnxruntime_is_refused(tmp_path: Path) -> None:
    path = built(tmp_path, 999)
    told = rf"and onnxruntime {onnxruntime.__version__} refuse each other .*made for a later"
    with pytest.raises(ProviderUnavailable, match=told):
        Engine(provider=path)


def test_what_is_no_library_of_a_provider_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProviderUnavailable, match=r"found no file .*libnone\.so"):
        Engine(provider=tmp_path / "libnone.so")
    text = tmp_path / "libtext.so"
    text.write_text("no library at all")
    with pytest.raises(ProviderUnavailable, match=r"libtext\.so cannot be loaded"):
        Engine(provider=str(text))
    with pytest.raises(ProviderUnavailable, match="without CreateEpFactories"):
        Engine(provider=_ctypes.__file__)

"""Sessions: what was asked for is what runs, or an error says why not."""

from __future__ import annotations

import ctypes
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import psutil
import pytest

from engine.engine import Engine
from engine.errors import ModelError, OptionError, OptionTypeError, ProviderUnavailable
from engine.runtime import session as session_module
from engine.runtime.providers import (
    CPU,
    OPTIMISATIONS,
    PROVIDERS,
    Require,
    SessionOptions,
    find_provider,
)
from engine.runtime.session import Session, available_providers, check_placement, combine_placements
from engine.voices import find_voice


class FakeSession:
    """Stands in for onnxruntime.InferenceSession and falls back to CPU as the real one may."""

    opened: dict[str, Any]
    registered = (CPU.full_name,)

    def __init__(self, model: bytes, options: Any, **how: Any) -> None:
        type(self).opened = {"options": options, **how}

    def get_providers(self) -> list[str]:
        return list(self.registered)

    def get_outputs(self) -> list[Any]:
        return []


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeSession]:
    everything = [provider.full_name for provider in PROVIDERS]
    monkeypatch.setattr(session_module.ort, "InferenceSession", FakeSession)
    monkeypatch.setattr(session_module, "available_providers", lambda: everything)
    monkeypatch.setattr(FakeSession, "registered", (CPU.full_name,))
    return FakeSession


def test_a_provider_this_onnxruntime_lacks_is_refused_with_what_there_is() -> None:
    missing = next(p for p in PROVIDERS if p.full_name not in available_providers())
    with pytest.raises(ProviderUnavailable) as caught:
        Engine(provider=missing.name)
    for word in (*available_providers(), missing.full_name, missing.wheel, "choose provider 'cpu'"):
        assert word in str(caught.value)


def test_a_session_that_fell_back_is_refused(fake: type[FakeSession]) -> None:
    with pytest.raises(ProviderUnavailable, match=r"found a session on CPU\w+, wanted CUDA"):
        Session(b"", find_provider("cuda"), SessionOptions())


def test_onnxruntime_is_told_not_to_fall_back(fake: type[FakeSession]) -> None:
    Session(b"", CPU, SessionOptions(2))
    assert fake.opened["enable_fallback"] == 0
    assert fake.opened["providers"] == [CPU.full_name]
    assert fake.opened["options"].intra_op_num_threads == 2


def test_another_provider_goes_first_and_leaves_the_rest_to_the_cpu(
    fake: type[FakeSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    cuda = find_provider("cuda")
    monkeypatch.setattr(fake, "registered", (cuda.full_name, CPU.full_name))
    session = Session(b"", cuda, SessionOptions())
    assert fake.opened["providers"] == [cuda.full_name, CPU.full_name]
    placement = session.placement()
    assert (placement["requested"], placement["provider"]) == ("cuda", cuda.full_name)


def test_nodes_are_counted_by_the_provider_that_runs_them(
    fake: type[FakeSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    subgraphs = [
        SimpleNamespace(ep_name="A", get_nodes=lambda: [1, 2]),
        SimpleNamespace(ep_name="B", get_nodes=lambda: [3]),
        SimpleNamespace(ep_name="A", get_nodes=lambda: [4]),
    ]
    read_back = "get_provider_graph_assignment_info"
    monkeypatch.setattr(fake, read_back, lambda _: subgraphs, raising=False)
    assert Session(b"", CPU, SessionOptions()).placement()["nodes"] == {"A": 3, "B": 1}


def test_pieces_of_a_provider_are_counted_and_what_it_leaves_to_the_cpu(
    fake: type[FakeSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    cuda = find_provider("cuda")
    monkeypatch.setattr(fake, "registered", (cuda.full_name, CPU.full_name))
    left = [SimpleNamespace(op_type="Gather"), SimpleNamespace(op_type="Shape")]
    subgraphs = [
        SimpleNamespace(ep_name=cuda.full_name, get_nodes=lambda: [1, 2]),
        SimpleNamespace(ep_name=CPU.full_name, get_nodes=lambda: left),
        SimpleNamespace(ep_name=cuda.full_name, get_nodes=lambda: [3]),
        SimpleNamespace(ep_name=CPU.full_name, get_nodes=lambda: left[1:]),
    ]
    read_back = "get_provider_graph_assignment_info"
    monkeypatch.setattr(fake, read_back, lambda _: subgraphs, raising=False)
    placement = Session(b"", cuda, SessionOptions()).placement()
    assert placement["partitions"] == 2
    assert list(placement["cpu_operators"].items()) == [("Shape", 2), ("Gather", 1)]
    on_cpu = Session(b"", CPU, SessionOptions()).placement()
    assert on_cpu["partitions"] is None
    assert on_cpu["cpu_operators"] is None


def test_nodes_are_none_where_onnxruntime_cannot_tell(fake: type[FakeSession]) -> None:
    assert Session(b"", CPU, SessionOptions()).placement()["nodes"] is None


def test_placement_is_read_back_and_json_able(voice: Engine) -> None:
    placement = voice.placement()
    nodes = placement.pop("nodes")
    assert nodes.keys() == {"CPUExecutionProvider"}
    assert nodes["CPUExecutionProvider"] > 100
    assert json.loads(json.dumps(placement)) == {
        "requested": "cpu",
        "provider": "CPUExecutionProvider",
        "options": {},
        "registered": ["CPUExecutionProvider"],
        "share": {"CPUExecutionProvider": 1.0},
        "partitions": None,
        "cpu_operators": None,
        "stages": ["encode", "prosody", "decode"],
        "sessions": 3,
        "shapes": "dynamic",
        "runtime": "onnxruntime",
        "runtime_version": onnxruntime.__version__,
        "threads": 1,
        "voice": "heart",
        "voice_hash": find_voice("heart").sha256,
    }


def test_a_model_that_is_no_model_is_refused() -> None:
    with pytest.raises(ModelError, match="refused the model"):
        Session(b"not a graph", CPU, SessionOptions())


def test_a_run_that_fails_is_a_model_error_with_the_shapes() -> None:
    session = Session(find_voice("heart").read_model(), CPU, SessionOptions())
    with pytest.raises(ModelError, match=r"shapes \{'ids': \(3,\)\}"):
        session.run({"ids": np.zeros(3, np.int64)})


# Options and how much has to run where -----------------------------------------------------------


def test_session_options_reach_onnxruntime(fake: type[FakeSession]) -> None:
    options = SessionOptions.of({"arena": False, "memory_pattern": True, "spinning": False})
    Session(b"", CPU, options)
    settings = fake.opened["options"]
    assert settings.enable_cpu_mem_arena is False
    assert settings.enable_mem_pattern is True
    assert settings.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_unset_session_options_are_the_engines_own(fake: type[FakeSession]) -> None:
    Session(b"", CPU, SessionOptions())
    settings = fake.opened["options"]
    assert settings.enable_cpu_mem_arena is False
    assert settings.enable_mem_pattern is False
    assert settings.enable_profiling is False


def test_an_unknown_session_option_is_told_the_near_one() -> None:
    with pytest.raises(OptionError, match=r"'spin', wanted one of threads, .*mean 'spinning'"):
        Engine(session={"spin": False})
    with pytest.raises(OptionTypeError, match="arena=1"):
        Engine(session={"arena": 1})
    with pytest.raises(OptionTypeError, match="profile=True"):
        Engine(session={"profile": True})


def test_a_profile_is_written_for_every_session(tmp_path: Path) -> None:
    with Engine(session={"profile": str(tmp_path / "run"), "threads": 1}) as engine:
        engine.synthesize("Yes.")
    assert len(list(tmp_path.glob("run*.json"))) == 3


def test_provider_options_reach_onnxruntime_as_texts(
    fake: type[FakeSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    cuda = find_provider("cuda", {"device_id": 1, "use_tf32": False})
    monkeypatch.setattr(fake, "registered", (cuda.full_name, CPU.full_name))
    placement = Session(b"", cuda, SessionOptions()).placement()
    assert fake.opened["provider_options"] == [{"device_id": "1", "use_tf32": "0"}, {}]
    assert placement["options"] == {"device_id": "1", "use_tf32": "0"}


# Threads by stage --------------------------------------------------------------------------------


def test_threads_by_stage_reach_their_sessions() -> None:
    with Engine(threads={"encode": 2}) as engine:
        assert engine.placement()["threads"] == {"encode": 2, "prosody": 1, "decode": 1}
    with Engine(threads={"decode": 1}) as engine:
        assert engine.placement()["threads"] == 1


def test_a_level_of_optimisation_reaches_the_session_and_the_cached_graph(
    fake: type[FakeSession],
) -> None:
    levels = []
    for name in OPTIMISATIONS:
        Session(b"", CPU, SessionOptions(optimisation=name))
        levels.append(fake.opened["options"].graph_optimization_level)
    assert len(set(levels)) == len(OPTIMISATIONS)
    Session(b"", CPU, SessionOptions())
    assert fake.opened["options"].graph_optimization_level == levels[0]
    with pytest.raises(OptionError, match=r"optimisation='al', wanted one of all, .*'all'"):
        SessionOptions(optimisation="al")


def test_a_graph_that_is_not_optimised_runs_and_has_more_nodes(voice: Engine) -> None:
    nodes = voice.placement()["nodes"][CPU.full_name]
    with Engine(session={"optimisation": "none"}) as plain:
        assert plain.placement()["nodes"][CPU.full_name] > nodes
        length = len(plain.synthesize("Yes.").samples)
    # Rounded elsewhere, so the silence that is cut off in front may end some samples sooner.
    assert length == pytest.approx(len(voice.synthesize("Yes.").samples), rel=0.01)


def test_threads_for_a_stage_the_voice_lacks_are_refused_with_those_it_has() -> None:
    wanted = r"threads for stage 'encoder', wanted one of encode, prosody, decode; .*'encode'"
    with pytest.raises(OptionError, match=wanted):
        Engine(threads={"encoder": 2})


def test_threads_of_a_stage_are_checked_like_those_of_all() -> None:
    with pytest.raises(OptionError, match="threads of stage 'encode': 0, wanted 1 to 256"):
        Engine(threads={"encode": 0})
    with pytest.raises(OptionTypeError, match="stage 'encode': '2', wanted a whole number"):
        Engine(threads={"encode": "2"})  # type: ignore[dict-item]


def of_stage(
    stage: str,
    nodes: dict[str, int] | None,
    partitions: int | None = None,
    cpu_operators: dict[str, int] | None = None,
) -> dict[str, Any]:
    """What placement() says of one session on two threads."""
    return {
        "stage": stage,
        "nodes": nodes,
        "threads": 2,
        "partitions": partitions,
        "cpu_operators": cpu_operators,
    }


def test_nodes_of_several_sessions_are_summed() -> None:
    one = of_stage("one", {"A": 1, "B": 2}, partitions=1, cpu_operators={"Add": 1})
    other = of_stage("other", {"B": 3, "C": 4}, partitions=3, cpu_operators={"Add": 2, "Mul": 4})
    total = combine_placements([one, other])
    assert total["nodes"] == {"A": 1, "B": 5, "C": 4}
    assert total["share"] == {"A": 0.1, "B": 0.5, "C": 0.4}
    assert total["threads"] == 2
    assert total["stages"] == ["one", "other"]
    assert total["sessions"] == 2
    assert total["partitions"] == 4
    assert total["cpu_operators"] == {"Mul": 4, "Add": 3}
    twice = combine_placements([one, one, other])
    assert (twice["stages"], twice["sessions"]) == (["one", "other"], 3)
    unknown = {**of_stage("unknown", None), "threads": 1}
    for placements in ([one, unknown], [unknown, one]):
        assert combine_placements(placements)["nodes"] is None
        assert combine_placements(placements)["share"] is None
        assert combine_placements(placements)["partitions"] is None
        assert combine_placements(placements)["cpu_operators"] is None
        assert combine_placements(placements)["threads"] == {"one": 2, "unknown": 1}


CUDA = "CUDAExecutionProvider"


@pytest.mark.parametrize(
    ("nodes", "passes"),
    [
        ({CUDA: 5}, {"any", "some", "all"}),
        ({CUDA: 1, CPU.full_name: 4}, {"any", "some"}),
        ({CPU.full_name: 5}, {"any"}),
        ({}, {"any"}),
        (None, {"any"}),
    ],
)
@pytest.mark.parametrize("require", ["any", "some", "all"])
def test_how_much_has_to_run_on_the_provider(
    nodes: dict[str, int] | None, passes: set[str], require: Require
) -> None:
    placement = {"provider": CUDA, "nodes": nodes}
    if require in passes:
        check_placement(placement, require)
    else:
        with pytest.raises(ProviderUnavailable, match=f"wanted {require}.*{CUDA}"):
            check_placement(placement, require)


def test_requiring_all_forbids_the_cpu_to_help(
    fake: type[FakeSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    cuda = find_provider("cuda")
    monkeypatch.setattr(fake, "registered", (cuda.full_name, CPU.full_name))
    Session(b"", cuda, SessionOptions(), require="all")
    entry = "session.disable_cpu_ep_fallback"
    assert fake.opened["options"].get_session_config_entry(entry) == "1"


def test_nodes_left_to_the_cpu_are_told_apart_from_a_bad_model(
    fake: type[FakeSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("nodes were assigned to the default CPU EP")

    monkeypatch.setattr(session_module.ort, "InferenceSession", refuse)
    with pytest.raises(ProviderUnavailable, match="does not take the whole model"):
        Session(b"", find_provider("cuda"), SessionOptions(), require="all")
    with pytest.raises(ModelError, match="refused the model"):
        Session(b"", find_provider("cuda"), SessionOptions())


def test_the_cpu_meets_every_requirement() -> None:
    with Engine(require="all") as engine:
        assert engine.placement()["nodes"].keys() == {CPU.full_name}
    with pytest.raises(OptionError, match="require='most', wanted one of any, some, all"):
        Engine(require="most")


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="needs glibc 2.33")
def test_free_memory_is_given_back_where_it_is_much() -> None:
    """Blocks too small to be mapped, freed below one that is kept."""
    held = [b"x" * 100_000 for _ in range(1000)]
    last = held.pop()
    held.clear()
    before = psutil.Process().memory_info().rss
    session_module.give_memory_back(above_mb=100_000)
    kept = psutil.Process().memory_info().rss
    session_module.give_memory_back(above_mb=50)
    after = psutil.Process().memory_info().rss
    assert abs(kept - before) < 20e6
    assert kept - after > 60e6
    assert len(last) == 100_000

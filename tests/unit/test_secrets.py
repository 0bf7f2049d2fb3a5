"""What counts as a secret, that none survives masking, and that all else stays as it is."""

from __future__ import annotations

import json
import shlex
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ttsperf import secrets
from pytest_ttsperf.errors import LimitError, TargetFailed, VariableUnset
from pytest_ttsperf.records import TargetSpec
from pytest_ttsperf.targets import spec as targets_spec

NAMES = (
    "key", "api_key", "API_KEY", "apiKey", "X-Api-Key", "xi-api-key", "accesskey", "HF_TOKEN",
    "token", "authToken", "access_token", "client_secret", "password", "DB_PASSWORD", "mypassword",
    "passwd", "pwd", "Authorization", "Proxy-Authorization", "credentials", "bearer", "Cookie",
    "Ocp-Apim-Subscription-Key",
)  # fmt: skip
HARMLESS = (
    "monkey", "keyboard", "turkey", "max_tokens", "min_new_tokens", "stop_token", "tokenizer",
    "token_count", "voice_key", "key_frames", "author", "path", "text", "high_pass", "provider",
)  # fmt: skip
ODD = "".join(chr(code) for code in range(33, 127))
"""Every printable character but the blank."""
WITHOUT = "q9Zx!"
"""Put into each secret, and nowhere else: what must not be found again."""
literal = st.builds(lambda a, b: f"{a}{WITHOUT}{b}", st.text(ODD, max_size=9), st.text(ODD))
"""One that no place of ours stands in the middle of."""
secret = literal.filter(lambda text: "{" not in text)
any_text = st.text(ODD + " ", min_size=1).map(lambda text: text + WITHOUT).filter(
    lambda text: "{" not in text
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_of_secrets(name: str) -> None:
    assert secrets.is_secret_name(name)


@pytest.mark.parametrize("name", HARMLESS)
def test_names_that_only_look_like_it(name: str) -> None:
    assert not secrets.is_secret_name(name)


@pytest.mark.parametrize(
    ("name", "value", "is_secret"),
    [
        ("tokens", 512, False),
        ("tokens", "512", False),
        ("tokens", "sk-1", True),
        ("key", 3, False),
        ("token", 123456789, True),
        ("password", 1234, True),
        ("use_auth_token", True, False),
        ("api_key", None, False),
    ],
)
def test_numbers_are_secrets_where_they_can_be(name: str, value: object, is_secret: bool) -> None:
    assert (secrets.mask_value(name, value) != value) is is_secret


@given(name=st.sampled_from(NAMES), value=any_text)
def test_no_secret_survives_in_an_option(name: str, value: str) -> None:
    for masked in (
        secrets.mask_value(name, value),
        secrets.mask_value("template", {"headers": {name: value}}),
        secrets.mask_value("template", {"body": {"list": [{name: [value]}]}}),
        secrets.mask_value("template", json.dumps({"headers": {name: value}})),
        secrets.mask(f"{name}={value}"),
        secrets.mask(f"--ttsperf-target-option={name}={value}"),
        secrets.mask_arguments(["--ttsperf-target-option", f"{name}={value}"]),
        secrets.mask_arguments([f"--{name}={value}"]),
    ):
        assert WITHOUT not in str(masked)
        assert "***" in str(masked)


@given(name=st.sampled_from(NAMES), value=secret)
def test_no_secret_survives_in_a_command(name: str, value: str) -> None:
    word = shlex.quote(value)
    for line in (
        f"cmd:speak --{name} {word} -v",
        f"cmd:speak --{name}={word} --voice heart",
        f"cmd:env {name}={word} speak",
        f"cmd:speak -H {shlex.quote(f'{name}: {value}')} x",
    ):
        masked = secrets.mask(line)
        if "'\"'\"'" not in line:  # quotes within quotes within quotes
            assert WITHOUT not in masked
        assert masked.startswith(line[:8])


@given(
    value=st.text(ODD, min_size=1).map(lambda text: text + WITHOUT),
    user=st.sampled_from(["alice", ""]),
)
def test_no_password_survives_in_a_url(value: str, user: str) -> None:
    for spelled in (value, quote(value, safe="")):
        if "{env:" in spelled or spelled[0] in "/?#":
            continue
        masked = secrets.mask(f"--ttsperf-target=http://{user}:{spelled}@host:8000/v1")
        assert WITHOUT not in masked
        assert quote(WITHOUT, safe="") not in masked
        assert masked.endswith("@host:8000/v1")


@given(name=st.sampled_from(NAMES), value=secret.map(lambda text: quote(text, safe="")))
def test_no_secret_survives_in_a_query(name: str, value: str) -> None:
    masked = secrets.mask(f"https://host/v1/speech?a=1&{name}={value}&b=2")
    assert masked == f"https://host/v1/speech?a=1&{name}=***&b=2"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text("abc xyz/.-_{}[]0123456789"),
        lambda each: st.lists(each) | st.dictionaries(st.sampled_from(HARMLESS), each),
    )
)
def test_harmless_values_are_the_same(value: object) -> None:
    assert secrets.mask_value("option", value) == value


@pytest.mark.parametrize(
    "text",
    [
        "engine:Engine",
        "auth.token:Engine",
        "http://localhost:8000/v1",
        "https://host/a?b=c@d&max_tokens=5",
        "wyoming://[::1]:10200",
        "cmd:piper --model voice.onnx --keyboard us --max-tokens 512 -v",
        "cmd:speak --no-key --voice heart",
        "tests/test_key.py::test_token[cpu]",
        "--ttsperf-limit=ttfa_p95_ms=800",
        '{"path": "/speak", "headers": {"Accept": "audio/wav"}}',
        "text={text}&voice={voice}",
        "It was a pretty good day, said the monkey: fine.",
        "http://{env:HOST}:{env:PORT}/a@b",
        "http://{env:HOST}:8000/a@b",
        "http://{env:USER}:{env:WORD}@host:{env:PORT}/a",
        "Authorization: Bearer {env:VOICE_KEY}",
        "--api-key {env:VOICE_KEY}",
    ],
)
def test_harmless_text_is_the_same(text: str) -> None:
    assert secrets.mask(text) == text
    assert secrets.find(text, {}) == ()


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Authorization: Basic YTpi", "Authorization: Basic ***"),
        ("cmd:curl -H 'Authorization: Bearer a b' x", "cmd:curl -H 'Authorization: Bearer ***' x"),
        ("cmd:http POST x X-Api-Key:abc y=1", "cmd:http POST x X-Api-Key:*** y=1"),
        ("cmd:curl -u alice:pw http://h", "cmd:curl -u alice:*** http://h"),
        ("text={text}&api_key=abc&x=1", "text={text}&api_key=***&x=1"),
        ("api_key=abc{env:REST}", "api_key=***{env:REST}"),
        ("alice:pw@host:8000", "***@host:8000"),
        ("https://ghp_abcdef@host", "https://***@host"),
    ],
)
def test_what_is_left(text: str, masked: str) -> None:
    if text.startswith(("text=", "api_key=abc{")):
        assert secrets.mask_value("body", text) == masked
    assert secrets.mask(text) == masked
    assert secrets.mask(masked) == masked


def test_a_cell_is_the_same_with_another_key() -> None:
    one, other = (
        TargetSpec(
            spec="http://host:1",
            options={"api_key": key, "template": {"headers": {"Authorization": f"Bearer {key}"}}},
        )
        for key in ("sk-old-1", "sk-new-2")
    )
    assert one.label == other.label
    assert one.label == (
        "http://host:1(api_key='***', template={'headers': {'Authorization': 'Bearer ***'}})"
    )
    assert "sk-old" not in f"{one!r} {one}"
    assert TargetSpec(spec="http://host:1", options={"voice_key": "x"}).label.endswith("'x')")


def test_a_secret_is_masked_in_another_option_too() -> None:
    spec = TargetSpec(spec="cmd:speak sk-0123456", options={"api_key": "sk-0123456"})
    assert spec.label == "cmd:speak ***(api_key='***')"


def test_what_is_remembered_is_scrubbed_however_it_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TTS_UNIT_KEY", "s&cret/\u00e9 0")
    secrets.remember("x:Y", {"headers": {"X": "Bearer {env:TTS_UNIT_KEY}"}, "token": "unit-tok-1"})
    for written in (
        "s&cret/\u00e9 0",
        "s%26cret%2F%C3%A9%200",
        "s%26cret%2F%C3%A9+0",
        "s&amp;cret/\u00e9 0",
        json.dumps("s&cret/\u00e9 0"),
        "unit-tok-1",
    ):
        assert secrets.scrub(f"no such key: {written}!").strip('"') in (
            "no such key: ***!",
            'no such key: "***"!',
        )
    assert str(TargetFailed("it said unit-tok-1")) == "it said ***"


def test_a_variable_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TTS_UNIT_URL", raising=False)
    with pytest.raises(VariableUnset, match="not set; export TTS_UNIT_URL"):
        targets_spec.kind_of("{env:TTS_UNIT_URL}")
    monkeypatch.setenv("TTS_UNIT_URL", "wyoming://host:1")
    assert targets_spec.kind_of("{env:TTS_UNIT_URL}").name == "wyoming"
    assert targets_spec.is_spec("{env:TTS_UNIT_URL}")
    assert targets_spec.resolve_options({"a": ["x{env:TTS_UNIT_URL}", {"b": 2}]}) == {
        "a": ["xwyoming://host:1", {"b": 2}]
    }


@pytest.mark.parametrize("lines", [["X-Api-Key=sk-unit"], ["api_key=sk-unit", "api_key=sk-unit2"]])
def test_an_option_that_is_refused_does_not_tell_it(lines: list[str]) -> None:
    with pytest.raises(LimitError, match=r"\*\*\*") as raised:
        targets_spec.options_of(lines, "--option")
    assert "sk-unit" not in str(raised.value)

"""What is written into a project, and what is left as it is."""

from __future__ import annotations

import subprocess
import tomllib

import pytest

from pytest_ttsperf.errors import LimitError
from pytest_ttsperf.init import project
from pytest_ttsperf.records import TargetSpec
from tests.unit.init.factories import measured

TEST_FILE = "test_speech_performance.py"
WORKFLOW = ".github/workflows/speech-performance.yml"


@pytest.fixture(autouse=True)
def _without_git(request, monkeypatch):
    """Quick tests start no git: for them there is no repository."""
    if request.node.get_closest_marker("starts") is None:
        monkeypatch.setattr(project, "_ask_git", lambda *_: "")


@pytest.fixture
def folder(tmp_path):
    """Below a folder with a configuration, so that none above the temporary folder matters."""
    below = tmp_path / "project"
    below.mkdir()
    (below / "pytest.ini").write_text("[pytest]\n")
    inner = below / "inner"
    inner.mkdir()
    return inner


def write(folder, found=None, ci="github", import_folder="."):
    drafts = project.draft_files(found or measured(), folder, ci, import_folder)
    return {file.path: file for file in project.write_drafts(drafts, folder)}


@pytest.mark.parametrize(
    ("name", "text", "target"),
    [
        ("pytest.ini", "[pytest]\nttsperf_target = a:A\n", "a:A"),
        ("pytest.ini", "", None),
        (".pytest.ini", "[pytest]\n", None),
        ("tox.ini", "[pytest]\nttsperf_target = a:A\n", "a:A"),
        ("setup.cfg", "[tool:pytest]\nttsperf_target = a:A\n", "a:A"),
        ("pyproject.toml", '[tool.pytest.ini_options]\nttsperf_target = "a:A"\n', "a:A"),
        ("pyproject.toml", '[tool.pytest]\nttsperf_target = "a:A"\n', "a:A"),
        ("pytest.toml", '[pytest]\nttsperf_target = "a:A"\n', "a:A"),
    ],
)
def test_the_configuration_is_found_as_pytest_finds_it(folder, name, text, target):
    (folder / name).write_text(text)
    found = project.read_config(folder)
    assert (found.path, found.target) == (folder / name, target)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tox.ini", "[tox]\n"),
        ("setup.cfg", "[metadata]\n"),
        ("pyproject.toml", "[project]\nname = 'x'\n"),
        ("pyproject.toml", "this is no TOML"),
        ("tox.ini", "this is no ini"),
    ],
)
def test_a_file_without_a_part_for_pytest_is_passed_over(folder, name, text):
    (folder / name).write_text(text)
    assert project.read_config(folder).path == folder.parent / "pytest.ini"


def test_options_of_the_target_are_read_along(folder):
    (folder / "pytest.ini").write_text(
        "[pytest]\nttsperf_target = a:A\nttsperf_target_options =\n    threads=2\n    voice=x\n"
    )
    assert project.read_config(folder).option_lines == ("threads=2", "voice=x")
    (folder / "pytest.ini").unlink()
    (folder / "pytest.toml").write_text(
        '[pytest]\nttsperf_target = "a:A"\nttsperf_target_options = {threads = 2, voice = "x"}\n'
    )
    assert project.read_config(folder).option_lines == ("threads=2", "voice=x")


def test_lines_are_to_be_added_to_a_configuration_that_is_there(folder):
    files = write(folder)
    config = files[str(folder.parent / "pytest.ini")]
    assert not config.is_written
    assert config.remark == f"add to {folder.parent / 'pytest.ini'}"
    assert config.body == "[pytest]\nttsperf_target = my_engine:Engine\npythonpath = .\n"
    assert (folder.parent / "pytest.ini").read_text() == "[pytest]\n", "nothing is edited"
    assert not (folder / "pytest.ini").exists(), "it would take the other's place"


def test_a_configuration_that_names_a_target_is_enough(folder):
    (folder / "pytest.ini").write_text("[pytest]\nttsperf_target = a:A\n")
    assert set(write(folder)) == {TEST_FILE, WORKFLOW}
    assert project.next_command(folder, measured()) == "pytest -m perf"


def test_where_no_file_names_the_target_the_command_does(folder):
    found = measured("cmd:piper --output-raw", options={"rate": 22050}, warm=None)
    assert project.next_command(folder, found) == (
        "pytest -m perf '--ttsperf-target=cmd:piper --output-raw' "
        "--ttsperf-target-option=rate=22050"
    )


def test_where_pytest_has_no_configuration_one_is_written(folder, monkeypatch):
    monkeypatch.setattr(project, "read_config", lambda place: project.PytestConfig(None))
    files = write(folder)
    assert files["pytest.ini"].is_written
    text = (folder / "pytest.ini").read_text()
    assert text == "[pytest]\nttsperf_target = my_engine:Engine\npythonpath = .\n"


def test_a_file_that_is_there_stays_as_it_is(folder):
    (folder / TEST_FILE).write_text("theirs")
    (folder / ".github" / "workflows").mkdir(parents=True)
    (folder / WORKFLOW).symlink_to("nowhere.yml")
    files = write(folder)
    assert (folder / TEST_FILE).read_text() == "theirs"
    assert not files[TEST_FILE].is_written
    assert "stays as it is" in files[TEST_FILE].remark
    assert "def test_short_reply(perf)" in files[TEST_FILE].body
    assert not files[WORKFLOW].is_written, "a link that leads nowhere is a file of theirs, too"
    assert not (folder / "nowhere.yml").exists()


def test_a_file_that_appears_meanwhile_stays_as_it_is(folder):
    drafts = project.draft_files(measured(), folder, None, ".")
    (folder / TEST_FILE).write_text("theirs")
    (test_file, _) = project.write_drafts(drafts, folder)
    assert not test_file.is_written
    assert (folder / TEST_FILE).read_text() == "theirs"


def test_tests_go_to_where_tests_are(folder):
    (folder / "tests").mkdir()
    assert write(folder, ci=None)[f"tests/{TEST_FILE}"].is_written


def ini(found, import_folder=None):
    return project.ini_lines(found, import_folder)


def test_a_form_of_http_has_lines_of_its_own():
    found = measured("http://h:5000", options={"preset": "piper", "connection": "fresh"})
    assert ini(found) == ["ttsperf_target = http://h:5000", "ttsperf_http_preset = piper"]
    found = measured("http://h:5000", options={"connection": "fresh"})
    assert ini(found)[1:] == ["ttsperf_http_connection = fresh"]
    found = measured("http://h:5000", options={"connection": "keep"})
    assert ini(found)[1:] == [], "what is usual is left out"
    template = {"path": "/speak", "body": {"say": "{text}"}}
    found = measured("http://h:5000", options={"template": template, "connection": "keep"})
    (line,) = ini(found)[1:]
    assert line == 'ttsperf_http_template = {"path": "/speak", "body": {"say": "{text}"}}'


def test_options_are_written_as_they_are_read():
    found = measured(options={"voice": "a b", "threads": 2, "name": "3"}, provider="cpu", voice="v")
    assert ini(found, "src") == [
        "ttsperf_target = my_engine:Engine",
        "ttsperf_target_options =",
        '    name="3"',
        "    threads=2",
        "    voice=a b",
        "ttsperf_provider = cpu",
        "ttsperf_voice = v",
        "pythonpath = src",
    ]


def test_lines_for_toml_are_toml(folder):
    (folder / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    found = measured(options={"voice": 'a "b"', "threads": 2}, provider="cpu")
    body = write(folder, found)["pyproject.toml"].body
    assert tomllib.loads(body)["tool"]["pytest"]["ini_options"] == {
        "ttsperf_target": "my_engine:Engine",
        "ttsperf_target_options": ["threads=2", 'voice=a "b"'],
        "ttsperf_provider": ["cpu"],
        "pythonpath": ["."],
    }


def test_a_native_table_of_pytest_9_is_continued(folder):
    (folder / "pyproject.toml").write_text("[tool.pytest]\n")
    body = write(folder)["pyproject.toml"].body
    assert body.startswith("[tool.pytest]\nttsperf_target")


def test_folders_of_modules_are_named_once(folder):
    (folder / "pytest.ini").write_text("[pytest]\npythonpath = src\n")
    assert "pythonpath" not in write(folder)["pytest.ini"].body
    assert "pythonpath" not in project.next_command(folder, measured(), ".")
    (folder / "pytest.ini").write_text("[pytest]\n")
    assert project.next_command(folder, measured(), "src") == (
        "pytest -m perf --ttsperf-target=my_engine:Engine -o pythonpath=src"
    )


def test_how_a_server_is_asked_is_read_along(folder):
    (folder / "pytest.ini").write_text(
        "[pytest]\nttsperf_target = http://h\nttsperf_http_preset = piper\n"
    )
    assert project.read_config(folder).option_lines == ("preset=piper",)
    (folder / "pytest.ini").write_text(
        '[pytest]\nttsperf_target = http://h\nttsperf_http_template = {"path": "/x"}\n'
    )
    assert project.read_config(folder).option_lines == (r'template="{\"path\": \"/x\"}"',)


def test_a_secret_is_written_into_no_file():
    with pytest.raises(LimitError, match="api_key written out"):
        project.refuse_secrets(TargetSpec(spec="a:A", options={"api_key": "sk-1234567890"}))
    project.refuse_secrets(TargetSpec(spec="a:A", options={"api_key": "{env:KEY}"}))


@pytest.mark.starts
def test_the_service_is_that_of_the_project(folder):
    assert project.find_ci_service(folder) == "github"
    subprocess.run(["git", "init", "-q", "-b", "trunk"], cwd=folder, check=True)
    remote = ["git", "remote", "add", "origin", "https://gitlab.com/x/y.git"]
    subprocess.run(remote, cwd=folder, check=True)
    assert project.find_ci_service(folder) == "gitlab"
    (folder / ".github").mkdir()
    assert project.find_ci_service(folder) == "github"
    (folder / ".gitlab-ci.yml").write_text("")
    assert project.find_ci_service(folder) == "gitlab"
    assert 'branches: ["trunk"]' in write(folder)[WORKFLOW].body


@pytest.mark.parametrize(
    ("name", "text", "arguments"),
    [
        ("setup.py", "", "-e . pytest-ttsperf"),
        ("pyproject.toml", "[project]\nname = 'x'\n", "-e . pytest-ttsperf"),
        ("pyproject.toml", "[tool.ruff]\n", "pytest-ttsperf"),
        ("requirements.txt", "numpy\n", "-r requirements.txt pytest-ttsperf"),
        ("notes.txt", "", "pytest-ttsperf"),
    ],
)
def test_the_workflow_installs_what_the_project_is(folder, name, text, arguments):
    (folder / name).write_text(text)
    body = write(folder)[WORKFLOW].body
    assert f"- run: python -m pip install {arguments}\n" in body

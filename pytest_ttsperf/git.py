"""Runs git so that it touches nothing of the user's: every git that is run goes through here.

A run may be started by a git hook, and then the environment names the hook's repository and index:
any git that inherits these works on them, whichever folder it is started in. So a git gets none of
git's own variables but the few that say how to reach and to trust a repository. Beyond that it runs
no hooks and no background work, does not even refresh an index, asks nothing and says it in
English. It reaches for the network only where that is allowed.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pytest_ttsperf import popen
from pytest_ttsperf.errors import GitError, GitMissing

HARMLESS = (
    "GIT_ASKPASS",
    "GIT_ATTR_NOSYSTEM",
    "GIT_CEILING_DIRECTORIES",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_SYSTEM",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM",
    "GIT_EXEC_PATH",
    "GIT_HTTP_",
    "GIT_PROXY_",
    "GIT_SSH",
    "GIT_SSL_",
    "GIT_TRACE",
)
"""Beginnings of the variables that speak of no repository, index or work tree."""
TRUSTED_SECTIONS = ("credential.", "http.", "safe.", "url.")
"""What of the configuration in the environment says how to reach a repository, or to trust it."""
QUIET = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "fetch.prune=false",
    "fetch.pruneTags=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
)
NO_PROTOCOL = "none"
SHORT_WORDS_CHARACTERS = 2000


class GitOutput(NamedTuple):
    """What a git printed, and its exit code."""

    code: int
    output: str
    words: str
    """What it printed on standard error."""


def run(
    folder: Path,
    *arguments: str,
    git_folder: Path | None = None,
    settings: Sequence[str] = (),
    network: bool = False,
    variables: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
) -> GitOutput:
    """Run git in a folder. GitMissing without a git; GitError where it takes longer than allowed.

    `git_folder` names a repository, which is not looked for around the folder then; the folder is
    its work tree, whatever its configuration says. `settings` are
    lines of configuration, `variables` are added to the environment. `network` lets it fetch what
    is missing, also by itself in a partial clone.
    """
    command = ["git", "--no-pager", "-C", str(folder)]
    for setting in (*QUIET, *settings):
        command += ["-c", setting]
    if git_folder is not None:
        command += [f"--git-dir={git_folder}", f"--work-tree={folder}"]
    command += arguments
    try:
        with popen.restore_popen():
            done = subprocess.run(
                command,
                capture_output=True,
                check=False,
                stdin=subprocess.DEVNULL,
                env={**environment(network=network), **(variables or {})},
                timeout=timeout_s,
                # Without a terminal nothing can ask there for a password.
                start_new_session=network,
            )
    except subprocess.TimeoutExpired as error:
        raise GitError(
            f"git {arguments[0]} was not done within {timeout_s:g} s in {folder}"
        ) from error
    except OSError as error:
        raise GitMissing(
            f"git is not installed or not on PATH ({error.strerror or error}); install git, or put "
            "the folder it is in on PATH"
        ) from error
    output = done.stdout.decode(errors="surrogateescape")
    words = done.stderr.decode(errors="replace").strip()
    return GitOutput(done.returncode, output.removesuffix("\n"), words[-SHORT_WORDS_CHARACTERS:])


def output(folder: Path, *arguments: str, git_folder: Path | None = None) -> str | None:
    """What git prints; None when it fails. GitMissing without a git."""
    answer = run(folder, *arguments, git_folder=git_folder)
    return answer.output if answer.code == 0 else None


def require(
    folder: Path,
    *arguments: str,
    git_folder: Path | None = None,
    settings: Sequence[str] = (),
    network: bool = False,
    variables: Mapping[str, str] | None = None,
) -> str:
    """What git prints; GitError with its words when it fails."""
    answer = run(
        folder,
        *arguments,
        git_folder=git_folder,
        settings=settings,
        network=network,
        variables=variables,
    )
    if answer.code:
        words = [word for word in arguments if not word.startswith("-")]
        raise GitError(
            f"git {' '.join(words[:2])} failed in {folder} (exit code {answer.code}):\n"
            f"{answer.words or answer.output}"
        )
    return answer.output


def environment(*, network: bool = False) -> dict[str, str]:
    """The variables that a git is started with."""
    variables = without_repository()
    variables.update(
        GIT_OPTIONAL_LOCKS="0",
        GIT_TERMINAL_PROMPT="0",
        GIT_LFS_SKIP_SMUDGE="1",
        GIT_EDITOR=":",
        LC_ALL="C",
    )
    variables.pop("LANGUAGE", None)
    if not network:
        variables.update(GIT_ALLOW_PROTOCOL=NO_PROTOCOL, GIT_NO_LAZY_FETCH="1")
    return variables


def without_repository() -> dict[str, str]:
    """This process's variables, without those by which git knows a repository and its index."""
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name.startswith(HARMLESS)
    }
    settings = _trusted_settings()
    for index, (key, value) in enumerate(settings):
        variables[f"GIT_CONFIG_KEY_{index}"] = key
        variables[f"GIT_CONFIG_VALUE_{index}"] = value
    if settings:
        variables["GIT_CONFIG_COUNT"] = str(len(settings))
    return variables


def _trusted_settings() -> list[tuple[str, str]]:
    """Configuration that was put into the environment: who is trusted, and how to get there."""
    count = os.environ.get("GIT_CONFIG_COUNT", "")
    settings = []
    for index in range(int(count) if count.isdecimal() else 0):
        key = os.environ.get(f"GIT_CONFIG_KEY_{index}", "")
        value = os.environ.get(f"GIT_CONFIG_VALUE_{index}")
        if value is not None and key.lower().startswith(TRUSTED_SECTIONS):
            settings.append((key, value))
    return settings

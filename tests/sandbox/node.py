"""Node and the packages of `clients/`, installed once for a lock file and found again by the next run, offline as well."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

CLIENTS = Path(__file__).parent / "clients"
OLDEST = (18, 0)  # the oldest with `fetch`, `Blob` and `FormData`; the client says 20.19, and was seen to work on 18.20
INSTALL_SECONDS = 120
_ASKED = "node" in os.environ.get("COMEBACK_REQUIRE", "").split(",")


def node_with_packages() -> tuple[str, Path]:
    """Node, and the folder in which it finds the packages. Skips the test where it cannot, unless COMEBACK_REQUIRE asks for node."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None or _version(node) < OLDEST:
        _give_up(f"Node {OLDEST[0]} or later with npm is needed")
        raise AssertionError
    lock = hashlib.sha256(b"".join((CLIENTS / name).read_bytes() for name in ("package.json", "package-lock.json"))).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"comeback-clients-{os.getuid()}-{lock}"
    if not folder.is_dir():
        _install(npm, folder)
    return node, folder


def _install(npm: str, folder: Path) -> None:
    """Installs beside the folder and moves it there when it is whole: another test process may do the same."""
    making = Path(tempfile.mkdtemp(prefix=folder.name, dir=folder.parent))
    for name in ("package.json", "package-lock.json"):
        shutil.copy(CLIENTS / name, making)
    command = [npm, "ci", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    done = subprocess.run(command, cwd=making, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if done.returncode:
        shutil.rmtree(making)
        _give_up(f"npm ci: {(done.stderr or done.stdout).strip()[-500:]}")
    try:
        making.rename(folder)
    except OSError:  # somebody else was faster
        shutil.rmtree(making)


def _version(node: str) -> tuple[int, ...]:
    told = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
    return tuple(int(part) for part in told.strip().lstrip("v").split(".")[:2])


def _give_up(why: str) -> None:
    if _ASKED:
        pytest.fail(f"COMEBACK_REQUIRE asks for node: {why}")
    pytest.skip(why)

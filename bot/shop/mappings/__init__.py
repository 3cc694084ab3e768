"""Where mappings are: those that ship, in this folder, and the owner's own. README.md says how they are written."""

import re
from importlib.resources import files
from pathlib import Path

FOLDER = "mappings"  # below the flows' folder

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)


def names(flows: Path) -> tuple[str, ...]:
    """The mappings there are: the owner's, and those that ship."""
    own = sorted((flows / FOLDER).glob("*.yaml"))
    shipped = sorted(entry.name for entry in files(__name__).iterdir())
    found = dict.fromkeys(name.removesuffix(".yaml") for name in (*(path.name for path in own), *shipped) if name.endswith(".yaml"))
    return tuple(name for name in found if _NAME.fullmatch(name))


def find(flows: Path, name: str) -> tuple[str, str]:
    """The file of a mapping, as it is called in messages, and its text. The owner's own counts before one that ships. Raises OSError."""
    own = flows / FOLDER / f"{name}.yaml"
    if own.is_file():
        return str(own), own.read_text("utf-8", errors="replace")
    shipped = files(__name__).joinpath(f"{name}.yaml")
    return str(shipped), shipped.read_text("utf-8")

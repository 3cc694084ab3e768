"""The files that `flows/README.md` tells an owner to write."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "flows" / "README.md"
FENCE = re.compile(r"^```(?:yaml|text)$", re.MULTILINE)
_BLOCK = re.compile(r"^```(?:yaml|text)\n# (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# what the examples that are only a part of a flow stand in; each for other people, so that none takes the other's
_AROUND = {
    "steps": "name: Example\npurpose: service\nstart:\n  when: message_received\n"
    "  if: contact.country is {people} and orders.count is 0\nsteps:\n{part}",
    "start": "name: Example\npurpose: marketing\nstart:\n{part}steps:\n  - tag: started\n",
}


def blocks() -> list[tuple[str, str]]:
    """Every example, with the name it has in its first line."""
    return _BLOCK.findall(README.read_text("utf-8"))


def files() -> dict[str, str]:
    """Every example as a file of its own."""
    found: dict[str, str] = {}
    for number, (name, text) in enumerate(blocks()):
        if name in _AROUND:
            part = "".join(f"  {line}\n" for line in text.splitlines())
            found[f"flows/example_{number}.yaml"] = _AROUND[name].format(people=f"X{number}", part=part)
        else:
            found[name] = text
    return found


def write(folder: Path) -> None:
    """Write them as an owner would."""
    for name, text in files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

"""The files of a small store, as an owner writes them, and what is said of them."""

from pathlib import Path

from bot.flow.library import Library, load

ROOT = Path(__file__).parents[2]
STORE = """\
name: Casa Bonita
currency: EUR
timezone: Europe/Madrid
languages: [en]
links:
  returns: https://casa-bonita.example/returns
segments:
  regulars: orders.count is at least 3
"""
TEMPLATES = {
    "waiting": """\
category: marketing
body: Hi {name}, your {items} are waiting.
buttons:
  - quick_reply: Yes
  - quick_reply: Stop
""",
    "bye": "category: marketing\nbody: Bye, bye {name}!\nfooter: Reply STOP to opt out\n",
    "coupon": "category: utility\nbody: Copy your code.\nbuttons:\n  - copy_code: SAVE5\n",
    "secret": "category: marketing\nbody: There is no way out of here.\n",
    "broken": "category: promotion\nbody: What Meta does not know.\n",
}


def store(flow: str = "", *, rules: str = STORE, templates: dict[str, str] = TEMPLATES, **catalogs: str) -> Library:
    """The library of a store with one flow, `flows/flow.yaml`; `catalogs` are .po texts by language."""
    files = {"flows/store.yaml": rules, **{f"flows/templates/{name}.yaml": text for name, text in templates.items()}}
    files |= {f"locales/{language}/LC_MESSAGES/flows.po": text for language, text in catalogs.items()}
    return load(files | {"flows/flow.yaml": flow} if flow else files)


def told(library: Library, file: str = "flows/flow.yaml") -> list[str]:
    """What is wrong in one file: `line:column: sentence`."""
    return [str(problem).removeprefix(f"{file}:") for problem in library.problems if problem.file == file]


def warned(library: Library, file: str = "flows/flow.yaml") -> list[str]:
    """What is not quite right in one file."""
    return [str(problem).removeprefix(f"{file}:") for problem in library.warnings if problem.file == file]


def shipped_files() -> dict[str, str]:
    """The example shop that ships, by path."""
    folders = (ROOT / "flows", ROOT / "locales")
    paths = (path for folder in folders for path in folder.rglob("*") if path.suffix in (".yaml", ".po"))
    return {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in paths}

"""Plays stories for the tests."""

import asyncio
import tempfile
from pathlib import Path

from bot.command.test import MEMORY
from bot.rehearsal import story, story_play
from bot.rehearsal.story_play import Told
from bot.worker.playbook import Playbook


def came_of(path: Path, playbook: Playbook) -> Told:
    """What comes of the story in a file."""
    return came_of_text(path.read_text("utf-8"), playbook, str(path))


def came_of_text(text: str, playbook: Playbook, file: str = "story.txt") -> Told:
    """What comes of a story."""
    read = story.read(file, text, playbook.rules.timezone)
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as scratch:
        return asyncio.run(story_play.play(read, playbook, Path(scratch)))

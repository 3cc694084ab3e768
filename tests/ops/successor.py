"""`python -m tests.ops.successor serve`: the bot, which takes over from the one that runs."""

import sys

from bot.__main__ import main

if __name__ == "__main__":
    sys.exit(main([*sys.argv[1:], "--take-over"]))

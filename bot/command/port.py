"""A port, as the command line takes it."""

import argparse

HIGHEST = 65_535


def port(text: str) -> int:
    """A port's number; 0 takes any that is free. Raises ArgumentTypeError."""
    if not (text.isascii() and text.isdecimal() and int(text) <= HIGHEST):
        raise argparse.ArgumentTypeError(f"'{text}' is not a port: give a number up to {HIGHEST}, such as 8080 (0 takes any that is free)")
    return int(text)

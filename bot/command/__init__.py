"""The commands of the command line, a file each. `bot/__main__.py` names them."""

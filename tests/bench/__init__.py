"""How fast the house is: `python -m tests.bench --help`. A measurement, not a test; `test_bench.py` only sees that it can be made."""

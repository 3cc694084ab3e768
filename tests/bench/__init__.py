"""How long things take: run one of these with python -m."""

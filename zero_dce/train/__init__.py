"""``python -m zero_dce.train``: one run, from its configuration to its result."""

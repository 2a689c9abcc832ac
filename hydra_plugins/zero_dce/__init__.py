"""Hydra finds launchers and sweepers only inside the namespace package ``hydra_plugins``.

Hydra imports every module here at each start, so they import what they need when they run.
"""

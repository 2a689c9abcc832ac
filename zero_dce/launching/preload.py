"""What every run imports: the fork server has it loaded already, so that a fresh process starts in a moment.

Not :mod:`zero_dce.train` itself, which a child of ``python -m zero_dce.train`` runs under another name.
"""

from __future__ import annotations

import lightning.pytorch
import wandb

import zero_dce.data.datamodule
import zero_dce.estimate
import zero_dce.launching.processes
import zero_dce.module
import zero_dce.run

__all__ = ["lightning", "wandb", "zero_dce"]

"""The imports of every run: the fork server loads them once, so that a fresh process starts in a moment.

Only the command line itself, which is a few lines, is not among them.
"""

from __future__ import annotations

import lightning.pytorch
import wandb

import zero_dce.data.datamodule
import zero_dce.module
import zero_dce.sweep.estimate
import zero_dce.sweep.launching.processes
import zero_dce.train.run

__all__ = ["lightning", "wandb", "zero_dce"]

"""The public interface, as text: ``python -m tests.helpers.public_api > tests/public_api.txt``, or ``make api``.

Public is what is listed here. All else in the package may change from one version to the next without a word.
"""

from __future__ import annotations

import griffe

from tests.helpers.paths import ROOT

PUBLIC = {
    "zero_dce.enhance.interface": ("enhance",),  # = zero_dce.enhance
    "zero_dce.curves": ("apply_curves",),
    "zero_dce.networks": ("CurveNet", "DCENet", "DCENetPP", "load_weights", "save_weights", "start_from_identity"),
    "zero_dce.networks.CurveNet": ("forward", "estimate_curves"),
    "zero_dce.weights": ("Weights", "read_weights"),
    "zero_dce.losses": (
        "spatial_consistency_loss",
        "exposure_control_loss",
        "colour_constancy_loss",
        "local_colour_loss",
        "illumination_smoothness_loss",
        "restoration_loss",
        "LossTerms",
        "CompositeLoss",
    ),
    "zero_dce.losses.CompositeLoss": ("forward",),
    "zero_dce.module": ("ZeroDCE",),
    "zero_dce.module.ZeroDCE": ("forward",),
    "zero_dce.data.datamodule": ("ExposureDataModule",),
    "zero_dce.train.trainer": ("StepTrainer",),
    "zero_dce.train.callbacks.checkpoints": ("StepCheckpoints",),
    "zero_dce.train.callbacks.progress": ("StepProgress",),
    "zero_dce.train.callbacks.samples": ("SamplePictures",),
    "zero_dce.train.callbacks.validation": ("StepValidation",),
    "zero_dce.train.callbacks.washout": ("WashOutAlarm",),
    "zero_dce.train.loggers.tracker": ("Tracker",),
    "zero_dce.train.loggers.step_mlflow": ("StepMLFlowLogger",),
    "zero_dce.train.loggers.step_tensorboard": ("StepTensorBoardLogger",),
    "zero_dce.train.loggers.step_trackio": ("StepTrackioLogger",),
    "zero_dce.train.loggers.step_wandb": ("StepWandbLogger",),
    "zero_dce.metrics.picture": (
        "brightness",
        "clipped_share",
        "saturation",
        "saturation_ratio",
        "entropy",
        "brightened_bright",
        "brightened_by",
        "luminance",
        "noise",
        "lightness_order_error",
    ),
    "zero_dce.metrics.reference": ("psnr", "psnr_at_equal_mean", "ssim", "absolute_error", "summed_absolute_error"),
    "zero_dce.metrics.colour": ("colour_error", "ciede2000"),
    "zero_dce.metrics.niqe": ("niqe",),
    "zero_dce.metrics.piqe": ("piqe",),
    "zero_dce.export.write": ("export",),
}


def describe() -> str:
    """Return a line for each public function and class: its parameters with types and defaults, and what it returns."""
    package = griffe.load("zero_dce", search_paths=[ROOT])
    items = [package[f"{module.partition('.')[2]}.{name}"] for module, names in PUBLIC.items() for name in names]
    return "".join(f"{_describe(item)}\n" for item in items)


def _describe(item: griffe.Object) -> str:
    if isinstance(item, griffe.Function):
        return f"{item.path}{_signature(item)}"
    assert isinstance(item, griffe.Class), f"{item.path} is neither a function nor a class"
    constructor = item.all_members.get("__init__", item)
    parameters = _signature(constructor).replace("(self, ", "(").replace("(self)", "()").removesuffix(" -> None")
    return f"class {item.path}{parameters}: {', '.join(str(base) for base in item.bases) or 'object'}"


def _signature(function: griffe.Function) -> str:
    return str(function.signature()).removeprefix(function.name)


if __name__ == "__main__":
    print(describe(), end="")

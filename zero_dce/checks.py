"""One rule for the values that a user gives, the values that each option takes, and what is in a file of JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from textwrap import shorten
from typing import Any

# NumPy takes no larger seed.
LARGEST_SEED = 2**32 - 1
# What an object of JSON holds: values by key. A key that ends so may be missing; the key str stands for all others.
Shape = Mapping[Any, Any]
OPTIONAL = "?"


def check_number(
    name: str, value: object, least: float = 0, most: float = math.inf, whole: bool = False, open_: bool = False
) -> None:
    """Raise ValueError, which names option, value and range, unless ``value`` is a finite number in the range.

    ``name`` is the option as a user writes it; with ``whole`` only whole numbers are allowed, and with ``open_`` the
    ends of the range are not.
    """
    kinds: tuple[type, ...] = (int,) if whole else (int, float)
    if isinstance(value, kinds) and not isinstance(value, bool) and math.isfinite(value):  # type: ignore[arg-type]
        number: float = value  # type: ignore[assignment]
        if least <= number <= most and not (open_ and number in (least, most)):
            return
    low = f"more than {least}" if open_ else f"at least {least}"
    high = "" if most == math.inf else f" and {'less than' if open_ else 'at most'} {most}"
    raise ValueError(f"{name} is {value!r}; expected a {'whole' if whole else 'finite'} number of {low}{high}")


@dataclass(frozen=True)
class Number:
    """Numbers in a range, as :func:`check_number` has it; with ``or_null`` also none."""

    least: float = 0
    most: float = math.inf
    whole: bool = False
    open_: bool = False
    or_null: bool = False

    def check(self, name: str, value: object) -> None:
        """Raise ValueError unless ``value`` is allowed."""
        if not (self.or_null and value is None):
            check_number(name, value, self.least, self.most, self.whole, self.open_)


@dataclass(frozen=True)
class OneOf:
    """One of several values; with ``many`` a list of them."""

    allowed: tuple[object, ...]
    many: bool = False

    def check(self, name: str, value: object) -> None:
        """Raise ValueError unless ``value`` is allowed."""
        values = value if self.many and isinstance(value, list | tuple) else [value]
        for one in values:
            if one not in self.allowed or isinstance(one, bool):
                allowed = ", ".join("null" if value is None else str(value) for value in self.allowed)
                raise ValueError(f"{name} is {one!r}; expected one of {allowed}")


@dataclass(frozen=True)
class CountOrAuto:
    """A whole number of at least 1, or ``auto``."""

    def check(self, name: str, value: object) -> None:
        """Raise ValueError unless ``value`` is allowed."""
        if isinstance(value, str) and value != "auto":
            raise ValueError(f"{name} is {value!r}; expected auto or a whole number of at least 1")
        if value != "auto":
            check_number(name, value, least=1, whole=True)


@dataclass(frozen=True)
class Flag:
    """True or false."""

    def check(self, name: str, value: object) -> None:
        """Raise ValueError unless ``value`` is allowed."""
        if not isinstance(value, bool):
            raise ValueError(f"{name} is {value!r}; expected true or false")


# The options of a run whose values are known before anything is imported that takes seconds. The classes that take
# them check them by this table too, by check_option.
OPTION_VALUES: Mapping[str, Number | OneOf | CountOrAuto | Flag] = {
    "seed": Number(whole=True, most=LARGEST_SEED),
    "every_n_steps": Number(1, whole=True),
    "model.network": OneOf(("zero_dce", "zero_dce_pp")),
    "model.learning_rate": Number(open_=True),
    "model.weight_decay": Number(),
    "model.init": OneOf(("published", "identity")),
    "model.schedule": OneOf(("constant", "one_cycle")),
    "model.exposure": Number(0.05, 0.95, or_null=True),
    "model.pictures_at_once": CountOrAuto(),
    "loss.weights.spa": Number(),
    "loss.weights.exp": Number(),
    "loss.weights.col": Number(),
    "loss.weights.tv": Number(),
    "loss.weights.rec": Number(),
    "loss.spa.region": Number(1, whole=True),
    "loss.spa.difference": OneOf(("signed", "absolute")),
    "loss.spa.border": OneOf(("zeros", "none")),
    "loss.spa.directions": OneOf(("left", "right", "up", "down"), many=True),
    "loss.exp.target": Number(most=1),
    "loss.exp.region": Number(1, whole=True),
    "loss.exp.distance": OneOf(("squared", "absolute")),
    "loss.exp.colour_aware": Flag(),
    "loss.col.power": OneOf((2, 4)),
    "loss.col.compare": OneOf(("means", "shares")),
    "loss.col.local": Number(),
    "loss.tv.gradient": OneOf(("per_direction", "mean", "squared", "absolute")),
    "data.layout": OneOf(("sice", "folder")),
    "data.size": Number(16, whole=True),
    "data.batch_size": Number(1, whole=True),
    "data.num_workers": Number(whole=True),
    "data.seed": Number(whole=True),
    "data.val_fraction": Number(most=0.99),
    "data.cache": OneOf(("none", "disk", "memory", "device")),
    "data.cache_fallback": OneOf(("stop", "none")),
    "data.on_bad": OneOf(("error", "skip")),
    "data.split.seed": Number(whole=True),
    "data.split.test_fraction": Number(most=0.99, or_null=True),
    "data.augment.crop": Number(1, or_null=True),
    "data.augment.exposure_ev": Number(most=4.0),
    "data.augment.flip": Flag(),
    "data.augment.restore": Flag(),
    "data.augment.flip_vertical": Flag(),
    "callbacks.samples.count": Number(1, whole=True),
    "callbacks.samples.longest": Number(1, whole=True),
    "callbacks.checkpoints.every_n_minutes": Number(open_=True, or_null=True),
    "callbacks.washout.drop": Number(most=1, open_=True),
    "callbacks.washout.tv_rise": Number(),
    "callbacks.washout.validations": Number(1, whole=True),
    "callbacks.washout.settled": Number(most=1),
    "callbacks.washout.stop": Flag(),
    # -1 means no limit, as in trainer.max_epochs.
    "trainer.max_steps": Number(-1, whole=True),
    "trainer.graph": OneOf((None, "auto")),
    "trainer.accumulate_grad_batches": Number(1, whole=True),
    "trainer.log_every_n_steps": Number(whole=True),
    "trainer.gradient_clip_val": Number(or_null=True),
    "logger.fallback": OneOf(("stop", "offline")),
}


def check_option(name: str, value: object) -> None:
    """Raise ValueError, which names option, value and what was expected, unless an option may have this value."""
    OPTION_VALUES[name].check(name, value)


def find_misfit(value: Any, shape: Any, name: str = "") -> str:
    """Say where a value that was read from JSON differs from what was expected; empty where it does not.

    Args:
        value: what was read.
        shape: a type; ``None``; ``[shape]`` for a list of such values; a :data:`Shape` for an object, which may have
            other keys too; or a tuple of shapes, of which one is enough. A whole number will do as ``float``, and a
            truth value only as ``bool``.
        name: what the value is called.

    Examples:
        >>> find_misfit({"jobs": [["exp=3"], [5]]}, {"jobs": [[str]], "data?": str})
        'has jobs[1][0]=5'
        >>> find_misfit({"measures": {"val/psnr": None}}, {"measures": {str: (float, None)}})
        ''
    """
    if isinstance(shape, tuple):
        faults = [find_misfit(value, one, name) for one in shape]
        return "" if "" in faults else faults[0]
    if isinstance(shape, list) and isinstance(value, list):
        return _first(find_misfit(one, shape[0], f"{name}[{number}]") for number, one in enumerate(value))
    if isinstance(shape, Mapping) and isinstance(value, dict):
        return _misfit_of_keys(value, shape, name)
    kind: Any = (int, float) if shape is float else shape
    fits = value is None if shape is None else isinstance(shape, type) and isinstance(value, kind)
    if fits and (shape is bool or not isinstance(value, bool)):
        return ""
    shown = shorten(json.dumps(value), 40)
    return f"has {name}={shown}" if name else f"holds {shown}"


def _misfit_of_keys(value: dict[str, Any], shape: Shape, name: str) -> str:
    inner = f"{name}." if name else ""
    known = {key.removesuffix(OPTIONAL): (key, one) for key, one in shape.items() if key is not str}
    for plain, (key, one) in known.items():
        missing = "" if key.endswith(OPTIONAL) else f"has no {inner}{plain}"
        fault = find_misfit(value[plain], one, inner + plain) if plain in value else missing
        if fault:
            return fault
    others = [key for key in value if key not in known] if str in shape else []
    return _first(find_misfit(value[key], shape[str], inner + key) for key in others)


def _first(faults: Iterable[str]) -> str:
    return next((fault for fault in faults if fault), "")

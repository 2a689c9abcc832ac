"""The model card of a picked checkpoint: what stands on its page on the Hugging Face Hub."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

from zero_dce.records.configuration import select_option
from zero_dce.records.run import ORIGIN_FILE, SAMPLES
from zero_dce.remote_weights import import_hub
from zero_dce.review.pick import CONFIG_FILE, MEASURES_FILE
from zero_dce.review.published import HIDDEN_PATH, PickedFolder, hide_paths
from zero_dce.weights import DCE_NET, DCE_NET_PP, WEIGHTS_FILE, is_address

NETWORK_NAMES = {
    DCE_NET: "DCE-Net of [Zero-DCE](https://arxiv.org/abs/2001.06826)",
    DCE_NET_PP: "The network of [Zero-DCE++](https://arxiv.org/abs/2103.00860)",
}
TAGS = ["low-light-image-enhancement", "image-enhancement", "zero-dce", "computational-photography"]
SICE_TERMS = (
    "its authors offer it for research: before any other use, ask whether weights trained on it may serve for that"
)
# What the configuration calls its data, and what that is.
DATA = {
    "SICE": f"[SICE](https://github.com/csjcai/SICE) Part1 (Cai, Gu and Zhang, 2018); {SICE_TERMS}",
    "embedded": "the sample inside the package: exposure sequences rendered from 15 freely licensed photographs. It is "
    "there to try the package with; results on it are not SICE results",
}
OTHER_DATA = "a folder of pictures that is not published; nothing is known here of what they show, or of their licences"
MEANINGS = {
    "psnr_gain": "by how many dB dark pictures came nearer to their references",
    "psnr": "PSNR against the references, in dB",
    "psnr_input": "the same of the unchanged pictures",
    "ssim": "structural similarity to the references",
    "delta_e": "colour error against the references, CIEDE2000",
    "brightness_in": "mean brightness before, in [0, 1]",
    "brightness_out": "mean brightness after",
    "saturation_ratio": "saturation after, relative to before",
    "clipped_in": "share of pixels with a blown highlight before",
    "clipped_out": "the same after",
    "noise_out": "estimated noise after; texture counts too",
    "loe": "lightness order error: halos and reversed shadows raise it",
    "spa": "loss: spatial consistency, unweighted",
    "exp": "loss: exposure control, unweighted",
    "col": "loss: colour constancy, unweighted",
    "tv": "loss: illumination smoothness, unweighted",
}


def model_card(picked: PickedFolder, repository: str, licence: str, with_pictures: bool) -> str:
    """Return the card as Markdown with YAML before it, as the Hub reads it.

    Args:
        picked: what is published.
        repository: its name on the Hub, USER/NAME.
        licence: of the weights, by the Hub's identifier.
        with_pictures: whether the sample pictures are published too.

    Raises:
        ModuleNotFoundError: if huggingface_hub is not installed.
    """
    parts = [
        f"---\n{_metadata(picked, licence)}\n---",
        f"# {repository.partition('/')[2]}",
        f"{NETWORK_NAMES[picked.network]}, {picked.parameters:,} parameters, which brightens dark photographs. It was "
        "trained and picked with `zero-dce-lightning`.",
        _warn_of_sample(picked),
        _show_pictures(picked) if with_pictures else "",
        _say_use(picked, repository, with_pictures),
        _say_reason(picked),
        f"## Measures\n\n{_tell_measures(picked)}",
        f"## Training\n\n{_table(('', ''), _tell_training(picked, licence))}",
        f"`{CONFIG_FILE}` has every option, `{MEASURES_FILE}` every measure, `{ORIGIN_FILE}` where the checkpoint came "
        "from; paths of the machine that trained are left out.",
        _credit_sample(picked),
        "## Limits\n\nNot for measuring, surveillance or evidence: what was lost in black or white does not come back. "
        "Look at your own photographs before you rely on it.",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def trained_on(picked: PickedFolder) -> str:
    """Say what data the weights were trained on, as far as the configuration knows."""
    source = str(_option(picked, "data.source", (str, None)))
    return next((text for name, text in DATA.items() if source.startswith(name)), OTHER_DATA)


def _option(picked: PickedFolder, key: str, shape: Any) -> Any:
    return select_option(picked.folder / CONFIG_FILE, key, shape, picked.config)


def _metadata(picked: PickedFolder, licence: str) -> str:
    hub = import_hub("A model card")
    start = started_from(picked)
    base = re.match(r"hf://([^/@]+/[^/@]+)", start)
    data = hub.ModelCardData(
        license=licence,
        library_name="zero-dce-lightning",
        pipeline_tag="image-to-image",
        tags=TAGS,
        base_model=base[1] if base else None,
    )
    return str(data.to_yaml())


def started_from(picked: PickedFolder) -> str:
    """Return the weights that the training began with, as an address or ``[a path]``; empty if it began untrained."""
    start: str = picked.origin.get("started_from") or _option(picked, "model.weights", (str, None)) or ""
    return start if not start or is_address(start) else HIDDEN_PATH


def _warn_of_sample(picked: PickedFolder) -> str:
    small = trained_on(picked) == DATA["embedded"]
    return "**Trained on the small sample inside the package, which is there to try it with.**" if small else ""


def _credit_sample(picked: PickedFolder) -> str:
    """Name the authors whose licence asks for it, and what was changed, where the pictures may be theirs."""
    if trained_on(picked) != DATA["embedded"]:
        return ""
    from zero_dce.data.sample import photographs

    named = [
        f"{row['title']} by {row['author']} ([{row['licence']}]({row['licence_url']}))"
        for row in photographs()
        if row["licence"].startswith("CC BY")
    ]
    return f"Photographs of the sample under CC BY, here scaled, darkened and enhanced: {', '.join(named)}."


def _show_pictures(picked: PickedFolder) -> str:
    rows = [
        (f"![before]({SAMPLES}/{number}_input.png)", f"![after]({SAMPLES}/{number}_output.png)")
        for number in picked.pictures
    ]
    if not rows:
        return ""
    how = "The network as it is, without the exposure that `zero_dce.enhance` adds by default:"
    if _option(picked, "model.exposure", (float, None)) is not None:
        how = "At the exposure that suits each picture, and smoothed, as `zero_dce.enhance` does by default:"
    return f"## Before and after\n\n{how}\n\n{_table(('before', 'after'), rows)}"


def _say_use(picked: PickedFolder, repository: str, with_pictures: bool) -> str:
    off = with_pictures and picked.pictures and _option(picked, "model.exposure", (float, None)) is None
    hint = ' `exposure="off"` shows the network as it is, as in the pictures above.' if off else ""
    return f"""## Use

```console
pip install "zero-dce-lightning[hub]"
zero-dce enhance dark.jpg --output bright --weights hf://{repository}
```

```python
import zero_dce
from PIL import Image

bright = zero_dce.enhance(Image.open("dark.jpg"), "hf://{repository}")
```

The photograph keeps its size.{hint} `model.weights=hf://{repository}` trains on from here."""


def _say_reason(picked: PickedFolder) -> str:
    note = str(picked.origin.get("note") or "").strip()
    if not note:
        return ""
    quoted = "\n".join(f"> {line}".rstrip() for line in note.splitlines())
    return f"## Why this checkpoint\n\nChosen by eye. The note of the person who picked it:\n\n{quoted}"


def _tell_measures(picked: PickedFolder) -> str:
    validation = picked.measures["val"]
    values = {name.removeprefix("val/"): value for name, value in validation.get("measures", {}).items()}
    rows = []
    for name, meaning in MEANINGS.items():
        if isinstance(values.get(name), int | float):
            error = values.get("psnr_gain_se") if name == "psnr_gain" else None
            more = f" ± {error:.2g} (standard error)" if isinstance(error, int | float) else ""
            rows.append((f"`{name}`", f"{values[name]:.4g}{more}", meaning))
    if not rows:
        return "There was no validation before this step."
    table = _table(("measure", "value", "what it tells"), rows)
    return f"On the validation pictures of the training data, at step {validation['step']}:\n\n{table}"


def _tell_training(picked: PickedFolder, licence: str) -> list[tuple[str, str]]:
    origin = picked.origin
    weights = _option(picked, "loss.weights", ({str: float}, None)) or {}
    size = _option(picked, "data.size", (int, None))
    rows = [
        ("Data", trained_on(picked)),
        ("Fingerprint of the data", f"`{origin.get('data_fingerprint')}`"),
        ("Started from", f"`{started_from(picked)}`" if started_from(picked) else "untrained weights"),
        ("Loss weights", ", ".join(f"{name} {value:g}" for name, value in weights.items())),
        ("Steps", f"{origin['step']:,}, at {size} x {size} pixels"),
        ("Learning rate", f"{_option(picked, 'model.learning_rate', float):g}"),
        ("Seed", str(_option(picked, "seed", (int, None)))),
        ("Run", f"{origin['run']} ({hide_paths(origin['name'])}), picked {str(origin.get('picked_at'))[:10]}"),
        ("Versions", _versions(origin["versions"])),
        ("Commit", f"`{origin['commit']}`" if origin.get("commit") else ""),
        ("Trained on by", "; ".join(_versions(part["versions"]) for part in origin.get("resumed", []))),
        ("SHA-256 of the weights", f"`{_checksum(picked)}`"),
        ("Licence of the weights", licence),
    ]
    return [(name, value) for name, value in rows if value]


def _versions(versions: dict[str, str | None]) -> str:
    shown = ("zero_dce", "torch", "lightning")
    return ", ".join(f"{name} {versions[name]}" for name in shown if versions.get(name))


def _checksum(picked: PickedFolder) -> str:
    return hashlib.sha256((picked.folder / WEIGHTS_FILE).read_bytes()).hexdigest()


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

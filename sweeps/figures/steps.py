"""Put the sample pictures of runs and steps below each other: the inputs on top, then one row for each folder.

    python sweeps/figures/steps.py PICTURE.png RUN_DIR/samples/step-000300 ... [--curves]

All folders must show the same inputs, as all runs on the same data do. Labels say what was measured at that step on the
whole validation side, not on the pictures shown: saturation as a share of the input's, brightness in [0, 1], and the
PSNR of the dark frames. With --curves each row is followed by its curve maps.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from zero_dce.images.decode import Pixels, decode_within
from zero_dce.images.sheets import contact_sheet, save_picture
from zero_dce.records.run import pictures_folder, read_rows
from zero_dce.records.sweep import run_name
from zero_dce.terminal import errors_as_messages

# The longer side of a picture, in pixels.
CELL = 224
FORMATS = (".png", ".jpg")
OF_INPUT = {"brightness_in": "brightness {:.2f}", "psnr_input": "PSNR {:.1f} dB"}
OF_OUTPUT = {
    "saturation_ratio": "saturation {:.2f} of the input's",
    "brightness_out": "brightness {:.2f}",
    "psnr": "PSNR {:.1f} dB",
}
CURVES = "the network's own curves, before any exposure found for the picture: lighter than mid grey brightens"
Rows = list[tuple[str, list[Pixels]]]


def write_sheet(picture: Path, folders: Sequence[Path], curves: bool) -> None:
    """Write the sheet of these folders.

    Raises:
        FileNotFoundError: if one of them holds no sample pictures.
        ValueError: if they show different inputs, or the picture's name ends in no format that is written here.
    """
    if picture.suffix.lower() not in FORMATS:
        raise ValueError(f"{picture} must end in {' or '.join(FORMATS)}: give the picture another name")
    save_picture(contact_sheet(sheet_rows(folders, curves), CELL), picture)
    print(picture)


def sheet_rows(folders: Sequence[Path], curves: bool) -> Rows:
    """Return the labels and the pictures of all rows."""
    inputs = read_pictures(folders[0], "input")
    rows = [(", ".join(["input", *measured(folders[0], OF_INPUT)]), inputs)]
    for folder in folders:
        if not same_pictures(inputs, read_pictures(folder, "input")):
            raise ValueError(f"{folder} shows other inputs than {folders[0]}: give folders of runs on the same data")
        run, step = run_and_step(folder)
        title = f"{run_name(run)} after {step:,} steps"
        rows.append((", ".join([title, *measured(folder, OF_OUTPUT)]), read_pictures(folder, "output")))
        if curves:
            rows.append((CURVES, read_pictures(folder, "curves")))
    return rows


def run_and_step(folder: Path) -> tuple[Path, int]:
    """Return the folder of the run, and the step, whose sample pictures a folder holds.

    Raises:
        FileNotFoundError: if it is no such folder.
    """
    place = folder.resolve()
    run, step = place.parent.parent, place.name.removeprefix("step-")
    if not place.is_dir() or not step.isdecimal() or place != pictures_folder(run, int(step)):
        raise FileNotFoundError(f"{folder} is no folder of sample pictures; expected RUN_DIR/samples/step-000300, say")
    return run, int(step)


def read_pictures(folder: Path, side: str) -> list[Pixels]:
    """Return a folder's pictures, uint8 H x W x 3 within a cell, of one side: ``input``, ``output`` or ``curves``.

    Raises:
        FileNotFoundError: if it holds none.
    """
    run_and_step(folder)
    files = sorted(folder.glob(f"*_{side}.png"))
    if not files:
        raise FileNotFoundError(f"{folder} holds no pictures *_{side}.png: has its run been stopped there?")
    return [decode_within(file, CELL) for file in files]


def same_pictures(some: Sequence[Pixels], others: Sequence[Pixels]) -> bool:
    """Return whether both are the same pictures in the same order."""
    return len(some) == len(others) and all(map(np.array_equal, some, others))


def measured(folder: Path, measures: Mapping[str, str]) -> list[str]:
    """Return what was measured at a folder's step, in words; measures without a value are left out."""
    run, step = run_and_step(folder)
    values = read_rows(run).get(step, {})
    return [text.format(values[f"val/{name}"]) for name, text in measures.items() if f"val/{name}" in values]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", type=Path, metavar="PICTURE.png")
    parser.add_argument("folders", type=Path, nargs="+", metavar="RUN_DIR/samples/step-000300")
    parser.add_argument("--curves", action="store_true", help="show curve maps too")
    options = parser.parse_args(arguments)
    with errors_as_messages():
        write_sheet(options.picture, options.folders, options.curves)


if __name__ == "__main__":
    main()

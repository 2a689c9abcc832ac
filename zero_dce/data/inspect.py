"""Look at a data set before training on it: ``python -m zero_dce.data.inspect ROOT``.

Prints scenes, frames a scene, sizes, brightness, references and every file that is bad or unusual, and writes a contact
sheet: a scene a row, darkest frame first.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from PIL import Image

from zero_dce.data.index import LAYOUTS, SICE_FOLDER, Index, find_references
from zero_dce.data.report import format_rows, left_out, notes
from zero_dce.data.split import Split
from zero_dce.data.survey import Record, brightness_of, look_up, survey
from zero_dce.images.decode import Decoded, Pixels, decode, within
from zero_dce.images.sheets import contact_sheet
from zero_dce.terminal import print_any_name

CELL = 96
# Pages that any viewer opens: at most about 3,000 x 6,000 pixels.
ROWS_A_PAGE = 60
FRAMES_A_ROW = 32
# Where each picture is a scene of its own.
PICTURES_A_ROW = 16
STEPS = 10
BAR_LENGTH = 40
# Each holds a decoded photograph.
THREADS = 8
MOST_SIZES = 10


def describe(index: Index, records: Sequence[Record], references: Mapping[str, str]) -> str:
    """Describe the files of a data set.

    Args:
        index: its files.
        records: what reading them has shown, labels and references included.
        references: from path to reference path.
    """
    images = {entry.path for entry in index.entries}
    usable = [record for record in records if record.path in images and not record.bad]
    frames = Counter(entry.scene for entry in index.entries)
    sizes = Counter(f"{record.width} x {record.height}" for record in usable)
    steps = Counter(min(int(record.brightness * STEPS), STEPS - 1) for record in usable)
    spans = [f"{step / STEPS:.1f} to {(step + 1) / STEPS:.1f}" for step in range(STEPS)]
    lines = [f"{len(images)} images in {len(frames)} scenes"]
    lines += _bars("frames a scene", sorted(Counter(frames.values()).items()))
    lines += _bars(f"width x height ({len(sizes)} sizes)", sizes.most_common(MOST_SIZES))
    lines += _bars("mean brightness", [(spans[step], steps[step]) for step in range(STEPS)])
    lines.append(f"references: {len(index.labels)} labels; {len(references)} dark images have a reference")
    lines.append(f"passed over: {index.what_else() or 'nothing'}")
    bad = left_out(index, Split([], [], []), records)
    for title, rows in (("unusual, and used", notes(records)), ("cannot be used", [*bad.items()])):
        lines += [f"{title}: {len(rows)}", *format_rows(rows, most=len(rows)).splitlines()]
    return "\n".join(lines)


def sheet_rows(index: Index, brightness: Mapping[str, float]) -> list[tuple[str, list[str]]]:
    """Return the label and the paths of each row: a scene, darkest frame first.

    Args:
        index: the files.
        brightness: of the usable ones.
    """
    scenes = defaultdict(list)
    for entry in sorted(index.entries, key=lambda entry: (brightness.get(entry.path, 0), entry.path)):
        if entry.path in brightness:
            scenes[entry.scene].append(entry.path)
    if all(len(paths) == 1 for paths in scenes.values()):
        all_paths = [path for (path,) in scenes.values()]
        starts = range(0, len(all_paths), PICTURES_A_ROW)
        rows = [("pictures without scenes", all_paths[start : start + PICTURES_A_ROW]) for start in starts]
    else:
        in_order = dict.fromkeys(entry.scene for entry in index.entries)
        rows = [
            (f"scene {scene}", scenes[scene][start : start + FRAMES_A_ROW])
            for scene in in_order
            for start in range(0, len(scenes.get(scene, [])), FRAMES_A_ROW)
        ]
    return [
        (f"{name} · {len(paths)} frames · brightness {brightness[paths[0]]:.2f} to {brightness[paths[-1]]:.2f}", paths)
        for name, paths in rows
    ]


def write_sheets(rows: Sequence[tuple[str, list[str]]], pixels: Mapping[str, Pixels], file: Path) -> list[Path]:
    """Write the contact sheet, on numbered pages where it is long; returns the files."""
    pages = [rows[start : start + ROWS_A_PAGE] for start in range(0, len(rows), ROWS_A_PAGE)]
    files = []
    for number, page in enumerate(pages, start=1):
        target = file if len(pages) == 1 else file.with_stem(f"{file.stem}-{number}")
        sheet = contact_sheet([(label, [pixels[path] for path in paths]) for label, paths in page], CELL)
        sheet.save(target, quality=90)
        files.append(target)
    return files


def _bars(title: str, counts: Sequence[tuple[object, int]]) -> list[str]:
    most = max((count for _, count in counts), default=0)
    width = max((len(str(name)) for name, _ in counts), default=0)
    bars = [
        f"  {name!s:>{width}}  {count:6}  {'█' * round(BAR_LENGTH * count / max(1, most))}" for name, count in counts
    ]
    return [f"{title}:", *bars]


def inspect(root: Path, layout: str, sheet: Path) -> None:
    """Print the description of a data set and write its contact sheet.

    Raises:
        OSError: if the root is missing or empty, or the sheet cannot be written.
        ValueError: if ``pairs.csv`` is wrong.
    """
    index = LAYOUTS[layout](root)
    pixels: dict[str, Pixels] = {}

    def keep(path: str, decoded: Decoded) -> None:
        pixels[path] = decoded.pixels

    files = [look_up(root, path) for path in index.files()]
    records = survey(root, files, partial(decode, resize=within(CELL)), min(THREADS, os.cpu_count() or 1), keep)
    brightness = brightness_of(records)
    print(describe(index, records, find_references(index, brightness)))
    for file in write_sheets(sheet_rows(index, brightness), pixels, sheet):
        print(f"contact sheet: {file}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m zero_dce.data.inspect", description=__doc__)
    parser.add_argument("root", type=Path, help="folder of the data set")
    parser.add_argument("--layout", choices=sorted(LAYOUTS), help=f"default: sice where there is a {SICE_FOLDER}")
    parser.add_argument("--sheet", type=Path, default=Path("contact_sheet.jpg"), help="where the contact sheet goes")
    options = parser.parse_args(arguments)
    if options.sheet.suffix.lower() not in Image.registered_extensions():
        parser.error(f"--sheet {options.sheet}: expected the name of an image, as contact_sheet.jpg")
    print_any_name()
    root: Path = options.root
    is_sice = root.resolve().name == SICE_FOLDER or (root / SICE_FOLDER).is_dir()
    try:
        inspect(root, options.layout or ("sice" if is_sice else "folder"), options.sheet)
    except (OSError, ValueError) as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()

"""Look at a data set before training on it: ``python -m zero_dce.data.inspect ROOT``.

Prints scenes, frames per scene, sizes, brightness, references and every file that is bad or unusual, and writes a
contact sheet: one row per scene, darkest frame first.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

from PIL import Image

from zero_dce.data.index import LAYOUTS, SICE_FOLDER, Index, find_references
from zero_dce.data.report import format_rows, left_out, notes
from zero_dce.data.split import Split
from zero_dce.data.survey import Record, brightness_of, look_up, survey
from zero_dce.images.decode import Decoded, Pixels, decode, within
from zero_dce.images.sheets import contact_sheet, save_picture
from zero_dce.terminal import errors_as_messages, tell

CELL_SIDE = 96
# Any viewer opens pages of this size: at most about 3,000 x 6,000 pixels.
ROWS_PER_PAGE = 60
FRAMES_PER_ROW = 32
# This holds where each picture is a scene of its own.
PICTURES_PER_ROW = 16
STEPS = 10
BAR_LENGTH = 40
# Each thread holds a decoded photograph in memory.
THREADS = 8
MOST_SIZES = 10


def describe_data_set(index: Index, records: Sequence[Record], references: Mapping[str, str]) -> str:
    """Describe a data set by the ``records`` of all its files, labels and references included."""
    images = {entry.path for entry in index.entries}
    frames = Counter(entry.scene for entry in index.entries)
    sizes = Counter[str]()
    spans = {f"{step / STEPS:.1f} to {(step + 1) / STEPS:.1f}": 0 for step in range(STEPS)}
    names = list(spans)
    for record in records:
        if record.path in images and not record.bad:
            sizes[f"{record.width} x {record.height}"] += 1
            spans[names[min(int(record.brightness * STEPS), STEPS - 1)]] += 1
    lines = [f"{len(images)} images in {len(frames)} scenes"]
    lines += _bars("frames a scene", sorted(Counter(frames.values()).items()))
    lines += _bars(f"width x height ({len(sizes)} sizes)", sizes.most_common(MOST_SIZES))
    lines += _bars("mean brightness", list(spans.items()))
    lines.append(f"references: {len(index.labels)} labels; {len(references)} dark images have a reference")
    lines += [f"passed over: {index.what_else() or 'nothing'}", *index.without_reader()]
    bad = left_out(index, Split([], [], []), records)
    for title, rows in (("unusual, and used", notes(records)), ("cannot be used", [*bad.items()])):
        lines += [f"{title}: {len(rows)}", *format_rows(rows, most=len(rows)).splitlines()]
    return "\n".join(lines)


def sheet_rows(index: Index, brightness: Mapping[str, float]) -> list[tuple[str, list[str]]]:
    """Return the label and the paths of each row: a scene, darkest frame first; only files with a brightness count."""
    scenes: dict[str, list[str]] = {entry.scene: [] for entry in index.entries}
    for entry in index.entries:
        if entry.path in brightness:
            scenes[entry.scene].append(entry.path)
    most, groups = FRAMES_PER_ROW, {f"scene {scene}": paths for scene, paths in scenes.items()}
    if all(len(paths) <= 1 for paths in scenes.values()):
        most, groups = PICTURES_PER_ROW, {"pictures without scenes": list(chain.from_iterable(scenes.values()))}
    rows = []
    for name, paths in groups.items():
        paths.sort(key=lambda path: (brightness[path], path))
        for start in range(0, len(paths), most):
            row = paths[start : start + most]
            span = f"{brightness[row[0]]:.2f} to {brightness[row[-1]]:.2f}"
            rows.append((f"{name} · {len(row)} frames · brightness {span}", row))
    return rows


def write_sheets(rows: Sequence[tuple[str, list[str]]], pixels: Mapping[str, Pixels], file: Path) -> list[Path]:
    """Write the contact sheet, on numbered pages where it is long; return the files."""
    files = []
    for start in range(0, len(rows), ROWS_PER_PAGE):
        target = file
        if len(rows) > ROWS_PER_PAGE:
            target = file.with_stem(f"{file.stem}-{start // ROWS_PER_PAGE + 1}")
        page = []
        for label, paths in rows[start : start + ROWS_PER_PAGE]:
            page.append((label, [pixels[path] for path in paths]))
        save_picture(contact_sheet(page, CELL_SIDE), target, quality=90)
        files.append(target)
    return files


def _bars(title: str, counts: Sequence[tuple[object, int]]) -> list[str]:
    most = max((count for _, count in counts), default=0)
    width = max((len(str(name)) for name, _ in counts), default=0)
    lines = [f"{title}:"]
    for name, count in counts:
        bar = "█" * round(BAR_LENGTH * count / max(1, most))
        lines.append(f"  {name!s:>{width}}  {count:6}  {bar}")
    return lines


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
    threads = min(THREADS, os.cpu_count() or 1)
    records = survey(root, files, partial(decode, resize=within(CELL_SIDE)), threads, keep)
    brightness = brightness_of(records)
    tell(describe_data_set(index, records, find_references(index, brightness)))
    for file in write_sheets(sheet_rows(index, brightness), pixels, sheet):
        tell(f"contact sheet: {file}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m zero_dce.data.inspect", description=__doc__)
    parser.add_argument("root", type=Path, help="folder of the data set")
    parser.add_argument("--layout", choices=sorted(LAYOUTS), help=f"default: sice where there is a {SICE_FOLDER}")
    parser.add_argument("--sheet", type=Path, default=Path("contact_sheet.jpg"), help="where the contact sheet goes")
    options = parser.parse_args(arguments)
    # Pillow reads some formats that it does not write.
    if Image.registered_extensions().get(options.sheet.suffix.lower()) not in Image.SAVE:
        parser.error(f"--sheet {options.sheet}: expected the name of an image, as contact_sheet.jpg")
    root: Path = options.root
    is_sice = root.resolve().name == SICE_FOLDER or (root / SICE_FOLDER).is_dir()
    with errors_as_messages():
        inspect(root, options.layout or ("sice" if is_sice else "folder"), options.sheet)


if __name__ == "__main__":
    main()

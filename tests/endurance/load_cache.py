"""Processes that build one cache at the same time, also where the one that builds is killed."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

from tests.endurance.load_sweeps import cache_leftovers
from tests.helpers.pictures import make_picture
from tests.helpers.processes import start_function
from zero_dce.data import cache as module
from zero_dce.data.dataset import Fit

PICTURES = 40
SECONDS = 300


def build(root: Path, cache: Path, said: Path, hang: bool) -> None:
    """Open the cache, and write down whether this process built it and what it read; ``hang`` in the middle."""
    os.environ["ZERO_DCE_CACHE"] = str(cache)
    survey, built = module.survey, []

    def count(*arguments: Any) -> Any:
        built.append(True)
        if hang:
            records = survey(*arguments)
            said.with_suffix(".begun").touch()
            time.sleep(SECONDS)
            return records
        return survey(*arguments)

    module.survey = count  # type: ignore[assignment]
    paths = [f"{number:03d}.png" for number in range(PICTURES)]
    found = module.open_cache(root, paths, Fit(32, None), 1, keep_pixels=True)
    assert found.folder is not None
    pixels = hashlib.sha256((found.folder / module.CACHE_PIXELS).read_bytes()).hexdigest()
    said.write_text(json.dumps({"built": len(built), "pixels": pixels, "pictures": sorted(found.slots)}))


def builder_faults(folder: Path, builders: int, killed: bool) -> Generator[str, None, int]:
    """Yield what goes wrong where several processes ask for one cache; the first may be killed while it builds.

    Returns how many of them have read all that most of them have.
    """
    root, cache = folder / "pictures", folder / "cache"
    root.mkdir()
    for number in range(PICTURES):
        make_picture(number, 0.3).save(root / f"{number:03d}.png")
    first = start_function(build, root, cache, folder / "first", True) if killed else None
    if first:
        _wait_for(folder / "first.begun")
    said = [folder / f"{number}.json" for number in range(builders)]
    processes = [start_function(build, root, cache, file, False) for file in said]
    if first:
        # The others wait for it by now, or will.
        time.sleep(0.5)
        first.kill()
    for process in processes:
        process.join(SECONDS)
        if process.exitcode != 0:
            yield f"a process ended with {process.exitcode}"
            process.kill()
    told = [json.loads(file.read_text()) for file in said if file.exists()]
    if sum(one["built"] for one in told) != 1:
        yield f"the cache was built {sum(one['built'] for one in told)} times"
    read = Counter(json.dumps([one["pixels"], one["pictures"]]) for one in told)
    if len(read) != 1:
        yield "not all read the same"
    if any(len(one["pictures"]) != PICTURES for one in told):
        yield "pictures are missing"
    yield from cache_leftovers(cache)
    return max((count for text, count in read.items() if len(json.loads(text)[1]) == PICTURES), default=0)


def _wait_for(file: Path) -> None:
    until = time.monotonic() + SECONDS
    while not file.exists():
        assert time.monotonic() < until, f"{file.name} never came"
        time.sleep(0.01)

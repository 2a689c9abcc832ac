"""The process that searches, which a crash may end: ``search_child READER FOLDER [FLAG ...]``.

Errors in Python are written to FOLDER and the search goes on; a crash, a hang and too much memory end the process, and
libFuzzer writes the input that did it.
"""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
import shlex
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import atheris

from tests.endurance.isolated import MOST_MEGABYTES, describe_raised, guard_memory
from tests.endurance.reader import Reader

# Packages whose branches guide the search; what else is imported, and what is compiled, does not.
GUIDES = ("zero_dce", "PIL", "tifffile")


def main() -> None:
    """Search until libFuzzer ends the process."""
    name, folder, *flags = sys.argv[1:]
    warnings.simplefilter("ignore")
    reader = load_instrumented(name)
    guard_memory()
    # To choose among inputs libFuzzer starts further processes by this command, with their flags behind it.
    command = shlex.join([sys.executable, "-m", "tests.endurance.search_child", name, folder])
    atheris.Setup(
        [command, *flags, f"-rss_limit_mb={int(resident_megabytes()) + MOST_MEGABYTES}"],
        recorder(reader, Path(folder)),
        custom_mutator=mutator(reader),
    )
    atheris.Fuzz()


def load_instrumented(name: str) -> Reader:
    """Return a reader whose modules count which branches are taken."""
    with atheris.instrument_imports(include=list(GUIDES)):
        from tests.endurance.readers import find_reader

        reader = find_reader(name)
        for module in reader.modules:
            import_below(module)
    return reader


def import_below(module: str) -> None:
    """Import a module, and of a package all that is in it, if it can be imported."""
    top = importlib.import_module(module)
    for found in pkgutil.walk_packages(getattr(top, "__path__", []), f"{module}."):
        try:
            importlib.import_module(found.name)
        except ImportError:
            continue


def recorder(reader: Reader, folder: Path) -> Callable[[bytes], None]:
    """Return the check, which writes the shortest input of each error of Python instead of ending the search."""

    def run(content: bytes) -> None:
        try:
            reader.check(content)
        except Exception as error:
            number = hashlib.sha256(describe_raised(error).encode()).hexdigest()[:12]
            file = folder / f"raised-{number}"
            if not file.exists() or file.stat().st_size > len(content):
                file.write_bytes(content)

    return run


def mutator(reader: Reader) -> Callable[[bytes, int, int], bytes] | None:
    """Return what changes an input and then makes its lengths and checksums right; ``None`` for libFuzzer's own."""
    repair = reader.repair
    if repair is None:
        return None

    def mutate(content: bytes, most: int, seed: int) -> bytes:
        changed = atheris.Mutate(content, most)
        # Wrong checksums are tried too.
        return changed if seed % 8 == 0 else repair(changed)[:most]

    return mutate


def resident_megabytes() -> float:
    """Return the memory that this process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / (1 << 20)


if __name__ == "__main__":
    main()

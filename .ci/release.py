"""Before a release: ``python .ci/release.py v0.1.0``, or ``make release TAG=v0.1.0``.

It checks that the tag, the package, CITATION.cff and CHANGELOG.md name one version, and that the changelog's is dated;
then it builds the source archive and the wheel anew in dist/, and asks twine whether the registry would take them.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Run the command line."""
    if len(sys.argv) != 2:
        sys.exit("which tag is it? python .ci/release.py v0.1.0")
    faults = find_faults(sys.argv[1])
    if faults:
        sys.exit("\n".join(faults))
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    subprocess.run([sys.executable, "-m", "build", str(ROOT)], check=True)
    archives = [str(file) for file in sorted((ROOT / "dist").iterdir())]
    subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *archives], check=True)


def find_faults(tag: str) -> list[str]:
    """Return what keeps a tag from being released, a sentence each."""
    version, faults = read_version(), []
    if tag != f"v{version}":
        faults.append(f"the tag is {tag}, and zero_dce.__version__ is {version}: expected v{version}")
    cited = find("CITATION.cff", r"^version: (.+)$")
    if cited != version:
        faults.append(f"CITATION.cff has version {cited}; expected {version}")
    heading = find("CHANGELOG.md", r"^## (.+)$")
    if not re.fullmatch(rf"{re.escape(version)} \(\d{{4}}-\d\d-\d\d\)", heading):
        faults.append(
            f"CHANGELOG.md begins with {heading!r}; expected '{version} (YYYY-MM-DD)', the day of the release"
        )
    return faults


def read_version() -> str:
    """Return the version of the package, which is written in one place."""
    return find("zero_dce/__init__.py", r'^__version__ = "(.+)"$')


def find(file: str, pattern: str) -> str:
    """Return what the first line of a pattern says in a file of the checkout."""
    found = re.search(pattern, (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise ValueError(f"{file} has no line as {pattern}")
    return found[1]


if __name__ == "__main__":
    main()

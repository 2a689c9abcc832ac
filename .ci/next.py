"""Run the tests with the next versions of what the package is built on: ``python .ci/next.py``, or ``make test-next``.

It needs Python alone: it makes the environment ``.venv-next`` from constraints-next.txt (with uv where that is
installed, else with pip), runs the tests there, and leaves next-report.txt: the versions, how many tests passed, and
the names of those that failed. It ends with 1 if one failed. With ``--upgrade`` the newest versions are looked up,
pre-releases of Hydra and OmegaConf among them, and written to constraints-next.txt. Further arguments are pytest's.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = ROOT / ".venv-next"
CONSTRAINTS = ROOT / "constraints-next.txt"
REPORT = ROOT / "next-report.txt"
# What a report names. In these two, a version that names a pre-release admits pre-releases.
PRE_RELEASES = ("hydra-core>=1.4.0.dev0", "omegaconf>=2.4.0.dev0")
REPORTED = ("hydra-core", "omegaconf", "torch", "lightning", "torchmetrics", "wandb", "numpy")
HEADER = "# The next versions, as .ci/next.py --upgrade found them; the tests run with them in make test-next.\n"
# Each machine has its own build of PyTorch, and what that needs.
OF_THE_BUILD = ("nvidia-", "cuda-", "triton", "zero-dce-lightning")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upgrade", action="store_true", help="look the newest versions up, and write them down")
    options, for_pytest = parser.parse_known_args(arguments)
    try:
        python = make_environment(ENVIRONMENT, options.upgrade)
        versions = installed_versions(python)
    except subprocess.CalledProcessError as error:
        write(REPORT, f"{headline()}\nnot installed: {' '.join(map(str, error.cmd))} ended with {error.returncode}\n")
        return 1
    if options.upgrade:
        write(CONSTRAINTS, HEADER + "".join(f"{pin}\n" for pin in pins(versions)))
    code, text = run_tests(python, for_pytest)
    report = "\n".join([headline(), *(f"{name} {versions[name]}" for name in REPORTED), text, ""])
    write(REPORT, report)
    print(report, end="")
    return code


def headline() -> str:
    """Say when and where the report was made."""
    return f"{time.strftime('%Y-%m-%d %H:%M')}, Python {platform.python_version()}, {platform.system()}"


def make_environment(folder: Path, upgrade: bool) -> Path:
    """Make the environment anew and return its interpreter.

    Raises:
        subprocess.CalledProcessError: if something cannot be installed.
    """
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = list(PRE_RELEASES) if upgrade else ["--constraint", str(CONSTRAINTS)]
    wanted += ["--editable", f"{ROOT}[dev]"]
    uv = shutil.which("uv")
    if uv:
        run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)])
        run([uv, "pip", "install", "--quiet", "--python", str(python), *wanted])
    else:
        run([sys.executable, "-m", "venv", "--clear", str(folder)])
        run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted])
    return python


def run(command: Sequence[str]) -> None:
    """Run a command; its output is this one's."""
    subprocess.run(command, check=True, cwd=ROOT)


def installed_versions(python: Path) -> dict[str, str]:
    """Return the version of each distribution in an environment, by its name in lower case, with hyphens."""
    code = (
        "from importlib.metadata import distributions as d; print(*{f'{x.name}={x.version}' for x in d()}, sep='\\n')"
    )
    listed = subprocess.run([str(python), "-c", code], check=True, capture_output=True, text=True, cwd=ROOT).stdout
    pairs = (line.partition("=") for line in listed.splitlines())
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, _, version in pairs}


def pins(versions: dict[str, str]) -> list[str]:
    """Return the lines of a constraints file; a build's own mark, as in 2.13.0+cpu, is left out."""
    kept = {name: version.partition("+")[0] for name, version in versions.items() if not name.startswith(OF_THE_BUILD)}
    return [f"{name}=={version}" for name, version in sorted(kept.items()) if name != "pip"]


def run_tests(python: Path, arguments: Sequence[str]) -> tuple[int, str]:
    """Run pytest and return its exit code, 0 or 1, and what became of the tests."""
    results = ENVIRONMENT / "results.xml"
    results.unlink(missing_ok=True)
    command = [str(python), "-m", "pytest", "-q", "-n", "2", "--dist", "worksteal", f"--junitxml={results}", *arguments]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False)
    if not results.is_file():
        return 1, f"pytest ended with {done.returncode} and left no results"
    return min(done.returncode, 1), describe(results)


def describe(results: Path) -> str:
    """Return how many tests passed, failed and were skipped, and the names of those that failed."""
    cases = list(ElementTree.parse(results).iter("testcase"))
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = sum(case.find("skipped") is not None for case in cases)
    seconds = sum(float(case.get("time", 0)) for case in cases)
    counts = f"{len(cases) - len(failed) - skipped} passed, {len(failed)} failed, {skipped} skipped"
    names = [f"FAILED {case.get('classname')}::{case.get('name')}" for case in failed]
    return "\n".join([f"{counts} ({seconds:.0f} s of tests)", *names])


def write(file: Path, text: str) -> None:
    """Write a file whole or not at all."""
    unfinished = file.with_name(f"{file.name}.unfinished")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(file)


if __name__ == "__main__":
    sys.exit(main())

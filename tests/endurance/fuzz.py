"""Hostile input by search: every reader is given mutated files, guided by the branches of the code that they reach.

``python -m tests.endurance.fuzz [--reader NAME ...] [--minutes 60] [--seed N]`` writes ``tests/endurance/fuzz.md`` and
exits with 1 if a reader did what it must not do: it returns, or raises its documented error, within 10 seconds of
processor time and 500 MB, and never ends the process. The search needs atheris (``pip install -e '.[fuzz]'``).

Inputs that reach something new are kept in ``build/fuzz/READER/corpus``, and the next search starts from them; what
fails lies in ``build/fuzz/READER/failed``. What ended the search and passes by itself lies in ``not-repeated``: other
processes may have been the cause, but a crash among it is a failure too. ``--reduce`` writes the smallest of the kept
inputs that reach the same to ``tests/endurance/corpora``, which ``test_fuzz.py`` reads in each run of the tests.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.endurance.fuzz_table import Row, write_table
from tests.endurance.isolated import MOST_SECONDS, Outcome, run_all, run_isolated
from tests.endurance.reader import CORPORA, Reader
from tests.endurance.readers import all_readers, find_reader

WORK = Path("build", "fuzz")
# A file of the committed corpus, and all of a reader's, are no larger.
MOST_FILE_BYTES, MOST_CORPUS_BYTES = 20_000, 14_000
# A process that goes on for so much longer than it was told to is stuck.
END_SECONDS = 1200
EXECUTED = re.compile(r"stat::number_of_executed_units:\s+(\d+)")
STEPS = re.compile(r"^#(\d+)\s", re.MULTILINE)


@dataclass
class Search:
    """What the search in one reader has done.

    Attributes:
        reader: see :class:`Reader`.
        folder: where its inputs lie.
        executions: how many inputs it was given.
        seconds: how long it took.
        failed: the inputs that fail, by what is wrong.
        not_repeated: how many inputs ended the search, or raised or were slow in it, but pass by themselves; by kind.
    """

    reader: Reader
    folder: Path
    executions: int = 0
    seconds: float = 0.0
    failed: dict[str, Path] = field(default_factory=dict)
    not_repeated: Counter[str] = field(default_factory=Counter)

    @property
    def corpus(self) -> Path:
        """The folder of inputs that reach something new."""
        return self.folder / "corpus"

    @property
    def failures(self) -> int:
        """How many defects there are; a crash that does not repeat is one."""
        return len(self.failed) + self.not_repeated["crash"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reader", nargs="+", metavar="NAME", help="readers; all, if none is named")
    parser.add_argument("--minutes", type=float, default=60, help="for all readers together (default: 60)")
    parser.add_argument("--seed", type=int, default=1, help="of the mutations (default: 1)")
    parser.add_argument("--work", type=Path, default=WORK, help=f"where inputs are kept (default: {WORK})")
    parser.add_argument("--also", type=Path, nargs="+", default=[], help="further files to start from")
    parser.add_argument("--reduce", action="store_true", help="write the committed corpora, and search no more")
    parser.add_argument("--replay", action="store_true", help="read the committed corpora, and search no more")
    options = parser.parse_args(arguments)
    readers = [find_reader(name) for name in options.reader] if options.reader else all_readers()
    if options.reduce:
        for reader in readers:
            reduce_corpus(Search(reader, options.work / reader.name))
        return 0
    if options.replay:
        return replay(readers)
    failures = 0
    for reader in readers:
        found = search(reader, options.work, options.minutes / len(readers) * 60, options.seed, options.also)
        print(f"{reader.name}: {found.executions} executions, {found.failures} failed", *found.failed, flush=True)
        print(*(f"not repeated: {number} {kind}\n" for kind, number in found.not_repeated.items()), sep="", end="")
        write_table([row_of(found)])
        failures += found.failures
    return 1 if failures else 0


def replay(readers: Sequence[Reader]) -> int:
    """Read the committed corpora and the readers' own files; print what is wrong with each; return the exit code."""
    failures = 0
    for reader in readers:
        inputs = {file.name: file.read_bytes() for file in reader.corpus()}
        inputs |= {f"seed {number}": content for number, content in enumerate(reader.seeds())}
        for name, outcome in zip(inputs, run_all(reader.check, list(inputs.values())), strict=True):
            failures += bool(outcome.problem)
            print(reader.name, name, outcome.problem or "passed", sep="\t", flush=True)
            print(outcome.report, end="", file=sys.stderr)
    return 1 if failures else 0


def search(reader: Reader, work: Path, seconds: float, seed: int, also: Sequence[Path] = ()) -> Search:
    """Search in one reader for so many seconds; a process that ends is started again."""
    found = Search(reader, work / reader.name)
    fill_corpus(found, also)
    begin = time.monotonic()
    while (left := seconds - (time.monotonic() - begin)) > 1:
        log = run_child(found, left, seed)
        seed += 1
        count = executions_of(log)
        if not count:
            raise RuntimeError(f"the search in {reader.name} does not start:\n{log[-3000:]}")
        found.executions += count
        sift(found)
    found.seconds = time.monotonic() - begin
    check_kept(found)
    return found


def fill_corpus(found: Search, also: Sequence[Path]) -> None:
    """Put the reader's own files, the committed ones and further ones where the search starts."""
    found.corpus.mkdir(parents=True, exist_ok=True)
    for name in ("ended", "failed"):
        shutil.rmtree(found.folder / name, ignore_errors=True)
        (found.folder / name).mkdir()
    (found.folder / "not-repeated").mkdir(exist_ok=True)
    seeds = [*found.reader.seeds(), *(file.read_bytes() for file in [*found.reader.corpus(), *also])]
    for content in seeds:
        if len(content) <= found.reader.longest:
            (found.corpus / hashlib.sha1(content).hexdigest()).write_bytes(content)
    lines = ['"' + "".join(rf"\x{byte:02x}" for byte in token) + '"\n' for token in found.reader.tokens]
    (found.folder / "tokens.dict").write_text("".join(lines))


def run_child(found: Search, seconds: float, seed: int) -> str:
    """Run the process that searches, and return what it wrote."""
    folder = found.folder.resolve()
    flags = [
        f"-max_total_time={int(seconds)}",
        f"-seed={seed}",
        f"-max_len={found.reader.longest}",
        # The clock runs on while other processes work: what is slow by it is measured by itself afterwards. The first
        # ends the search, but is looked at only now and then; the second writes what that has missed.
        f"-timeout={MOST_SECONDS}",
        f"-report_slow_units={MOST_SECONDS}",
        f"-artifact_prefix={folder / 'ended'}/",
        *([f"-dict={folder / 'tokens.dict'}"] if found.reader.tokens else []),
        "-print_final_stats=1",
        str(folder / "corpus"),
    ]
    command = [sys.executable, "-m", "tests.endurance.search_child", found.reader.name, str(folder / "ended"), *flags]
    # Loading the libraries comes on top of the seconds of the search.
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", check=False, timeout=seconds + END_SECONDS
    )
    return done.stdout + done.stderr


def executions_of(log: str) -> int:
    """Return how many inputs a process was given; after some ends only the last line of progress says it."""
    numbers = [int(number) for number in EXECUTED.findall(log) or STEPS.findall(log)]
    return max(numbers, default=0)


def sift(found: Search) -> None:
    """Try what ended the process, was slow, or raised, by itself; keep what fails again, and apart what does not."""
    for file in sorted((found.folder / "ended").glob("*")):
        content = file.read_bytes()
        outcome = run_isolated(found.reader.check, content)
        if outcome.problem:
            file.unlink()
            keep_failure(found, content, outcome)
        else:
            # The names begin with crash, timeout, oom, slow-unit (libFuzzer's) or raised (the recorder's).
            found.not_repeated[file.name.partition("-")[0]] += 1
            file.replace(found.folder / "not-repeated" / file.name)


def check_kept(found: Search) -> None:
    """Measure what the search has kept: it looks at the memory only now and then."""
    contents = [file.read_bytes() for file in sorted(found.corpus.glob("*"))]
    for content, outcome in zip(contents, run_all(found.reader.check, contents), strict=True):
        if outcome.problem:
            keep_failure(found, content, outcome)


def keep_failure(found: Search, content: bytes, outcome: Outcome) -> None:
    """Write the shortest input that fails in the same way, and the traceback, unless there is one already."""
    if outcome.problem in found.failed:
        return
    short = shorten(found.reader, content, outcome.problem)
    name = re.sub(r"\W+", "-", outcome.problem)[:80]
    file = found.folder / "failed" / name
    file.write_bytes(short)
    file.with_suffix(".txt").write_text(f"{outcome.problem}\n{outcome.report}")
    found.failed[outcome.problem] = file


def shorten(reader: Reader, content: bytes, problem: str, most_tries: int = 200) -> bytes:
    """Take pieces out of an input, smaller and smaller ones, as long as it fails in the same way."""
    piece, tries = max(1, len(content) // 2), 0
    while piece and tries < most_tries and not problem.startswith("hang"):
        start, shorter = 0, False
        while start < len(content) and tries < most_tries:
            without = content[:start] + content[start + piece :]
            tries += 1
            if run_isolated(reader.check, without).problem == problem:
                content, shorter = without, True
            else:
                start += piece
        if not shorter:
            piece //= 2
    return content


def reduce_corpus(found: Search) -> None:
    """Write the smallest inputs that reach the same branches to the committed corpus, as many as fit."""
    folder, target = found.folder.resolve(), CORPORA / found.reader.name
    merged = folder / "merged"
    shutil.rmtree(merged, ignore_errors=True)
    merged.mkdir()
    flags = ["-set_cover_merge=1", f"-max_len={found.reader.longest}", f"-artifact_prefix={folder}/merge-"]
    command = [sys.executable, "-m", "tests.endurance.search_child", found.reader.name, str(folder)]
    command += [*flags, str(merged), str(found.corpus.resolve())]
    subprocess.run(command, capture_output=True, check=False, timeout=END_SECONDS)
    target.mkdir(parents=True, exist_ok=True)
    for old in target.glob("*"):
        if not old.name.startswith("mended-"):
            old.unlink()
    left = MOST_CORPUS_BYTES
    # A set cover names its files in the order in which they were chosen only on its log; small ones first is as good.
    for file in sorted(merged.glob("*"), key=lambda file: file.stat().st_size):
        size = file.stat().st_size
        if size <= min(left, MOST_FILE_BYTES):
            left -= size
            shutil.copy(file, target / file.name[:12])
    print(f"{found.reader.name}: {len(list(target.glob('*')))} files, {MOST_CORPUS_BYTES - left} bytes")


def row_of(found: Search) -> Row:
    """Return the row of the table."""
    mended = [file for file in found.reader.corpus() if file.name.startswith("mended-")]
    return Row(
        found.reader.name,
        f"{found.seconds / 60:.1f}",
        str(found.executions),
        str(len(list(found.corpus.glob("*")))),
        "; ".join(sorted(found.failed)) or "none",
        "; ".join(f"{number} {kind}" for kind, number in sorted(found.not_repeated.items())) or "none",
        str(len(mended)),
    )


if __name__ == "__main__":
    sys.exit(main())

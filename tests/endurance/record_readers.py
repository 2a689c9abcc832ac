"""The readers of what runs and sweeps leave, of picked folders, and of votes."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.endurance.reader import Reader, documented, require, scratch
from tests.endurance.record_folders import BEFORE, JSON_TOKENS, RUN, YAML_TOKENS, kept, of, of_sweep, sweep_template
from zero_dce.files import write_json

PICKED = BEFORE / "picked"
CONFIG, OVERRIDES, SETTINGS = (f"0/.hydra/{name}.yaml" for name in ("config", "overrides", "hydra"))
RECORDS, REVIEW = "zero_dce.records", "zero_dce.review"
RESUMING = (RECORDS, "zero_dce.train.command_line", "zero_dce.train.stored", "zero_dce.train.targets")


def check_sweep(name: str, place: str, content: bytes) -> None:
    """Read a sweep of which one file is this: its table, its page, its runs' names."""
    from zero_dce.records.sweep import read_sweep, run_name
    from zero_dce.records.table import format_table, group_seeds, write_csv
    from zero_dce.review.collect import collect
    from zero_dce.review.report import build_page

    folder = kept(name, sweep_template())
    file = folder / place
    file.write_bytes(content)
    named = Path(place).name
    with documented(named, ValueError):
        rows = read_sweep(folder)
        format_table(rows)
        group_seeds(rows)
        write_csv(folder / "sweep.csv", rows)
    with documented(named, ValueError):
        require("<html" in build_page(collect(folder), [], "."), "no page")
    with documented(named, ValueError):
        run_name(folder / "0")


def check_pick(place: str, content: bytes) -> None:
    """Pick a run of which one file is this."""
    from zero_dce.records.run import read_rows
    from zero_dce.review.pick import choose, describe_origin, measures_at

    folder = kept(f"pick-{Path(place).name}", BEFORE)
    (folder / "0" / "checkpoints" / "step-000060.ckpt").touch()
    (folder / place).write_bytes(content)
    with documented(Path(place).name, ValueError):
        choice = choose(folder, "0", 60)
        write_json(folder / "origin.json", describe_origin(choice, folder, ""))
        write_json(folder / "measures.json", measures_at(read_rows(choice.run), 60))


def check_resume(place: str, content: bytes) -> None:
    """Bring resume= of a sweep and of its run into the form that Hydra reads; one file is this."""
    from zero_dce.train.command_line import expand_resume

    folder = kept(f"resume-{Path(place).name}", BEFORE)
    (folder / place).write_bytes(content)
    for resumed in (folder, folder / "0"):
        with documented("", ValueError):
            lines = expand_resume([f"resume={resumed}"])
            require(all(isinstance(line, str) for line in lines), "arguments that are no text")


def check_picked(place: str, content: bytes) -> None:
    """Publish a picked folder of which one file is this, and look for the pictures that it was trained on."""
    from zero_dce.evaluate.overlap import training_files
    from zero_dce.review.card import model_card
    from zero_dce.review.published import public_config, public_origin, read_picked

    folder = kept(f"picked-{place}", PICKED)
    (folder / place).write_bytes(content)
    with documented(place, ValueError):
        picked = read_picked(folder)
        card = model_card(picked, "me/night", "mit", True) + public_config(picked.config)
        (card + json.dumps(public_origin(picked.origin))).encode()
    with documented(place, ValueError):
        training_files(folder)


def check_votes(content: bytes) -> None:
    from zero_dce.review.bradley_terry import rank
    from zero_dce.review.rank import VOTE_SHARES, describe_ranking, read_votes

    file = scratch() / "votes.json"
    file.write_bytes(content)
    with documented(str(file), ValueError):
        names, votes = read_votes(file)
        ranking = rank(len(names), [(left, right, VOTE_SHARES[choice]) for left, right, choice in votes])
        describe_ranking(names, votes, ranking).encode()


def votes() -> Iterator[bytes]:
    candidates = [{"run": 0, "name": "exp=3", "step": 10}, {"run": 1, "name": "exp=10", "step": 10}]
    vote = {"left": 0, "right": 1, "picture": "00", "photograph": "a", "choice": "left", "equal_exposure": True}
    yield json.dumps({"candidates": candidates, "votes": [vote, {**vote, "choice": "equal"}]}).encode()


def check_small_records(content: bytes) -> None:
    """Read what services and SLURM call runs, and a count."""
    from zero_dce.files import read_object
    from zero_dce.train.loggers.tracker import read_id, read_ids

    file = scratch() / "small"
    file.write_bytes(content)
    for shape in ({str: str}, {"without_a_step": int}):
        with documented(str(file), ValueError):
            read_object(file, shape)
    for read in (read_id, read_ids):
        with documented(str(file), ValueError):
            found = read(file)
            for one in found if isinstance(found, list) else [found or "a"]:
                require(one.isprintable() and ".." not in one and not {*one} & {*"/\\#?%:*[]"}, "no id")


def of_place(check: Callable[[str, bytes], None], place: str) -> Callable[[bytes], None]:
    """Return a check of one file in a folder."""
    return functools.partial(check, place)


def of_runs(name: str, place: str) -> Callable[[bytes], None]:
    """Return the check of one file in a sweep."""
    return functools.partial(check_sweep, name, place)


IDS = (b'{"0": "123"}', b'{"without_a_step": 2}', b"a1b2-c3\n", b"a\nb\n")
OVERRIDE_TOKENS = (*YAML_TOKENS, b"choice(1,2)", b"a={b:[1]}", b"~a", b"hydra.searchpath=", b"a/b@c=../d")
READERS = (
    Reader("sweep-plan", of_runs("plan", "sweep.json"), of(BEFORE / "sweep.json"), (RECORDS, REVIEW), JSON_TOKENS),
    Reader("sweep-result", of_runs("result", "0/result.json"), of(RUN / "result.json"), (RECORDS, REVIEW), JSON_TOKENS),
    Reader("sweep-config", of_runs("config", CONFIG), of_sweep(CONFIG), (RECORDS, REVIEW), YAML_TOKENS),
    Reader("sweep-overrides", of_runs("over", OVERRIDES), of_sweep(OVERRIDES), (RECORDS, REVIEW), OVERRIDE_TOKENS),
    Reader("sweep-metrics", of_runs("metrics", "0/metrics.csv"), of_sweep("0/metrics.csv"), (RECORDS, REVIEW)),
    Reader(
        "pick-environment",
        of_place(check_pick, "0/environment.json"),
        of(RUN / "environment.json"),
        (RECORDS, REVIEW),
        JSON_TOKENS,
    ),
    Reader("picked-origin", of_place(check_picked, "origin.json"), of(PICKED / "origin.json"), (REVIEW,), JSON_TOKENS),
    Reader(
        "picked-measures", of_place(check_picked, "measures.json"), of(PICKED / "measures.json"), (REVIEW,), JSON_TOKENS
    ),
    Reader("picked-config", of_place(check_picked, "config.yaml"), of(PICKED / "config.yaml"), (REVIEW,), YAML_TOKENS),
    Reader("resume-plan", of_place(check_resume, "sweep.json"), of(BEFORE / "sweep.json"), RESUMING, JSON_TOKENS),
    Reader("resume-overrides", of_place(check_resume, OVERRIDES), of(BEFORE / OVERRIDES), RESUMING, OVERRIDE_TOKENS),
    Reader("resume-hydra", of_place(check_resume, SETTINGS), of(BEFORE / SETTINGS), RESUMING, YAML_TOKENS),
    Reader("votes", check_votes, votes, (REVIEW,), JSON_TOKENS),
    Reader("small-records", check_small_records, lambda: IDS, ("zero_dce.train.loggers",), JSON_TOKENS),
)

"""Records, weights, tables and requests of anybody: who reads what, and what reading may do."""

from __future__ import annotations

import ast
import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.endurance import record_readers, service_readers, table_readers, weight_readers
from tests.test_structure import MODULES

# Calls that take something from a file, by the last part of their names; `open` counts where it may read.
READING = {
    *("read_json", "read_object", "read_yaml", "read_text", "read_bytes", "load", "loads", "load_file", "safe_open"),
    *("deserialize", "memmap", "fromfile", "frombuffer", "DictReader", "reader", "parse", "genops", "ZipFile", "open"),
    *("load_param", "InferenceSession", "read_model", "compile_model", "JournalStorage", "RDBStorage", "parse_rows"),
    *("load_state_dict", "load_from_checkpoint", "load_checkpoint", "unpack", "unpack_from", "select_option"),
}
# The registry of all would import that of pictures, which lowers Pillow's limits.
ROOMS = (record_readers, service_readers, table_readers, weight_readers)
READERS = {reader.name: reader for room in ROOMS for reader in room.READERS}
PICTURES = "pictures and clips: tests/endurance/picture_readers.py"
OWN = "a file of the package itself"
WRITTEN_NOW = "what the same command has just written"
# Each module that reads, and the readers of the search that reach it, or why no stranger's bytes do.
READ_BY: dict[str, tuple[str, ...] | str] = {
    "app.answers": "a ZIP is written",
    "app.space": OWN,
    "data.cache": ("data-cache",),
    "data.index": ("data-pairs",),
    "data.sample": OWN,
    "data.split": ("data-manifest",),
    "data.survey": "bytes are counted; the pixels are read by images",
    "enhance.graph.onnxruntime": "a graph in memory that this process has made",
    "enhance.graph.openvino": "a graph in memory that this process has made",
    "enhance.video.clip": PICTURES,
    "enhance.video.opening": PICTURES,
    "evaluate.overlap": ("picked-origin", "picked-config", "data-manifest"),
    "export.darktable": WRITTEN_NOW,
    "export.formats": WRITTEN_NOW,
    "export.int8": WRITTEN_NOW,
    "export.ncnn": ("ncnn-param",),
    "export.provenance": OWN,
    "export.write": WRITTEN_NOW,
    "files": ("small-records", "sweep-plan"),
    "hardware": "/proc, which the system writes",
    "metrics.niqe": OWN,
    "networks": "arrays that weights has checked",
    "records.checkpoint": ("weights-pickle", "weights-zip", "weights-old"),
    "records.configuration": ("sweep-config", "sweep-overrides", "resume-hydra"),
    "records.growing": ("metrics",),
    "records.run": ("sweep-result", "pick-environment", "metrics", "sweep-metrics"),
    "records.sweep": ("sweep-plan", "sweep-overrides"),
    "remote_weights": ("small-records",),
    "review.card": ("picked-config", "picked-origin", "picked-measures"),
    "review.cells": PICTURES,
    "review.collect": ("sweep-plan", "sweep-config", "sweep-result", "sweep-metrics"),
    "review.pick": ("pick-environment", "sweep-config", "weights-zip"),
    "review.published": ("picked-config", "picked-origin", "picked-measures"),
    "review.rank": ("votes",),
    "review.report": OWN,
    "review.serve": "a browser is opened",
    "review.server": ("request",),
    "review.upload": ("picked-config",),
    "sweep.launching.job": ("sweep-config",),
    "sweep.launching.processes": "a log is written",
    "sweep.launching.slurm": ("small-records",),
    "sweep.launching.slurm_task": ("small-records",),
    "sweep.search.storage": ("study-journal",),
    "train.command_line": ("resume-hydra", "resume-plan", "resume-overrides"),
    "train.composed": "the package's own conf/",
    "train.configuration": "a variable that the process before has set",
    "train.loggers.tracker": ("small-records",),
    "train.resuming": ("weights-pickle", "weights-zip", "weights-old"),
    "train.run": "a checkpoint that train.resuming has read, as weights only",
    "train.stopping": ("small-records",),
    "train.targets": "the package's own conf/",
    "weights": ("weights-pickle", "weights-zip", "weights-old", "weights-safetensors"),
}
# Rooms of readers that have a search of their own.
OTHER_ROOMS = ("images.",)


def calls(module: str) -> Iterator[str]:
    """The reading calls in a module, as they are written there."""
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            from_checkpoint = any(keyword.arg == "ckpt_path" for keyword in node.keywords)
            if from_checkpoint or (name in READING and not (name == "open" and writes(node))):
                yield ast.unparse(node)


def writes(call: ast.Call) -> bool:
    """Whether a call of open is only for writing."""
    modes = [part.value for part in call.args if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return any(set(mode) & set("wax") and set(mode) <= set("wax+bt") for mode in modes)


def test_every_module_that_reads_is_searched_or_says_why_not() -> None:
    own = [module for module in MODULES if not module.startswith(OTHER_ROOMS)]
    reading = {module: found for module in own if (found := list(calls(module)))}
    assert {module: found for module, found in reading.items() if module not in READ_BY} == {}
    assert sorted(READ_BY.keys() - reading.keys()) == []
    named = {name for readers in READ_BY.values() if isinstance(readers, tuple) for name in readers}
    assert named - READERS.keys() == set()


# What stands in the place of a value: of every kind, and nasty ones of each.
NASTY = [None, True, 0, -1, 3.5, 1e308, 2**62, 2**70, "", "x", "\0", "../../x", "/etc/passwd", "\ud800", [], {}, [[]]]
NASTY += [
    "x" * 5000,
    [None],
    [1],
    ["a=1"],
    {"a": None},
    {"": {}},
    [[1]] * 3,
    float("nan"),
    float("inf"),
    "${a}",
    "a=[[",
]
VALUES = st.sampled_from(NASTY) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(content: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a value, from the whole to the parts."""
    yield place
    inner = content.items() if isinstance(content, dict) else enumerate(content if isinstance(content, list) else ())
    for key, value in inner:
        yield from places(value, (*place, key))


def with_value(content: Any, place: tuple[Any, ...], value: Any, gone: bool) -> Any:
    """The content with another value in a place, or without what is there."""
    if not place:
        return value
    changed = copy.deepcopy(content)
    inner = changed
    for key in place[:-1]:
        inner = inner[key]
    if gone:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return changed


# Its first check imports the loggers, which takes seconds.
SMALL_RECORDS = pytest.param("small-records", marks=pytest.mark.slow)
JSON_READERS = (
    *("sweep-plan", "sweep-result", "pick-environment", "picked-origin", "picked-measures", "resume-plan", "votes"),
    *("data-manifest", "data-cache", SMALL_RECORDS),
)
YAML_READERS = ("sweep-config", "sweep-overrides", "picked-config", "resume-overrides", "resume-hydra")


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("name", [*JSON_READERS, *YAML_READERS])
@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_value_in_any_place_is_read_or_refused(name: str, data: st.DataObject) -> None:
    """As the search does, but by the structure: the property is that of the reader's check."""
    reader = READERS[name]
    seeds = [seed for seed in reader.seeds() if seed[:1] in b"{[" or name in YAML_READERS]
    content = yaml.safe_load(data.draw(st.sampled_from(seeds)))
    place = data.draw(st.sampled_from(list(places(content))))
    changed = with_value(content, place, data.draw(VALUES), gone=bool(place) and data.draw(st.booleans()))
    text = yaml.safe_dump(changed) if name in YAML_READERS else json.dumps(changed)
    reader.check(text.encode(errors="surrogatepass"))


HOSTILE_JSON = {
    "deep": b"[" * 100_000,
    "deep object": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "number of a million digits": b'{"jobs": ' + b"9" * 1_000_000 + b"}",
    "float of a million digits": b'{"jobs": 0.' + b"9" * 1_000_000 + b"}",
    "twice": b'{"jobs": [], "swept": [], "jobs": 5}',
    "half a character": b'{"jobs": [["a=\\ud800"]], "swept": []}',
    "not finite": b'{"jobs": NaN, "swept": [Infinity]}',
    "too large to be finite": b'{"jobs": [1e999], "swept": [-1e999]}',
    # A sweep has at most 100,000 runs.
    "many": b'{"jobs": [' + b"[]," * 100_000 + b'[]], "swept": []}',
    "no text": b"\xff\xfe\x00",
    "nul": b"\x00" * 1000,
    "empty": b"",
    "long name": b'{"' + b"x" * 1_000_000 + b'": 1}',
}


@pytest.mark.parametrize("name", ["sweep-plan", "data-cache", "votes", SMALL_RECORDS])
@pytest.mark.parametrize("kind", HOSTILE_JSON)
def test_hostile_json_is_refused(name: str, kind: str) -> None:
    READERS[name].check(HOSTILE_JSON[kind])

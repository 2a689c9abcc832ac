"""The readers of tables: metrics, pairs of pictures, splits, the cache of pixels, an exported network's lines."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import torch

from tests.endurance.reader import Reader, documented, require, scratch
from tests.endurance.record_folders import JSON_TOKENS, RUN, of, of_sweep

DATA = ("zero_dce.data", "zero_dce.records")


def check_metrics(content: bytes) -> None:
    """Read metrics.csv whole, and as it grows; both are the same of whole lines."""
    from zero_dce.records.growing import GrowingRows
    from zero_dce.records.run import METRICS, last_values, read_rows

    file = scratch() / "metrics" / METRICS
    file.parent.mkdir(exist_ok=True)
    growing = GrowingRows(file.parent)
    for end in (len(content) // 2, len(content)):
        file.write_bytes(content[:end])
        with documented(str(file), ValueError):
            growing.read()
    with documented(str(file), ValueError):
        rows = read_rows(file.parent)
        last_values(rows)
        if content.endswith(b"\n") and b'"' not in content and b"\r" not in content:
            require(repr(growing.read()) == repr(rows), "other rows as the file grows")


def check_pairs(content: bytes) -> None:
    from zero_dce.data.index import read_pairs_file, stays_inside

    root = scratch() / "pairs"
    root.mkdir(exist_ok=True)
    for name in ("a.png", "b.png"):
        (root / name).touch()
    file = root / "pairs.csv"
    file.write_bytes(content)
    with documented(str(file), ValueError):
        pairs = read_pairs_file(file, root, only_inside=True)
        require(all(map(stays_inside, [*pairs, *pairs.values()])), "a picture outside of the folder")


def check_manifest(content: bytes) -> None:
    from zero_dce.data.index import Frame
    from zero_dce.data.split import make_split, outside

    root = scratch() / "manifest"
    root.mkdir(exist_ok=True)
    (root / "split.json").write_bytes(content)
    entries = [Frame(f"{scene}/{number}.JPG", str(scene)) for scene in (1, 2) for number in (1, 2)]
    for fraction in (0, 0.25):
        with documented("split.json", ValueError):
            outside(make_split(entries, root, fraction, "file", manifest="split.json"), entries)


def check_cache(content: bytes) -> None:
    """Open a cache whose table this is: it is refused, or each picture of it can be had."""
    from zero_dce.data import cache as module

    folder = scratch() / "pixels-1"
    folder.mkdir(exist_ok=True)
    (folder / module.CACHE_TABLE).write_bytes(content)
    (folder / module.CACHE_PIXELS).write_bytes(bytes(2 * 48))
    logging.disable()
    try:
        found = module._find(folder, ["a.png", "b.png"])
    finally:
        logging.disable(logging.NOTSET)
    if found is not None:
        picture = found.pixels("disk", torch.device("cpu"))
        for record in found.records:
            require(record.bad is not None or picture(record.path).ndim == 3, "no picture")


def tables() -> Iterator[bytes]:
    record = {"bad": None, "notices": ["x"], "width": 4, "height": 4, "brightness": 0.25}
    records = [{"path": path, **record} for path in ("a.png", "b.png")]
    yield json.dumps({"bytes": 96, "records": records, "slots": {"a.png": [0, 4, 4], "b.png": [48, 4, 4]}}).encode()
    yield json.dumps({"bytes": 96, "records": [{**one, "bad": "no"} for one in records], "slots": {}}).encode()


def check_ncnn(content: bytes) -> None:
    from zero_dce.export.ncnn import read_ncnn_metadata

    file = scratch() / "a.param"
    file.write_bytes(content)
    with documented(str(file), ValueError):
        read_ncnn_metadata(file)


PAIRS_TOKENS = (b"../", b"\x00", b'"', b"/etc/passwd", b"\xef\xbb\xbf", b"C:\\", b"reference")
READERS = (
    Reader(
        "metrics",
        check_metrics,
        of_sweep("0/metrics.csv"),
        DATA,
        (b"nan", b"inf", b"1e999", b"\x00", b'"\n"', b"step,", b"\n-1,", b"\r"),
    ),
    Reader("data-pairs", check_pairs, lambda: [b"low,reference\r\na.png,b.png\r\n"], DATA, PAIRS_TOKENS),
    Reader("data-manifest", check_manifest, of(RUN / "split.json"), DATA, JSON_TOKENS),
    Reader("data-cache", check_cache, tables, DATA, JSON_TOKENS),
    Reader("ncnn-param", check_ncnn, lambda: [b"7767517\n1 1\nInput a=b&c=%20 0 1 x\n"], ("zero_dce.export.ncnn",)),
)

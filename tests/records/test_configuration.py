from __future__ import annotations

import re
from pathlib import Path

import pytest
from omegaconf import DictConfig, ListConfig

from zero_dce.records.configuration import parse_stored, read_yaml, select_option

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 10)}]\n" for number in range(1, 12)
)


def write(folder: Path, text: str | bytes) -> Path:
    file = folder / "config.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LAUGHS, "more than 20000 values"),
        ("a: &a [*a]\n", "more than 20000 values"),
        ("[" * 5000, "or 32 one within the other"),
        ("a: b\n" * 50_000, "more than 0.2 million characters"),
        ("!!python/object/apply:os.system ['touch here']\n", "could not determine a constructor"),
        ("? [a, b]\n: c\n", "unhashable|found unhashable"),
        ("a: 2001-99-99\na: 1\n", "duplicate"),
        (b"\xff\xfe", "utf-8"),
        ('a: "${"\n', "no viable alternative"),
        (b"a: \x00", "special characters|control characters"),
    ],
    ids=["laughs", "itself", "deep", "large", "code", "key", "twice", "bytes", "interpolation", "nul"],
)
def test_hostile_yaml_is_refused_in_one_way(text: str | bytes, message: str, tmp_path: Path) -> None:
    file = write(tmp_path, text)
    with pytest.raises(ValueError, match=rf"(?s)^{re.escape(str(file))} cannot be read as YAML \(.*({message})"):
        read_yaml(file, DictConfig)


def test_small_references_are_yaml_like_any_other(tmp_path: Path) -> None:
    file = write(tmp_path, "a: &a {b: 1}\nc: *a\nd: [*a, *a]\n")
    config = read_yaml(file, DictConfig)
    assert (config.c.b, config.d[1].b) == (1, 1)


def test_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds a ListConfig; expected keys with values"):
        read_yaml(write(tmp_path, "[a]"), DictConfig)
    with pytest.raises(ValueError, match="holds a DictConfig; expected a list"):
        read_yaml(write(tmp_path, "a: b"), ListConfig)
    with pytest.raises(FileNotFoundError):
        read_yaml(tmp_path / "gone.yaml", DictConfig)


def test_a_value_is_given_as_it_was_meant_or_refused(tmp_path: Path) -> None:
    file = write(tmp_path, 'loss: {weights: {exp: 3, tv: 200.0}, target: "${loss.weights.exp}"}\nself: ${self}\n')
    assert select_option(file, "loss.weights", {str: float}) == {"exp": 3, "tv": 200.0}
    assert select_option(file, "loss.target", (float, None)) == 3
    assert select_option(file, "loss.none", (float, None)) is None
    with pytest.raises(ValueError, match=r"config\.yaml has loss\.weights\.exp=3; expected a file as Hydra writes it"):
        select_option(file, "loss.weights", {str: str})
    for key in ("self", "loss.weights.exp.deeper"):
        with pytest.raises(ValueError, match=r"config\.yaml has"):
            select_option(file, key, str)


def test_stored_overrides_are_parsed_or_refused() -> None:
    assert [override.key_or_group for override in parse_stored(["a.b=3", "+c=[1,2]", "~d"])] == ["a.b", "c", "d"]
    for text in ("a", "a=" + "[" * 3000, "a=" + "x" * 20_000, "a={b", ""):
        with pytest.raises(ValueError, match=r"the stored override .* cannot be read"):
            parse_stored([text])

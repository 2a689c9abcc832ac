"""The table of photographs for training, and the script that fetches them; nothing is downloaded here."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import re
import shutil
import struct
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.helpers.paths import ROOT
from zero_dce.enhance.trained import TRAINED
from zero_dce.networks import make_network, weights_hash
from zero_dce.weights import read_weights

SCRIPT = ROOT / "sweeps" / "quality" / "photographs.py"
LICENCES = {"CC0-1.0", "LicenseRef-public-domain", "CC-BY-2.0", "CC-BY-3.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0"}
PICTURE = b"a picture"
COMPRESSED = b"a picture that is compressed" * 10
RESOURCES = "usr/share/animals.rcc"

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="packages are made by Debian's dpkg-deb")


@pytest.fixture
def script() -> Iterator[ModuleType]:
    specification = importlib.util.spec_from_file_location("photographs", SCRIPT)
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    sys.modules["photographs"] = module
    specification.loader.exec_module(module)
    yield module
    del sys.modules["photographs"]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def qt_resources() -> bytes:
    """The folder cats with two files, the second one compressed."""
    names, name_starts = b"", []
    for name in ("cats", "day.webp", "night.webp"):
        name_starts.append(len(names))
        names += struct.pack(">HI", len(name), 0) + name.encode("utf-16-be")
    packed = struct.pack(">I", len(COMPRESSED)) + zlib.compress(COMPRESSED)
    first = struct.pack(">I", len(PICTURE)) + PICTURE
    data = first + struct.pack(">I", len(packed)) + packed
    time = bytes(8)
    tree = struct.pack(">IHII", 0, 2, 1, 1) + time
    tree += struct.pack(">IHII", name_starts[0], 2, 2, 2) + time
    tree += struct.pack(">IHHHI", name_starts[1], 0, 0, 1, 0) + time
    tree += struct.pack(">IHHHI", name_starts[2], 1, 0, 1, len(first)) + time
    start = 20
    header = struct.pack(">IIII", 2, start, start + len(tree), start + len(tree) + len(data))
    return b"qres" + header + tree + data + names


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A Debian package with one picture beside the resource file, and a file that no table lists."""
    package = tmp_path / "package"
    (package / "DEBIAN").mkdir(parents=True)
    fields = (
        "Package: animals\nVersion: 1.0\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: -\n"
    )
    (package / "DEBIAN" / "control").write_text(fields)
    (package / "usr" / "share").mkdir(parents=True)
    (package / "usr" / "share" / "cat.jpg").write_bytes(PICTURE)
    (package / "usr" / "share" / "script.sh").write_bytes(b"not listed")
    (package / RESOURCES).write_bytes(qt_resources())
    file = tmp_path / "animals_1.0_all.deb"
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", package, file], check=True, capture_output=True)
    return file


def row(script: ModuleType, archive_sha256: str = "0" * 64, **changes: str) -> Any:
    values = {
        "manager": "apt",
        "package": "animals",
        "version": "1.0",
        "archive_sha256": archive_sha256,
        "path": "usr/share/cat.jpg",
        "picture_sha256": sha256(PICTURE),
        "title": "Cat | day",
        "author": "Abelard",
        "licence": "CC0-1.0",
        "share_alike": "no",
        "licence_source": "usr/share/doc/animals/copyright",
    }
    return script.Photograph(**{**values, **changes})


def test_the_table_lists_each_picture_once_under_a_free_licence(script: ModuleType) -> None:
    with SCRIPT.with_suffix(".csv").open(newline="", encoding="utf-8") as stream:
        assert next(csv.reader(stream)) == list(script.Photograph._fields)
    photographs = script.read_table(script.TABLE)
    assert len(photographs) >= 150
    for values in (
        [photograph.picture_sha256 for photograph in photographs],
        [photograph.file_name for photograph in photographs],
    ):
        assert len({*values}) == len(values)
    for photograph in photographs:
        assert all(photograph), photograph
        assert photograph.licence in LICENCES
        assert photograph.share_alike == ("yes" if "-SA-" in photograph.licence else "no")
        assert re.fullmatch("[0-9a-f]{64}", photograph.picture_sha256)
        assert re.fullmatch("[0-9a-f]{64}", photograph.archive_sha256)
    # One version of each package.
    archives = {(photograph.package, photograph.version, photograph.archive_sha256) for photograph in photographs}
    assert len(archives) == len({photograph.package for photograph in photographs})


def test_the_card_of_the_weights_says_what_they_were_trained_on(script: ModuleType) -> None:
    card = TRAINED.with_suffix(".md").read_text(encoding="utf-8")
    assert weights_hash(make_network(read_weights(TRAINED))) in card
    used = [photograph for photograph in script.read_table(script.TABLE) if photograph.share_alike == "no"]
    kinds = Counter(photograph.licence.split("-")[0] for photograph in used)
    public, free, attributed = kinds["LicenseRef"], kinds["CC0"], kinds["CC"]
    assert (
        f"{len(used)} photographs from packages of Debian 12: {public} in the public domain, {free} under CC0, "
        f"{attributed} under CC BY"
    ) in card
    for photograph in used:
        if photograph.licence.startswith("CC-BY"):
            assert f"by {photograph.author} (" in card


@needs_dpkg
def test_only_listed_pictures_are_extracted(script: ModuleType, archive: Path, tmp_path: Path) -> None:
    package = sha256(archive.read_bytes())
    photographs = [
        row(script, package),
        row(script, package, path=f"{RESOURCES}!cats/day.webp"),
        row(script, package, path=f"{RESOURCES}!cats/night.webp", picture_sha256=sha256(COMPRESSED)),
    ]
    folder = tmp_path / "out"
    folder.mkdir()
    script.extract(archive, photographs, folder)
    contents = {file.name: file.read_bytes() for file in folder.iterdir()}
    night = f"animals_night_{sha256(COMPRESSED)[:8]}.webp"
    short = sha256(PICTURE)[:8]
    assert contents == {
        f"animals_cat_{short}.jpg": PICTURE,
        f"animals_day_{short}.webp": PICTURE,
        night: COMPRESSED,
    }


@needs_dpkg
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"archive_sha256": "0" * 64},
            r"animals_1\.0_all\.deb has the SHA-256 .*, expected 0{64}: the package has changed",
        ),
        (
            {"picture_sha256": "1" * 64},
            r"usr/share/cat\.jpg of animals_1\.0_all\.deb has the SHA-256 .*, expected 1{64}",
        ),
        (
            {"path": "usr/share/dog.jpg"},
            r"usr/share/dog\.jpg of animals_1\.0_all\.deb is missing: the package has changed",
        ),
        ({"path": f"{RESOURCES}!dogs/day.webp"}, r"dogs/day\.webp of animals_1\.0_all\.deb is missing"),
        ({"path": "usr/share/cat.jpg!day.webp"}, r"expected a Qt resource file, got b'a pictur'"),
    ],
)
def test_another_archive_or_picture_is_refused(
    script: ModuleType, archive: Path, tmp_path: Path, changes: dict[str, str], message: str
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    photograph = row(script, **{"archive_sha256": sha256(archive.read_bytes()), **changes})
    with pytest.raises(ValueError, match=message):
        script.extract(archive, [photograph], folder)
    assert not [*folder.iterdir()]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"path": "../cat.jpg"}, r"'\.\./cat\.jpg' leaves the package animals"),
        ({"path": "usr/../../cat.jpg"}, "leaves the package"),
        ({"path": "/etc/cat.jpg"}, "leaves the package"),
        ({"path": "usr/animals.rcc!../../cat.jpg"}, "leaves the package"),
        ({"path": "usr\\cat.jpg"}, "leaves the package"),
        ({"package": "../animals"}, r"'\.\./animals' is not the name of a Debian package"),
        ({"package": "--config-file"}, "is not the name of a Debian package"),
        ({"manager": "pip"}, "manager is 'pip', expected apt"),
    ],
)
def test_a_row_that_leaves_the_folder_is_refused(
    script: ModuleType, tmp_path: Path, changes: dict[str, str], message: str
) -> None:
    file = tmp_path / "table.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([script.Photograph._fields, row(script, **changes)])
    with pytest.raises(ValueError, match=message):
        script.read_table(file)


@needs_dpkg
def test_a_second_run_fetches_what_is_missing_and_refuses_what_is_different(
    script: ModuleType, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = sha256(archive.read_bytes())
    photographs = [
        row(script, package),
        row(
            script,
            package,
            path=f"{RESOURCES}!cats/night.webp",
            picture_sha256=sha256(COMPRESSED),
            licence="CC-BY-SA-3.0",
            share_alike="yes",
        ),
    ]
    asked = []

    def download(photograph: Any, downloads: Path) -> Path:
        asked.append(photograph.path)
        return archive

    monkeypatch.setattr(script, "read_table", lambda file: photographs)
    monkeypatch.setattr(script, "download", download)
    folder = tmp_path / "out"
    script.main(folder, share_alike=False)
    assert asked == ["usr/share/cat.jpg"]
    assert not (folder / photographs[1].file_name).exists()
    script.main(folder)
    assert asked.pop() == photographs[1].path
    assert "| Cat \\| day | Abelard | CC0-1.0 |" in (folder / "ATTRIBUTION.md").read_text(encoding="utf-8")
    script.main(folder)
    assert len(asked) == 1
    (folder / photographs[1].file_name).unlink()
    script.main(folder)
    assert asked[1:] == [photographs[1].path]
    (folder / photographs[0].file_name).write_bytes(b"cut short")
    with pytest.raises(ValueError, match=r"animals_cat_\w+\.jpg has the SHA-256 .* remove it and run again"):
        script.main(folder)


def test_a_package_that_cannot_be_had_is_named(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match=r"apt-get download animals=1\.0 failed .* on Debian 12 for amd64"):
        script.download(row(script), tmp_path)

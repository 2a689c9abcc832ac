"""Fetch freely licensed photographs for training, each with its author and licence, from Debian packages.

python sweeps/quality/photographs.py FOLDER [--no-share-alike]

photographs.csv beside this file lists them; ``--no-share-alike`` leaves out those under CC BY-SA. FOLDER gets the
pictures as they are in the packages, and an ATTRIBUTION.md. What is there already is kept, so that a run that was cut
short goes on. It takes apt-get and dpkg-deb of Debian 12 on amd64, whose packages have the versions of the table.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import re
import struct
import subprocess
import tarfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import NamedTuple

from zero_dce.files import write_file
from zero_dce.terminal import errors_as_messages

TABLE = Path(__file__).with_suffix(".csv")
# Separates the path of a Qt resource file in its package from the path of a picture in the resource file.
WITHIN = "!"
# The format of a Qt resource file (qtbase, src/corelib/io/qresource.cpp), all big-endian.
QT_SIGNATURE = b"qres"
QT_HEADER = struct.Struct(">IIII")
QT_COMPRESSED = 1
QT_FOLDER = 2
QT_ZSTANDARD = 4
# From version 2 on, the time of the last change follows each entry.
QT_ENTRY_SIZES = {1: 14, 2: 22, 3: 22}


class Photograph(NamedTuple):
    """A row of the table; ``path`` leads from the package's root to the picture."""

    manager: str
    package: str
    version: str
    archive_sha256: str
    path: str
    picture_sha256: str
    title: str
    author: str
    licence: str
    share_alike: str
    licence_source: str

    @property
    def file_name(self) -> str:
        """A name that no other picture has."""
        name = PurePosixPath(self.path)
        return f"{self.package}_{name.stem}_{self.picture_sha256[:8]}{name.suffix}"


def main(folder: Path, share_alike: bool = True) -> None:
    """Fetch what is not there yet, with ``share_alike`` also what is under a licence that asks for its like."""
    photographs = [photograph for photograph in read_table(TABLE) if share_alike or photograph.share_alike == "no"]
    folder.mkdir(parents=True, exist_ok=True)
    by_package = defaultdict(list)
    for photograph in photographs:
        if not is_there(photograph, folder):
            by_package[photograph.package].append(photograph)
    for package, missing in by_package.items():
        print(f"{package}: {len(missing)} pictures")
        with TemporaryDirectory() as downloads:
            extract(download(missing[0], Path(downloads)), missing, folder)
    write_file(folder / "ATTRIBUTION.md", attribution(photographs))
    print(f"{folder}: {len(photographs)} pictures and ATTRIBUTION.md")


def read_table(file: Path) -> list[Photograph]:
    """Return the rows.

    Raises:
        ValueError: if a row would be fetched by another tool than apt-get, or written outside of the folder.
    """
    with file.open(newline="", encoding="utf-8") as stream:
        photographs = [Photograph(**row) for row in csv.DictReader(stream)]
    for photograph in photographs:
        check(photograph)
    return photographs


def check(photograph: Photograph) -> None:
    """Raise ValueError unless the row names a Debian package and a path that stays in it."""
    package, path = photograph.package, photograph.path
    if photograph.manager != "apt":
        raise ValueError(f"manager is {photograph.manager!r}, expected apt: correct the row of {path}")
    if not re.fullmatch(r"[a-z0-9][a-z0-9.+-]+", package):
        raise ValueError(f"{package!r} is not the name of a Debian package: correct the row of {path}")
    for part in path.split(WITHIN):
        if PurePosixPath(part).is_absolute() or ".." in PurePosixPath(part).parts or "\\" in part:
            raise ValueError(f"{path!r} leaves the package {package}: write a path from its root, without '..'")


def is_there(photograph: Photograph, folder: Path) -> bool:
    """Return whether the picture was fetched before.

    Raises:
        ValueError: if the file is another picture.
    """
    file = folder / photograph.file_name
    if not file.exists():
        return False
    compare(file.read_bytes(), photograph.picture_sha256, str(file), "remove it and run again")
    return True


def compare(content: bytes, expected: str, name: str, advice: str) -> None:
    """Raise ValueError unless the content has the expected SHA-256."""
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise ValueError(f"{name} has the SHA-256 {found}, expected {expected}: {advice}")


def download(photograph: Photograph, downloads: Path) -> Path:
    """Return the package's archive.

    Raises:
        ValueError: if apt-get cannot fetch this version.
    """
    wanted = f"{photograph.package}={photograph.version}"
    command = ["apt-get", "download", "--quiet", wanted]
    try:
        subprocess.run(command, cwd=downloads, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise ValueError(
            f"apt-get download {wanted} failed ({error}): run apt-get update first, on Debian 12 for amd64"
        ) from error
    (archive,) = downloads.glob("*.deb")
    return archive


def extract(archive: Path, photographs: Sequence[Photograph], folder: Path) -> None:
    """Write the listed pictures of one package, and nothing else of it.

    Raises:
        ValueError: if the archive or a picture is missing or not the one of the table.
    """
    advice = "the package has changed; look at its pictures and licences again, and correct photographs.csv"
    compare(archive.read_bytes(), photographs[0].archive_sha256, archive.name, advice)
    contents = read_package(archive, {photograph.path for photograph in photographs})
    for photograph in photographs:
        name = f"{photograph.path} of {archive.name}"
        if photograph.path not in contents:
            raise ValueError(f"{name} is missing: {advice}")
        compare(contents[photograph.path], photograph.picture_sha256, name, advice)
        write_file(folder / photograph.file_name, contents[photograph.path])


def read_package(archive: Path, paths: Iterable[str]) -> dict[str, bytes]:
    """Return the content of those paths that are files in a Debian package."""
    command = ["dpkg-deb", "--fsys-tarfile", str(archive)]
    content = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    inner: defaultdict[str, set[str]] = defaultdict(set)
    for path in paths:
        outer, _, within = path.partition(WITHIN)
        inner[outer].add(within)
    found = {}
    with tarfile.open(fileobj=io.BytesIO(content)) as files:
        for member in files:
            outer = member.name.removeprefix("./")
            stream = files.extractfile(member) if outer in inner and member.isfile() else None
            if stream is not None:
                found.update(read_member(outer, stream.read(), inner[outer]))
    return found


def read_member(outer: str, content: bytes, inner: set[str]) -> dict[str, bytes]:
    """Return a picture, or those pictures of a Qt resource file that are asked for, by their paths in the table."""
    if "" in inner:
        return {outer: content}
    return {outer + WITHIN + path: picture for path, picture in read_qt_resources(content) if path in inner}


def read_qt_resources(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of each file in a Qt resource file.

    Raises:
        ValueError: if it is not such a file, or holds files compressed by Zstandard.
    """
    if not content.startswith(QT_SIGNATURE):
        raise ValueError(f"expected a Qt resource file, got {content[:8]!r}: correct the table's path")
    version, tree, data, names = QT_HEADER.unpack_from(content, len(QT_SIGNATURE))
    if version not in QT_ENTRY_SIZES:
        raise ValueError(f"version {version} of a Qt resource file, expected 1, 2 or 3: correct the table's path")
    # The root, which has no name, is the first entry.
    remaining = [(0, "")]
    while remaining:
        index, parent = remaining.pop()
        entry = tree + index * QT_ENTRY_SIZES[version]
        name, flags = struct.unpack_from(">IH", content, entry)
        path = parent + read_qt_name(content, names + name) if index else ""
        if flags & QT_FOLDER:
            count, first = struct.unpack_from(">II", content, entry + 6)
            remaining += [(child, f"{path}/" if path else "") for child in range(first, first + count)]
        else:
            (start,) = struct.unpack_from(">I", content, entry + 10)
            yield path, read_qt_data(content, data + start, flags)


def read_qt_name(content: bytes, start: int) -> str:
    """Return a name: its length in UTF-16 units, a hash, and the units."""
    length, _ = struct.unpack_from(">HI", content, start)
    return content[start + 6 : start + 6 + 2 * length].decode("utf-16-be")


def read_qt_data(content: bytes, start: int, flags: int) -> bytes:
    """Return what a file holds: its size, and the bytes, which are compressed or not."""
    if flags & QT_ZSTANDARD:
        raise ValueError("a file compressed by Zstandard is not read here: correct the table's path")
    (size,) = struct.unpack_from(">I", content, start)
    data = content[start + 4 : start + 4 + size]
    # The size after decompression comes first.
    return zlib.decompress(data[4:]) if flags & QT_COMPRESSED else data


def attribution(photographs: Iterable[Photograph]) -> str:
    """Return a Markdown table of pictures, authors and licences."""
    lines = [
        "# Photographs",
        "",
        "Unchanged from the Debian packages that are named.",
        "",
        "| File | Title | Author | Licence | Where the licence is stated | Package |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for photograph in photographs:
        package = f"{photograph.package} {photograph.version}"
        cells = [photograph.file_name, photograph.title, photograph.author, photograph.licence]
        cells += [photograph.licence_source, package]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--share-alike", action=argparse.BooleanOptionalAction, default=True)
    arguments = parser.parse_args()
    with errors_as_messages():
        main(arguments.folder, arguments.share_alike)

"""A disk after a loss of power: a journal of calls is replayed, and what was not made durable is dropped.

A file is durable as it was at its last fsync, and a name once its folder has been fsynced after it. What else survives
is up to the file system, of which there are several models (:data:`MODELS`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

# A page of memory reaches the disk as a whole or not.
PAGE = 4096
# What a disk holds: the content of each file by its path relative to the root, and None for each folder.
Image = dict[str, bytes | None]


@dataclass(eq=False)
class File:
    """A file, whatever its names are: what it holds, what is durable, and what was done to it since."""

    content: bytearray = field(default_factory=bytearray)
    durable: bytes = b""
    # Where bytes were written, and which; a cut to a length has none.
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)

    def change(self, offset: int, data: bytes | None) -> None:
        """Write bytes at an offset, or with ``None`` cut the file to that length."""
        self.pending.append((offset, data))
        _apply(self.content, offset, data)

    def sync(self) -> None:
        """Make all durable."""
        if self.pending:
            self.durable, self.pending = bytes(self.content), []


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    end = offset + len(data or b"")
    content.extend(bytes(max(0, end - len(content))))
    if data is None:
        del content[offset:]
    else:
        content[offset:end] = data


@dataclass(eq=False)
class Folder:
    """A folder: the names in it now, and those that are durable."""

    now: dict[str, File | Folder] = field(default_factory=dict)
    durable: dict[str, File | Folder] = field(default_factory=dict)


Names = Callable[[Folder], Mapping[str, "File | Folder"]]
# One change of names, which happens as a whole: in which folder, which name, and what has it then.
Change = list[tuple[Folder, str, "File | Folder | None"]]


class Disk:
    """Holds a folder's files, to which calls of a journal are applied one after the other.

    Args:
        root: the folder; what it holds at first is durable.
        shown: the name of the folder in it that images show; the others are those that files come from.
    """

    def __init__(self, root: Path, shown: str) -> None:
        self.root, self.shown, self.top = root, shown, Folder()
        # Changes of names that are not durable, in the order in which they were made.
        self.pending: list[Change] = []
        # The contents with which files got their names.
        self.named: dict[str, set[bytes]] = {}
        for path in sorted(path for path in root.rglob("*") if path.is_file() or path.is_dir()):
            content = None if path.is_dir() else path.read_bytes()
            self._put(self.top, path.relative_to(root).parts, content)
            if content is not None:
                self._name(path, content)

    def _put(self, folder: Folder, parts: tuple[str, ...], content: bytes | None) -> None:
        for name in parts[:-1]:
            folder = _folder(folder.now[name])
        entry = Folder() if content is None else File(bytearray(content), content)
        folder.now[parts[-1]] = folder.durable[parts[-1]] = entry

    def apply(self, kind: str, path: str, other: str, offset: int, size: int, data: bytes) -> None:
        """Apply a call as :func:`tests.endurance.faults.read_journal` gives it."""
        found = self._find(path)
        if other == "failed" or found is None:
            return
        folder, name = found
        entry = folder.now.get(name) if name else folder
        if kind in ("open", "mkdir") and entry is None:
            self._change([(folder, name, Folder() if kind == "mkdir" else File())])
        elif kind == "unlink" and entry is not None:
            self._change([(folder, name, None)])
        elif kind == "rename":
            self._rename(path, other)
        elif isinstance(entry, Folder):
            if kind == "fsync":
                self._sync(entry)
        elif entry is not None:
            self._change_file(entry, kind, other, offset, size, data)

    def _change_file(self, file: File, kind: str, other: str, offset: int, size: int, data: bytes) -> None:
        if kind == "fsync":
            file.sync()
        elif kind == "write" and size > 0:
            file.change(offset, data)
        elif kind == "truncate" or (kind == "open" and other == "empty"):
            file.change(size if kind == "truncate" else 0, None)

    def _rename(self, path: str, other: str) -> None:
        to, origin = self._find(path), self._find(other)
        assert to is not None, path
        assert origin is not None, other
        entry = origin[0].now[origin[1]]
        self._change([(*origin, None), (*to, entry)])
        for name, content in walk(entry, lambda folder: folder.now, lambda file: bytes(file.content)):
            if content is not None:
                self._name(Path(path) / name, content)

    def _name(self, path: Path, content: bytes) -> None:
        if path.is_relative_to(self.root / self.shown):
            self.named.setdefault(path.relative_to(self.root / self.shown).as_posix(), set()).add(content)

    def _find(self, path: str) -> tuple[Folder, str] | None:
        """Return the folder of a path and the name in it; empty of the root. ``None`` of a file without a name."""
        if not Path(path).is_relative_to(self.root):
            return None
        folder: File | Folder | None = self.top
        parts = Path(path).relative_to(self.root).parts
        for name in parts[:-1]:
            folder = folder.now.get(name) if isinstance(folder, Folder) else None
        return (folder, parts[-1] if parts else "") if isinstance(folder, Folder) else None

    def _change(self, change: Change) -> None:
        self.pending.append(change)
        for folder, name, entry in change:
            _set(folder.now, name, entry)

    def _sync(self, synced: Folder) -> None:
        """Make the names in a folder durable, and those in other folders that were changed with or before them."""
        folders, left = {synced}, []
        for change in reversed(self.pending):
            places = {folder for folder, _, _ in change}
            if places & folders:
                folders |= places
            else:
                left.append(change)
        for change in self.pending:
            if change not in left:
                _make_durable(change)
        self.pending = left[::-1]

    def _image(self, names: Names, content: Callable[[File], bytes]) -> Image:
        return dict(walk(names(self.top)[self.shown], names, content))

    def now(self) -> Image:
        """Return what processes see."""
        return self._image(lambda folder: folder.now, lambda file: bytes(file.content))

    def strict(self, _: random.Random) -> Image:
        """Drop all that is not durable; a file that is not has no content."""
        return self._image(lambda folder: folder.durable, lambda file: file.durable)

    def delayed(self, _: random.Random) -> Image:
        """Keep all names, as a journal of names may, and drop the content that is not durable."""
        return self._image(lambda folder: folder.now, lambda file: file.durable)

    def zeros(self, _: random.Random) -> Image:
        """Keep all names and lengths; content that is not durable is zeros."""

        def content(file: File) -> bytes:
            return file.durable[: len(file.content)].ljust(len(file.content), b"\0") if file.pending else file.durable

        return self._image(lambda folder: folder.now, content)

    def random(self, chance: random.Random) -> Image:
        """Keep some of what is not durable: of each folder's changes the first ones, of each file's any."""
        rate, cut = chance.choice((0.05, 0.3, 0.7)), set[Folder]()
        survived: dict[Folder, dict[str, File | Folder]] = {}
        for change in self.pending:
            places = {folder for folder, _, _ in change}
            if places & cut or chance.random() < rate:
                cut |= places
                continue
            for folder, name, entry in change:
                _set(survived.setdefault(folder, dict(folder.durable)), name, entry)
        return self._image(lambda folder: survived.get(folder, folder.durable), lambda file: _some(file, chance))


MODELS: dict[str, Callable[[Disk, random.Random], Image]] = {
    "strict": Disk.strict,
    "names first": Disk.delayed,
    "names and lengths first": Disk.zeros,
    "any order": Disk.random,
}


def _set(names: dict[str, File | Folder], name: str, entry: File | Folder | None) -> None:
    names.pop(name, None)
    if entry is not None:
        names[name] = entry


def _make_durable(change: Change) -> None:
    for folder, name, entry in change:
        _set(folder.durable, name, entry)


def _some(file: File, chance: random.Random) -> bytes:
    """Some of what was done to a file since it was durable: the first changes and half of one, or any pages."""
    if not file.pending:
        return file.durable
    content = bytearray(file.durable)
    if chance.random() < 0.5:
        whole = chance.randrange(len(file.pending) + 1)
        for offset, data in file.pending[:whole]:
            _apply(content, offset, data)
        for offset, data in file.pending[whole : whole + 1]:
            if data is not None:
                _apply(content, offset, data[: chance.randrange(len(data) + 1)])
        return bytes(content)
    content = content[: len(file.content)].ljust(len(file.content), b"\0")
    for start in range(0, len(content), PAGE):
        if chance.random() < 0.5:
            content[start : start + PAGE] = file.content[start : start + PAGE]
    return bytes(content)


def walk(
    entry: File | Folder, names: Names, content: Callable[[File], bytes], path: str = ""
) -> Iterator[tuple[str, bytes | None]]:
    """Yield the path and content of a file, or of all below a folder and of the folder, by its names."""
    if isinstance(entry, File):
        yield path, content(entry)
        return
    if path:
        yield path, None
    for name, inner in names(entry).items():
        yield from walk(inner, names, content, f"{path}/{name}" if path else name)


def _folder(entry: File | Folder) -> Folder:
    assert isinstance(entry, Folder)
    return entry


def write_image(image: Image, root: Path) -> None:
    """Write what a disk holds into an empty folder."""
    for name, content in image.items():
        path = root / name
        if content is None:
            path.mkdir()
        else:
            path.write_bytes(content)

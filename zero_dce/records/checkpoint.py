"""What a PyTorch checkpoint from anybody asks of this computer, found out before PyTorch reads it.

PyTorch's own safe reader, ``weights_only=True``, runs no code of a file. But a file of a few kilobytes can still make
it fill the memory, compute for years, or end the process: by compression, by one value that stands in millions of
places, and by values nested so deeply that Python's stack ends.
"""

from __future__ import annotations

import io
import pickletools
import zipfile
from pathlib import Path

# A network of this package takes 0.3 MB, and a checkpoint of one 1 MB: what is larger than this is something else.
MOST_MEGABYTES = 64
# What is no numbers in a checkpoint has some ten kilobytes, and 50 bytes more for each validation of the run.
MOST_PICKLE_BYTES = 2_000_000
# So many values a tuple has at most, those in its parts counted, and so many of any kind are one within the other.
MOST_IN_TUPLE, MOST_DEEP = 10_000, 50
# The old format has five parts before the numbers; the last three are the content, the names of storages, and so on.
PICKLES_OF_OLD_FORMAT = 5
# These put values into one that is there: a long list is filled by many of them.
FILLING = {"APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS", "BUILD"}
ONE: tuple[int, int] = (1, 1)
ZIP_BEGINS = b"PK\x03\x04"
# PyTorch would make one of any size.
REFUSED_GLOBALS = ("builtins bytearray", "__builtin__ bytearray")
# The number of values in a value, itself counted, and how many are one within the other; None marks a place.
_Size = tuple[int, int] | None


def check_checkpoint(file: Path) -> None:
    """Raise ValueError, which names the file, unless reading it takes memory and time as its size lets expect.

    Damaged files, and those of other formats, pass: whoever reads them says what is wrong.

    Raises:
        OSError: if the file cannot be opened.
        ValueError: if it is larger than ``MOST_MEGABYTES``, or asks for more than it holds.
    """
    check_weights_size(file)
    content = file.read_bytes()
    fault = _archive_fault(content) if content.startswith(ZIP_BEGINS) else _old_format_fault(content)
    if fault:
        raise ValueError(f"{file} is not a PyTorch checkpoint that can be read, {fault}")


def check_weights_size(file: Path) -> None:
    """Raise ValueError if a file is too large to hold weights of a network of this package."""
    size = file.stat().st_size / 1e6
    if size > MOST_MEGABYTES:
        raise ValueError(
            f"{file} has {size:.0f} MB, which no network of this package has (at most {MOST_MEGABYTES}): is it another "
            "model?"
        )


def _archive_fault(content: bytes) -> str:
    """Say what is wrong with a zip, the format since PyTorch 1.6, whose parts are never compressed."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            if sum(entry.file_size for entry in entries) > MOST_MEGABYTES * 1e6:
                return "it is compressed or its parts overlap, and it is far larger than a checkpoint"
            # PyTorch takes no notice of capitals.
            pickles = [archive.read(entry) for entry in entries if entry.filename.lower().endswith(".pkl")]
    except Exception as error:
        # On a damaged archive zipfile raises errors of many kinds.
        return f"it is damaged or cut short: {type(error).__name__}: {error}"
    return next(filter(None, (_pickle_fault(io.BytesIO(pickled)) for pickled in pickles)), "")


def _old_format_fault(content: bytes) -> str:
    stream = io.BytesIO(content)
    return next(filter(None, (_pickle_fault(stream) for _ in range(PICKLES_OF_OLD_FORMAT))), "")


def _pickle_fault(stream: io.BytesIO) -> str:
    """Say what is wrong with the next pickle: it is read one operation after the other, and nothing of it is made.

    A pickle can name one value in many places, so that a few operations make a tuple which takes years to walk through.
    """
    stack: list[_Size] = []
    memo: dict[object, _Size] = {}
    try:
        for operation, argument, _ in pickletools.genops(stream):
            if stream.tell() > MOST_PICKLE_BYTES:
                return f"what is no numbers in it has more than {MOST_PICKLE_BYTES / 1e6:.0f} MB"
            if argument in REFUSED_GLOBALS:
                return f"it holds objects besides tensors ({argument})"
            _follow(operation, argument, stack, memo)
            values, depth = (stack and stack[-1]) or (0, 0)
            if depth > MOST_DEEP or (values > MOST_IN_TUPLE and "TUPLE" in operation.name):
                return "values in it are nested as PyTorch never writes them"
    except (ValueError, IndexError, KeyError, TypeError):
        # PyTorch stops here too, and says why.
        return ""
    return ""


def _follow(operation: pickletools.OpcodeInfo, argument: object, stack: list[_Size], memo: dict[object, _Size]) -> None:
    """Do to the sizes on a stack what an operation of a pickle does to the values."""
    name = operation.name
    if name == "MARK":
        stack.append(None)
    elif name.endswith("PUT"):
        memo[argument] = stack[-1]
    elif name.endswith("GET"):
        stack.append(memo[argument])
    elif not operation.stack_before:
        stack += [ONE] * len(operation.stack_after)
    else:
        taken = [size for size in _take(operation, stack) if size is not None]
        values = min(1 + sum(values for values, _ in taken), 2 * MOST_IN_TUPLE)
        filled = taken.pop(0)[1] if name in FILLING and taken else 1
        depth = max(filled, 1 + max((depth for _, depth in taken), default=0))
        stack += [(values, depth)] * len(operation.stack_after)


def _take(operation: pickletools.OpcodeInfo, stack: list[_Size]) -> list[_Size]:
    """Take from the stack what an operation takes: so many values, or all after the last mark and some before it."""
    before, count = operation.stack_before, len(operation.stack_before)
    if pickletools.markobject in before:
        # From the end, where it is near: a pickle can have many.
        mark = next((place for place in range(len(stack) - 1, -1, -1) if stack[place] is None), None)
        if mark is None:
            raise IndexError("there is no mark")
        count = len(stack) - mark + before.index(pickletools.markobject)
    if count > len(stack):
        raise IndexError("the stack is empty")
    taken = stack[len(stack) - count :]
    del stack[len(stack) - count :]
    return taken

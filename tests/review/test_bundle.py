"""The bundle of the page's modules, and the modules themselves."""

from __future__ import annotations

import re
from graphlib import CycleError
from importlib.resources import files

import pytest

from zero_dce.review.bundle import EXPORT, IMPORT, bundle
from zero_dce.review.report import page_scripts

ONE = "export const size = 2;\n\nexport async function read() {}\n\nfunction own() {}\n"
TWO = 'import { read, size } from "./one.js";\n\nconst own = size;\nread(own);\n'


def test_imported_modules_come_first_and_names_are_each_modules_own() -> None:
    assert bundle({"two.js": TWO, "one.js": ONE}) == (
        "const modules = {};\n"
        'modules["one.js"] = (() => {\n'
        "const size = 2;\n\nasync function read() {}\n\nfunction own() {}\n"
        "return { size, read };\n})();\n"
        'modules["two.js"] = (() => {\n'
        'const { read, size } = modules["one.js"];\n\nconst own = size;\nread(own);\n'
        "return {  };\n})();"
    )


def test_an_import_over_several_lines() -> None:
    imported = 'import {\n  read,\n  size,\n} from "./one.js";\n'
    assert 'const {\n  read,\n  size,\n} = modules["one.js"];' in bundle({"one.js": ONE, "two.js": imported})


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('import { own, size } from "./one.js";\n', r"two\.js imports own from one\.js, which does not export it"),
        ('import { size } from "./gone.js";\n', r"imports size from gone\.js"),
        ('import * as one from "./one.js";\n', r"two\.js has `import \* as one"),
        ('import { size as large } from "./one.js";\n', "imports as, large"),
        ("export let size = 1;\n", "has `export let size = 1;`; expected"),
        ("export default 1;\n", "has `export default 1;`"),
    ],
)
def test_what_the_bundle_does_not_understand_is_refused(source: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bundle({"one.js": ONE, "two.js": source})


def test_modules_that_import_each_other_are_refused() -> None:
    with pytest.raises(CycleError):
        bundle(
            {
                "one.js": 'import { a } from "./two.js";\nexport const b = 1;\n',
                "two.js": 'import { b } from "./one.js";\nexport const a = 1;\n',
            }
        )


def test_the_page_exports_what_it_imports() -> None:
    """An export that nothing uses would be left over from a change."""
    sources = page_scripts(live=True)
    exported = {(name, each) for name, source in sources.items() for each in EXPORT.findall(source)}
    imports = [pair for source in sources.values() for pair in IMPORT.findall(source)]
    assert exported == {(file, each) for names, file in imports for each in re.findall(r"\w+", names)}


@pytest.mark.parametrize(("live", "last"), [(False, '"main.js"'), (True, '"live.js"')])
def test_what_starts_the_page_comes_last(live: bool, last: str) -> None:
    assert bundle(page_scripts(live)).rpartition("\nmodules[")[2].startswith(last)


def test_a_page_that_is_a_file_asks_no_server() -> None:
    assert page_scripts(live=True).keys() - page_scripts().keys() == {"live.js"}


@pytest.mark.parametrize("file", [file.name for file in files("zero_dce.review").joinpath("page").iterdir()])
def test_no_line_of_the_page_is_long(file: str) -> None:
    lines = files("zero_dce.review").joinpath("page", file).read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) > 120] == []

"""The description that the package registry shows, made from README.md; all else is in pyproject.toml."""

import re
from pathlib import Path

from setuptools import setup

WHERE_FILES_ARE = (
    "`pip install zero-dce-lightning` installs the command `zero-dce` and the package `zero_dce`. The files, tests and "
    "make targets that this page names are in the source archive: "
    "`pip download --no-deps --no-binary :all: zero-dce-lightning`.\n\n"
)


def describe(readme: str) -> str:
    """Return the text without what needs the files beside it: pictures with their captions, and relative links."""
    text = re.sub(r"^!\[.*\]\((?!https://).*\)\n\n(\*.*\*\n\n)?", "", readme, flags=re.MULTILINE)
    text = re.sub(r"\[([^]]*)\]\((?!https://)([^)\s]+)\)", _name_file, text)
    title, first, rest = text.split("\n\n", 2)
    return f"{title}\n\n{first}\n\n{WHERE_FILES_ARE}{rest}"


def _name_file(link: re.Match[str]) -> str:
    text, file = link.groups()
    return f"`{file}`" if text == file else f"{text} (`{file}`)"


README = (Path(__file__).parent / "README.md").read_text(encoding="utf-8")
setup(long_description=describe(README), long_description_content_type="text/markdown")

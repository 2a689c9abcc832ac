"""What the site shows beside docs/: README.md, studies, benchmarks, notebooks, commands' help and the configuration.

MkDocs reads this file as its hooks (mkdocs.yml). Each file keeps its path in the repository, so that the links in the
pages work where they are read in the repository and on the site alike.
"""

from __future__ import annotations

import re
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import nbformat
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from zero_dce.cli import COMMANDS
from zero_dce.review.__main__ import SUBCOMMANDS

ROOT = Path(__file__).parent.parent
PAGES = (
    *("*.md", "docs/**/*.md", "sweeps/**/*.md", "benchmarks/*.md", "tests/endurance/*.md"),
    *("zero_dce/enhance/*.md", "zero_dce/metrics/*.md"),
)
LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)\s]*)?\)")
ROLE = re.compile(r":(?:func|class|meth|mod):<code>~?(?:zero_dce\.(?:\w+\.)+(?=\w+</code>))?")
CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def on_config(config: MkDocsConfig) -> None:
    """Add the benchmarks' tables to the navigation, as each run of one may write another."""
    tables = [_name(file) for file in sorted((ROOT / "benchmarks").glob("*.md")) if file.name != "README.md"]
    (section,) = (item["Benchmarks"] for item in config.nav or [] if "Benchmarks" in item)
    section += tables


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Replace MkDocs's list of docs/ by the pages of the whole repository and the files that they link to."""
    pages = [file for pattern in PAGES for file in sorted(ROOT.glob(pattern))]
    shown = [*pages, *sorted(linked_files(pages))]
    stored = [File(_name(file), str(ROOT), config.site_dir, config.use_directory_urls) for file in shown]
    themes = [file for file in files if file.src_dir != config.docs_dir]
    return Files([*themes, *stored, *notebook_files(config), *generated_files(config)])


def on_page_markdown(markdown: str, **_: object) -> str:
    """Lead links to a notebook to its page."""
    return markdown.replace(".ipynb)", ".md)")


def on_page_content(html: str, **_: object) -> str:
    """Leave the names of docstrings' cross-references, without the roles that only other tools read."""
    return ROLE.sub("<code>", html)


def linked_files(pages: list[Path]) -> set[Path]:
    """The pictures, tables and sources in the repository that pages link to; other pages and notebooks are pages."""
    found = set()
    for page in pages:
        for link in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
            file = (page.parent / link).resolve()
            if file.is_file() and file.suffix not in (".md", ".ipynb"):
                found.add(file)
    return found


def notebook_files(config: MkDocsConfig) -> Iterator[File]:
    """Yield a page, and its pictures, for each notebook with its stored outputs."""
    for file in sorted((ROOT / "notebooks").glob("*.ipynb")):
        parts: list[str] = []
        for number, cell in enumerate(nbformat.read(file, as_version=4).cells):
            code = cell.cell_type == "code"
            parts.append(f"```python\n{cell.source}\n```" if code else cell.source)
            for output in cell.outputs if code else ():
                picture = next((mime for mime in output.get("data", {}) if mime.startswith("image/")), None)
                if picture:
                    name = f"{file.stem}_{number}.{picture.removeprefix('image/')}"
                    yield File.generated(config, f"notebooks/{name}", content=b64decode(output.data[picture]))
                    parts.append(f"![What the cell above draws]({name})")
                elif "text" in output:
                    parts.append(f"```text\n{output.text.rstrip()}\n```")
        yield File.generated(config, f"notebooks/{file.stem}.md", content="\n\n".join(parts))


def generated_files(config: MkDocsConfig) -> Iterator[File]:
    """Yield the reference's pages that say what the commands and the configuration say of themselves."""
    yield File.generated(config, "docs/reference/commands.md", content=commands_page())
    yield File.generated(config, "docs/reference/configuration.md", content=configuration_page())


def commands_page() -> str:
    """The help of each command, as it prints it, but not Hydra's."""
    lines = ["# Commands", "", "What each says with `--help`."]
    for name, (_, text) in COMMANDS.items():
        lines += ["", f"## {name}", "", f"{text[0].upper()}{text[1:]}.", ""]
        if name == "train":
            lines += ["Its options are those of the [configuration](configuration.md); `resume=DIR` continues a run."]
            continue
        subcommands = [[part] for part in SUBCOMMANDS] if name == "review" else [[]]
        lines += [f"```text\n{_help([name, *part])}\n```" for part in subcommands]
    return "\n".join(lines)


def configuration_page() -> str:
    """Each file of conf/, with its comments."""
    lines = ["# Configuration", "", "The files of `conf/`, which `python -m zero_dce.train` composes."]
    first = [ROOT / "conf" / "config.yaml"]
    for file in first + [file for file in sorted((ROOT / "conf").rglob("*.yaml")) if file not in first]:
        content = file.read_text(encoding="utf-8").rstrip()
        lines += ["", f"## {_name(file).removeprefix('conf/')}", "", f"```yaml\n{content}\n```"]
    return "\n".join(lines)


def _help(words: list[str]) -> str:
    command = [sys.executable, "-c", "from zero_dce.cli import main; main()", *words, "--help"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.rstrip()


def _name(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()

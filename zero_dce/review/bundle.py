"""The page's modules in one script: a browser loads no module from a file that was opened by double-click."""

from __future__ import annotations

import re
from collections.abc import Mapping
from graphlib import TopologicalSorter

IMPORT = re.compile(r'^import \{([^}]*)\} from "\./([\w.]+)";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:const|function|async function) (\w+))", re.MULTILINE)
UNKNOWN = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


def bundle(sources: Mapping[str, str]) -> str:
    """Return modules, texts by their files' names, as one script: each in a function, after those that it imports.

    An import names what it takes and a file beside it; an export stands before a constant or a function.

    Raises:
        ValueError: if a module imports or exports in another way, or what no module exports.
        CycleError: if modules import each other in a circle.
    """
    imports = {name: IMPORT.findall(source) for name, source in sources.items()}
    exports = {name: EXPORT.findall(source) for name, source in sources.items()}
    for name, imported in imports.items():
        for names, file in imported:
            missing = set(re.findall(r"\w+", names)) - set(exports.get(file, ()))
            if missing:
                raise ValueError(f"{name} imports {', '.join(sorted(missing))} from {file}, which does not export it")
    order = TopologicalSorter({name: [file for _, file in imported] for name, imported in imports.items()})
    parts = [_as_function(name, sources[name], exports[name]) for name in order.static_order()]
    return "\n".join(["const modules = {};", *parts])


def _as_function(name: str, source: str, exports: list[str]) -> str:
    body = EXPORT.sub("", IMPORT.sub(r'const {\1} = modules["\2"];', source))
    unknown = UNKNOWN.search(body)
    if unknown:
        raise ValueError(f'{name} has `{unknown[0]}`; expected import {{ a }} from "./b.js", or export const a')
    return f'modules["{name}"] = (() => {{\n{body}return {{ {", ".join(exports)} }};\n}})();'

"""Write a page for each module of the library, and their list into the navigation.

A page links what its module defines and shows its docstrings; that of a package also tells what
each of its modules is about. In the navigation the pages stand where it names the folder ``api/``.

If that folder has an index, it puts them into groups: each is a heading, a line that says what the
group is for, and ``<!-- modules rnn lstm -->``, in whose place its modules are listed. A package
brings its modules along.
"""

import json
import re
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files, file_sort_key

from read.library import Module, modules

FOLDER = "api/"
INDEX = f"{FOLDER}index.md"
GROUP = re.compile(r"^## ([^{\n]+?)(?: \{.*)?$|^<!-- modules ([\w ]+) -->$", re.MULTILINE)
PAGE = """\
---
description: {description}
---

# {name} {{ #{name} }}

{contents}

::: {name}
"""


def add(config: MkDocsConfig, files: Files) -> Files:
    """Return the files with those of the modules, and let the navigation list them."""
    found = {address(module.name): module for module in modules(config)}
    index = files.get_file_from_path(INDEX)
    config.nav = listed(config.nav, grouped(index.content_string, [*found]) if index else [*found])
    phrases = {module.name: module.phrase for module in found.values()}
    pages = [_file(config, uri, module, phrases) for uri, module in found.items()]
    return Files(sorted([*files, *pages], key=file_sort_key))


def grouped(index: str, uris: list[str]) -> list[Any]:
    """Return the navigation below the index: groups, with all pages of what they name."""
    groups: dict[str, list[str]] = {}
    title = ""
    for heading, names in GROUP.findall(index):
        title = heading or title
        for name in names.split():
            groups.setdefault(title, []).extend(inside := [uri for uri in uris if _in(name, uri)])
            if not inside:
                raise PluginError(f"{INDEX}: there is no module {name}")
    placed = [uri for pages in groups.values() for uri in pages]
    if left := sorted({uri for uri in uris if placed.count(uri) != 1}):
        raise PluginError(f"{INDEX}: in no group, or in more than one: {', '.join(left)}")
    return [INDEX, *({title: pages} for title, pages in groups.items())]


def _in(name: str, uri: str) -> bool:
    """Tell whether a page is that of a module, or of one inside it."""
    return uri == f"{FOLDER}{name}.md" or uri.startswith(f"{FOLDER}{name}/")


def with_modules(markdown: str, file: File, config: MkDocsConfig) -> str:
    """List in the index the modules of each group."""
    if file.src_uri != INDEX:
        return markdown
    found = {address(module.name): module for module in modules(config)}

    def entries(match: re.Match[str]) -> str:
        if not match[2]:
            return match[0]
        return "\n\n".join(_indexed(found[f"{FOLDER}{name}.md"]) for name in match[2].split())

    return GROUP.sub(entries, markdown)


def _indexed(module: Module) -> str:
    """Tell in the index what a module is about, and which ones are inside it."""
    name = module.name.partition(".")[2]
    lines = [f"[`{module.name}`]({name}.md)", f":   {module.phrase}"]
    if module.parts:
        parts = [part.rpartition(".")[2] for part in module.parts]
        lines.append(":   " + ", ".join(f"[`{part}`]({name}/{part}.md)" for part in parts))
    return "\n".join(lines)


def address(name: str) -> str:
    """Name the page of a module."""
    return f"{FOLDER}{name.partition('.')[2].replace('.', '/')}.md"


def listed(nav: Any, uris: list[str]) -> Any:
    """Return the navigation with these pages in the place of their folder."""
    if isinstance(nav, dict):
        return {title: listed(items, uris) for title, items in nav.items()}
    if isinstance(nav, list):
        return [listed(item, uris) for item in nav]
    return uris if nav == FOLDER else nav


def _file(config: MkDocsConfig, uri: str, module: Module, phrases: dict[str, str]) -> File:
    file = File.generated(config, uri, content=page(module, phrases))
    file.edit_uri = f"../{module.path}"  # from docs/, where the other sources are
    return file


def page(module: Module, phrases: dict[str, str]) -> str:
    """Write the page of a module; of those inside it, it takes the phrases."""
    contents = [_links(module)] if module.defined else []
    contents += [_entry(part, phrases[part]) for part in module.parts]
    return PAGE.format(
        name=module.name,
        description=json.dumps(_description(module), ensure_ascii=False),
        contents="\n\n".join(contents),
    )


def _description(module: Module) -> str:
    """Say in plain text what the page holds."""
    if module.parts:
        return f"The package {module.name}. {module.phrase.replace('`', '')}"
    return f"The module {module.name}: what it offers, with its source."


def _links(module: Module) -> str:
    links = [f"[`{name}`][{module.name}.{name}]" for name in module.defined]
    return "On this page:\n" + ",\n".join(links) + "."


def _entry(name: str, phrase: str) -> str:
    """Tell on the page of a package what a module of it is about."""
    package, module = name.split(".")[-2:]
    return f"[`{name}`]({package}/{module}.md)\n:   {phrase}"

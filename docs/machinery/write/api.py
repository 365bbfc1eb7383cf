"""Write a page for each module of the library, and their list into the navigation.

A page links what its module defines and shows its docstrings; that of a package also tells what
each of its modules is about. In the navigation the pages stand where it names the folder ``api/``.
"""

import json
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, file_sort_key

from read.library import Module, modules

FOLDER = "api/"
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
    config.nav = listed(config.nav, [*found])
    phrases = {module.name: module.phrase for module in found.values()}
    pages = [_file(config, uri, module, phrases) for uri, module in found.items()]
    return Files(sorted([*files, *pages], key=file_sort_key))


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

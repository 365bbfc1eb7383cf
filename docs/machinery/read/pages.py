"""What several steps ask of a page."""

import html
import posixpath
import re
from collections.abc import Iterable, Iterator

from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.structure.toc import AnchorLink

TAG = re.compile(r"<[^>]*>")


def is_chapter(file: File) -> bool:
    """Tell whether a page is a chapter."""
    return file.src_uri.startswith("chapters/")


def is_record(file: File) -> bool:
    """Tell whether a page is the record of a chapter: what a sceptic asks for."""
    return file.src_uri.startswith("evidence/")


def record_of(file: File, files: Files) -> File | None:
    """Return the record of a chapter, or the chapter of a record: they have one name."""
    other = "chapters" if is_record(file) else "evidence"
    return files.get_file_from_path(f"{other}/{file.name}.md")


def is_notebook(file: File) -> bool:
    """Tell whether a page is a notebook, which draws figures."""
    return file.src_uri.endswith(".py")


def pages_of(files: Files) -> list[Page]:
    """Return all pages, once every file has its own."""
    return [file.page for file in files.documentation_pages() if file.page]


def html_of(page: Page) -> str:
    """Return the HTML of a page that is rendered."""
    return page.content or ""


def ids_of(page: Page) -> set[str]:
    """Return the addresses within a page; a step adds those that it makes."""
    if page.present_anchor_ids is None:
        page.present_anchor_ids = set()
    return page.present_anchor_ids


def linked(file: File, files: Files, path: str) -> File | None:
    """Return the file to which a page's source links by a relative path."""
    target = posixpath.normpath(posixpath.join(posixpath.dirname(file.src_uri), path))
    return files.get_file_from_path(target)


def listed(toc: Iterable[AnchorLink]) -> Iterator[AnchorLink]:
    """Give all entries of a table of contents, also those below others."""
    for link in toc:
        yield link
        yield from listed(link.children)


def text(content: str) -> str:
    """Return what a reader sees of a part of a page: no tags, and characters for their names."""
    return html.unescape(TAG.sub("", content))

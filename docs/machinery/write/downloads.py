"""Give every chapter as a notebook that has been run: prose, code, checked output and figures.

``chapters/NAME/NAME.ipynb`` is put together from the chapter's Markdown and the figures of this
build; no chapter is run. For the templates, ``page.meta.notebook`` is the file's name, beside the
page, and ``page.meta.colab`` the address at which Colab opens the published one. A stage of the
writer gets a notebook as well, beside its program.
"""

import base64
import html
import posixpath
from functools import partial
from pathlib import Path
from urllib.parse import urldefrag, urljoin, urlsplit

import nbformat
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.utils import meta
from nbformat import NotebookNode
from nbformat.v4 import new_notebook

from read.memory import recall, recall_bytes
from read.pages import is_chapter, is_notebook, linked, pages_of, record_of
from read.plugins import plugin
from read.stages import FOLDER, difference, program
from write import colab, writer
from write.chapter_notebook import pixels, prose
from write.chapter_notebook.cells import Site, cells
from write.chapter_notebook.install import install
from write.chapter_notebook.parts import code, markdown, printed
from write.source import with_sources

INTRODUCTION = """\
{description}

This notebook is [a chapter]({page}) of [{site}]({home}), to be run from top to bottom.
The outputs are those of the page, where the tests compare them with what the code prints.\
"""
STAGE = """\
# {title}

A stage of [the writer]({home}), a program in NumPy alone that grows through the chapters of
[{site}]({home}). Run it from top to bottom, change it, and run it again.\
"""
METADATA = {
    "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
    "language_info": {
        "name": "python",
        "file_extension": ".py",
        "mimetype": "text/x-python",
        "nbconvert_exporter": "python",
        "pygments_lexer": "ipython3",
    },
}


def write(config: MkDocsConfig, files: Files) -> None:
    """Write the notebooks; by now the figures are drawn and all addresses are known."""
    for page in pages_of(files):
        file = page.file
        if is_chapter(file):
            try:
                notebook = assemble(file, config, files)
            except ValueError as error:
                raise PluginError(f"{file.src_uri}: {error}") from error
            path = f"{file.url}{file.name}.ipynb"
            files.append(File.generated(config, path, content=nbformat.writes(notebook) + "\n"))
            page.meta = {**page.meta, **links(path, config)}
    texts = (page.file.content_string for page in pages_of(files) if not is_notebook(page.file))
    printed_by = writer.outputs(texts)
    for stage in [file.src_uri for file in files if file.src_uri.startswith(f"{FOLDER}/")]:
        name = stage.removeprefix(f"{FOLDER}/")
        content = nbformat.writes(stage_notebook(name, printed_by.get(name), config)) + "\n"
        files.append(File.generated(config, writer.notebook(stage), content=content))


def assemble(file: File, config: MkDocsConfig, files: Files) -> NotebookNode:
    """Put the notebook of a chapter together: the lesson, then its record."""
    _, front = meta.get_data(file.content_string)
    title, *rest = _cells_of(file, config, files)
    if record := record_of(file, files):
        rest += _cells_of(record, config, files)
    introduction = INTRODUCTION.format(
        description=front["description"],
        page=_published(file.url, config),
        site=config.site_name,
        home=config.site_url,
    )
    needs = [[cell.source for cell in rest if cell.cell_type == "code"], config.extra["repository"]]
    first = recall(config, ["install", *needs], partial(install, *needs))
    return _numbered([title, markdown(introduction), code(first, []), *rest])


def stage_notebook(name: str, output: str | None, config: MkDocsConfig) -> NotebookNode:
    """Cut a stage of the writer into a cell for each of its parts; the last of them prints."""
    title, *parts = program(Path(config.docs_dir), name).split("\n\n", 1)
    *before, last = "\n\n".join(parts).split("\n\n\n")
    heading = STAGE.format(
        title=title.strip('"').rstrip("."), home=config.site_url, site=config.site_name
    )
    shown = printed(output) if output else []
    return _numbered([markdown(heading), *(code(part, []) for part in before), code(last, shown)])


def _cells_of(file: File, config: MkDocsConfig, files: Files) -> list[NotebookNode]:
    """Return the cells of one page."""
    text, _ = meta.get_data(file.content_string)
    site = Site(
        prose=partial(
            prose.for_jupyter,
            equations=prose.numbers(text),
            link=partial(_address, file, config, files),
            name=partial(_definition, config),
        ),
        picture=partial(_picture, file, config, files),
        listing=partial(_listing, file, config),
        program=partial(program, Path(config.docs_dir)),
        difference=partial(difference, Path(config.docs_dir)),
    )
    return cells(text, site)


def _numbered(cells: list[NotebookNode]) -> NotebookNode:
    """Give the cells their ids, and the code its order."""
    run = 0
    for number, cell in enumerate(cells, start=1):
        # Colab looks for the id among the metadata.
        cell.id = cell.metadata.id = f"cell-{number}"
        if cell.cell_type == "code":
            run += 1
            cell.execution_count = run
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = run
    folded = [cell.id for cell in cells if "jp-MarkdownHeadingCollapsed" in cell.metadata]
    metadata = METADATA | {"colab": {"collapsed_sections": folded, "provenance": []}}
    # This holds them against the format.
    notebook: NotebookNode = new_notebook(cells=cells, metadata=metadata)
    return notebook


def links(path: str, config: MkDocsConfig) -> dict[str, str]:
    """Return what a page links to: the notebook beside it, and where Colab opens it."""
    return {"notebook": posixpath.basename(path), "colab": colab.address(path, config)}


def _address(file: File, config: MkDocsConfig, files: Files, link: str) -> str:
    """Return the address on the published site to which a link of a chapter leads."""
    path, anchor = urldefrag(link)
    if urlsplit(link).scheme:
        return link
    target = _target(file, files, path) if path else file
    address = _published(target.url, config)
    return f"{address}#{anchor}" if anchor else address


def _published(address: str, config: MkDocsConfig) -> str:
    return urljoin(str(config.site_url), address)


def _target(file: File, files: Files, path: str) -> File:
    if found := linked(file, files, path):
        return found
    raise ValueError(f"a link leads to no page: {path}")


def _definition(config: MkDocsConfig, name: str) -> str:
    """Return the address of a function, class or module of the library."""
    try:
        address, _ = plugin(config, "autorefs").get_item_url(name)
    except KeyError as error:
        raise ValueError(f"there is no definition of {name}") from error
    return _published(address, config)


def _listing(file: File, config: MkDocsConfig, fence: str) -> str:
    """Show code of the library as the page does, below the name of its file."""
    first, _, rest = with_sources(fence, file, config).partition("\n")
    path = first.partition('title="')[2].rstrip('"')
    return f"`{path}`:\n\n```python\n{rest}"


def _picture(file: File, config: MkDocsConfig, files: Files, link: str, alt: str) -> str:
    """Return a figure as an image that needs no other file."""
    path, name = urldefrag(link)
    drawn = files.get_file_from_path(f"{_target(file, files, path).url}{name}-light.svg")
    if drawn is None:
        raise ValueError(f"{path} draws no figure #{name}")
    svg = drawn.content_string
    picture = recall_bytes(config, ["pixels", svg], partial(pixels.draw, svg))
    data, width = base64.b64encode(picture).decode(), pixels.width(picture)
    return f'<img src="data:image/png;base64,{data}" alt="{html.escape(alt)}" width="{width}">'

"""Make the cells of a notebook and their outputs.

The functions of nbformat hold each of them against the whole format. Here that is done once for a
whole notebook, when it is complete.
"""

from typing import Any

from nbformat import NotebookNode, from_dict


def markdown(source: str, metadata: dict[str, Any] | None = None) -> NotebookNode:
    """Make a cell of running text; it has no id yet."""
    return from_dict({"cell_type": "markdown", "metadata": metadata or {}, "source": source})


def code(source: str, outputs: list[NotebookNode]) -> NotebookNode:
    """Make a cell of code; it has neither an id nor a number yet."""
    cell = {"cell_type": "code", "execution_count": None, "metadata": {}}
    return from_dict(cell | {"outputs": outputs, "source": source.strip("\n")})


def printed(text: str) -> list[NotebookNode]:
    """Make the outputs of a cell that prints a text."""
    return [from_dict({"output_type": "stream", "name": "stdout", "text": text})]


def result(text: str) -> NotebookNode:
    """Make the output of a cell that ends with a value."""
    output = {"output_type": "execute_result", "execution_count": None, "metadata": {}}
    return from_dict(output | {"data": {"text/plain": text}})

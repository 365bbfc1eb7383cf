"""Make the cells of a notebook and their outputs.

The functions of nbformat hold each of them against the whole format. Here that is done once for a
whole notebook, when it is complete.
"""

from typing import Any

from nbformat import NotebookNode, from_dict


def markdown(source: str, metadata: dict[str, Any] | None = None) -> NotebookNode:
    """Make a cell of running text; it has no id yet."""
    return _node({"cell_type": "markdown", "metadata": metadata or {}, "source": source})


def code(source: str, outputs: list[NotebookNode]) -> NotebookNode:
    """Make a cell of code; it has neither an id nor a number yet."""
    cell: dict[str, Any] = {"cell_type": "code", "execution_count": None, "metadata": {}}
    return _node(cell | {"outputs": outputs, "source": source.strip("\n")})


def printed(text: str) -> list[NotebookNode]:
    """Make the outputs of a cell that prints a text."""
    return [_node({"output_type": "stream", "name": "stdout", "text": text})]


def result(text: str) -> NotebookNode:
    """Make the output of a cell that ends with a value."""
    output: dict[str, Any] = {"output_type": "execute_result", "execution_count": None}
    return _node(output | {"metadata": {}, "data": {"text/plain": text}})


def _node(content: dict[str, Any]) -> NotebookNode:
    node: NotebookNode = from_dict(content)
    return node

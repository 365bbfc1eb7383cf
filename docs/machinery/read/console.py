"""Read a console session: the statements behind its prompts, without their output."""

from collections.abc import Iterable
from doctest import DocTestParser, Example


def runnable(console: str) -> str:
    """Return the source of a console session."""
    return script(DocTestParser().get_examples(console))


def script(examples: Iterable[Example]) -> str:
    """Join the statements of a console session.

    A block statement is followed by an empty line: a Python prompt needs it, a script allows it.
    """
    sources = [example.source for example in examples]
    return "".join(f"{source}\n" if _is_block(source) else source for source in sources)


def _is_block(source: str) -> bool:
    return source.rstrip().splitlines()[-1].startswith((" ", "\t"))

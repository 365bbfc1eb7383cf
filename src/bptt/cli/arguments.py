"""What several commands ask for in the same words."""

from typing import TYPE_CHECKING, Any

from bptt.lm import pretrained

if TYPE_CHECKING:
    import click

SHIPPED = "Without MODEL, the folder of one, it is the one that the package brings along."


def model() -> "click.Argument":
    """Return the folder of a model; without one, that of the model that is shipped."""
    from click import Argument

    return Argument(["model"], metavar="[MODEL]", default=str(pretrained.FOLDER))


def corpus(default: str) -> "click.Option":
    """Return the option for the text.

    Parameters
    ----------
    default : str
        Which one it is without the option, in words.
    """
    from click import Option

    words = "Tiny Shakespeare, the standard library's prose, a UTF-8 file, or standard input."
    words += f"  [default: {default}]"
    return Option(["--text"], metavar="shakespeare|library|PATH|-", help=words)


def setting(name: str, words: str, kind: Any, default: object) -> "click.Option":
    """Return an option that is None unless it is typed.

    Parameters
    ----------
    name : str
        What is typed, without the dashes.
    words : str
        What it is.
    kind : type
        That of the value, as click knows them.
    default : object
        What is taken where it is not typed, in words.
    """
    from click import Option

    return Option([f"--{name}"], type=kind, help=f"{words}  [default: {default}]")

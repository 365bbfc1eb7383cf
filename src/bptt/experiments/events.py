"""What happens in a play, a number at each character: what a unit may follow."""

import re

import numpy as np

from bptt.shapes import Array

EVENTS = ("line", "sentence", "word", "name", "apostrophe")
BINARY = ("name", "apostrophe")  # of 0 and 1


def events(whole: str) -> dict[str, Array]:
    """Return what happens at each of the N characters of a text: int64 (N,) for each of `EVENTS`.

    Distances count from the text's start where there is nothing else to count from.

    Parameters
    ----------
    whole : str
        The text.
    """
    characters = np.array(list(whole))
    inside = {
        # A speaker: all of the first line of a paragraph, up to the colon at its end.
        "name": re.finditer(r"(?:(?<=\n\n)|\A)[^\n:]+(?=:\n)", whole),
        "apostrophe": re.finditer(r"'[A-Za-z]+", whole),
    }
    found = {
        "line": _since(characters == "\n"),
        "sentence": _since(np.isin(characters, list(".?!"))),
        "word": _since(~(np.char.isalpha(characters) | (characters == "'"))),
    }
    for name, matches in inside.items():
        marks = np.zeros(len(whole), np.int64)
        for match in matches:
            marks[slice(*match.span())] = 1
        found[name] = marks
    return found


def _since(marks: Array) -> Array:
    """Count how many places ago the last mark was, or one before the start: 0 at a mark."""
    places = np.arange(len(marks))
    return np.asarray(places - np.maximum.accumulate(np.where(marks, places, -1)))

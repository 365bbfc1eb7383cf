r"""What does a single unit of the language model follow in running text? The shipped weights.

Each event gives a number at every character. The first three are known from the text so far; the
others look ahead, to the colon after a name and to the letter after an apostrophe:

- `line`, how many characters ago the last line break was;
- `sentence`, how many characters ago the last full stop, question mark or exclamation mark was;
- `word`, how many characters the word has so far, apostrophes counted, and 0 outside words;
- `name`, 1 within the name of a speaker, before the colon, and 0 elsewhere;
- `apostrophe`, 1 from an apostrophe before a letter to the end of the word, and 0 elsewhere.

There is no double quote in Tiny Shakespeare, so nothing can be asked about being inside quotes.

The text has two halves. On the first, of all numbers of all states (h and c of every layer), the
one with the largest absolute correlation with the event is taken: `maximum` is this correlation.
On the second half it is measured again, with the sign of the first: `held_out`. Nothing is chosen
there. Three nulls stand against it:

- **Shifted events.** The event of each half is moved round in a circle against the states, by all
  distances but the shortest; both are as smooth as before, but no longer belong together. For each
  distance a unit is chosen and measured again in the same way. Neighbouring distances give nearly
  the same number, so a p-value is coarser than their count suggests. What passes this null has to
  do with the text, and no more is said: any network that reads has.
- **Untrained networks** of the same shape, with first weights as in training, that read the same
  text. Each chooses its own unit. They show what is there before anything is learnt: any network
  sees that a character was a line break or a capital, and forgets it slowly.
- **A window.** Ridge regression of the event on which characters the last k were, fitted on the
  first half and correlated with the event on the second. It is told what to look for, and adds up
  65 k weights. A unit above it does better than this sum; one below it may be no more than a
  detector of a few letters.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bptt import text
from bptt.experiments.language_cells import MADE_UP, WORDS
from bptt.lm import folder, pretrained
from bptt.lm.network import is_tied
from bptt.lm.settings import Settings as Training
from bptt.lm.update import start
from bptt.shapes import Array

EVENTS = ("line", "sentence", "word", "name", "apostrophe")
BINARY = ("name", "apostrophe")
QUANTILES = (0.5, 0.95, 0.99, 1.0)  # of a null, as they are stored
SHOWN = 300  # characters of the second half, for a figure


def weights_hash() -> str:
    """Return the SHA-256 of the weights that the package brings along.

    Returns
    -------
    str
        In hexadecimal digits; empty if there are no weights.
    """
    file = pretrained.FOLDER / folder.WEIGHTS
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""


@dataclass(frozen=True)
class Settings:
    """What is run: the shipped network, and an untrained one for each seed.

    Attributes
    ----------
    weights : str
        The SHA-256 of the weights. A result of other weights is stale.
    corpus : str
        `tiny shakespeare`, whose validation part is read from its start, or `made up`.
    half : int
        The number of characters of each half.
    pieces : int
        So many pieces of both halves together are read side by side, each from a state of zeros.
    lead : int
        So many characters before its own each piece reads first.
    shortest : int
        The shortest distance by which an event is shifted, either way round, in characters.
    windows : tuple of int
        The lengths k of the windows, in characters.
    seeds : tuple of int
        The seeds of the untrained networks.
    """

    weights: str = weights_hash()
    corpus: str = "tiny shakespeare"
    half: int = 8192
    pieces: int = 64
    lead: int = 128
    shortest: int = 256
    windows: tuple[int, ...] = (1, 8, 16, 32)
    seeds: tuple[int, ...] = tuple(range(20))


FULL = Settings()
REDUCED = Settings(corpus=MADE_UP, half=1024, pieces=32, lead=64, windows=(1, 8), seeds=(0, 1))


def cases(settings: Settings, _: list[Any]) -> list[dict[str, Any]]:
    """Return the shipped network, and then the untrained ones.

    Parameters
    ----------
    settings : Settings
        What to run.
    _ : list of Run
        The runs so far, on which nothing depends.

    Returns
    -------
    list of dict
        The cases; `score` takes one.
    """
    shared = {**asdict(settings), "windows": list(settings.windows)}
    del shared["seeds"]
    networks = [("trained", settings.seeds[0]), *(("untrained", seed) for seed in settings.seeds)]
    return [{"network": network, "seed": seed, **shared} for network, seed in networks]


def score(case: dict[str, Any]) -> dict[str, Any]:
    """Let one network read the text, and look for a unit for each event.

    Parameters
    ----------
    case : dict
        Which network, what it reads, and how.

    Returns
    -------
    dict
        For each event, with its name and a space before the following: `maximum` and `held_out`,
        as above; `layer` (from 0), `field` (`h` or `c`) and `unit`, which it was; `auc`, for an
        event of 0 and 1, on the second half: the probability that the unit, times the sign, is
        higher at a 1 than at a 0.

        Of the trained network moreover `null maximum` and `null held_out`, the quantiles 0.5,
        0.95, 0.99 and 1 of the shifts; `p maximum` and `p held_out`; `window`, the correlation
        for each k, and `window auc`; `values` and `states`, the event and the unit at each
        character of `text`, which is a part of the second half, from its first speaker on.
    """
    model = pretrained.load()
    trained = case["network"] == "trained"
    params = model.params if trained else untrained(model, case["seed"])
    whole, first = passage(case)
    half, codes = case["half"], model.vocabulary.encode(whole)
    names, states = read(
        model.cell, params, codes, first=first, pieces=case["pieces"], lead=case["lead"]
    )
    halves = [standardised(states[:, :half]), standardised(states[:, half:])]
    happens = {event: series[first:] for event, series in events(whole).items()}
    if trained:
        values = np.stack(list(happens.values()), axis=1)
        guesses = np.stack([window(codes, values, k, len(params.E)) for k in case["windows"]])
        shown = shown_part(whole[first + half :])
    found: dict[str, Any] = {"text": whole[first + half :][shown]} if trained else {}
    for number, (event, series) in enumerate(happens.items()):
        both = [standardised(series[None, :half]), standardised(series[None, half:])]
        on_first, on_second = (a @ b[0] for a, b in zip(halves, both, strict=True))
        best = int(np.abs(on_first).argmax())
        sign = np.sign(on_first[best])
        scores = {"maximum": abs(on_first[best]), "held_out": sign * on_second[best]}
        here = {name: rounded(r) for name, r in scores.items()}
        here |= dict(zip(("layer", "field", "unit"), names[best], strict=True))
        second, marks = states[best, half:], series[half:] > 0
        if event in BINARY:
            here["auc"] = rounded(auc(sign * second, marks))
        if trained:
            nulls = shifted(halves, both, case["shortest"])
            for (name, r), null in zip(scores.items(), nulls, strict=True):
                here[f"null {name}"] = rounded(np.quantile(null, QUANTILES))
                here[f"p {name}"] = rounded(p_value(r, null), 6)
            rows = guesses[:, number]
            here["window"] = rounded(standardised(rows) @ both[1][0])
            if event in BINARY:
                here["window auc"] = rounded([auc(row, marks) for row in rows])
            here["values"] = series[half:][shown].tolist()
            here["states"] = rounded(second[shown], 3)
        found |= {f"{event} {name}": value for name, value in here.items()}
    return found


def rounded(values: ArrayLike, digits: int = 4) -> Any:
    """Round numbers for a file.

    Parameters
    ----------
    values : array_like
        A number, or many.
    digits : int
        The digits after the point.

    Returns
    -------
    float or list of float
        As many.
    """
    return np.asarray(values, np.float64).round(digits).tolist()


def untrained(model: folder.Model, seed: int) -> Any:
    """Draw weights as a training would start with them.

    Parameters
    ----------
    model : Model
        The model, for its shape.
    seed : int
        The seed of the weights.

    Returns
    -------
    Params
        The weights.
    """
    params = model.params
    settings = Training(
        cell=model.cell.__name__.removeprefix("bptt."),
        embedding=params.E.shape[1],
        widths=tuple(len(p.W_h) for p in params.layers),
        tied=is_tied(params),
        batch=1,
        seed=seed,
    )
    return start(settings, len(params.E)).params


def passage(case: dict[str, Any]) -> tuple[str, int]:
    """Return the text that is read.

    Parameters
    ----------
    case : dict
        The corpus and its sizes.

    Returns
    -------
    text : str
        The characters that lead in, and then the two halves.
    first : int
        Where the first half begins.
    """
    if case["corpus"] == MADE_UP:
        whole = made_up_play()
    else:
        _, whole = text.split(text.tiny_shakespeare())
    return whole[: case["lead"] + 2 * case["half"]], case["lead"]


def made_up_play() -> str:
    """Return a play for small tests: speakers in turn, with random words.

    Returns
    -------
    str
        About 20,000 characters, always the same.
    """
    rng = np.random.default_rng(0)
    parts = []
    for _ in range(200):
        lines = [" ".join(rng.choice(WORDS, rng.integers(5, 9))) for _ in range(rng.integers(1, 5))]
        speech = "\n".join(line.capitalize() for line in lines).replace("tis", "'tis")
        parts.append(f"{rng.choice(['HAMLET', 'OPHELIA', 'First Lord'])}:\n{speech}.")
    return "\n\n".join(parts)


def events(whole: str) -> dict[str, Array]:
    """Return what happens in a text, a number for each character.

    Parameters
    ----------
    whole : str
        N characters.

    Returns
    -------
    dict of str to ndarray of int64, shape (N,)
        The events by name, in the order of `EVENTS`. Distances count from the text's start where
        there is nothing else to count from.
    """
    characters = np.array(list(whole))
    inside = {
        # A speaker: all of the first line of a paragraph, up to the colon at its end.
        "name": re.finditer(r"(?:(?<=\n\n)|\A)[^\n:]+(?=:\n)", whole),
        "apostrophe": re.finditer(r"'[A-Za-z]+", whole),
    }
    found = {
        "line": since(characters == "\n"),
        "sentence": since(np.isin(characters, list(".?!"))),
        "word": since(~(np.char.isalpha(characters) | (characters == "'"))),
    }
    for name, matches in inside.items():
        marks = np.zeros(len(whole), np.int64)
        for match in matches:
            marks[slice(*match.span())] = 1
        found[name] = marks
    return found


def since(marks: Array) -> Array:
    """Count how many places ago the last mark was: 0 at a mark.

    Parameters
    ----------
    marks : ndarray of bool of shape (N,)
        The marks.

    Returns
    -------
    ndarray of int64 of shape (N,)
        The distances; before the first mark, those to a mark before the start.
    """
    places = np.arange(len(marks))
    return np.asarray(places - np.maximum.accumulate(np.where(marks, places, -1)))


def read(
    cell: Any, params: Any, codes: Array, *, first: int, pieces: int, lead: int
) -> tuple[list[tuple[int, str, int]], Array]:
    """Let a network read a text in pieces side by side, and keep all its states.

    Parameters
    ----------
    cell : module
        The cell of all layers.
    params : Params
        The weights.
    codes : ndarray of int of shape (N,)
        The text.
    first : int
        Where the first piece begins, at least `lead`.
    pieces : int
        The number of pieces, which has to divide what is read.
    lead : int
        How many characters before its own a piece reads, from a state of zeros.

    Returns
    -------
    names : list of tuple of int, str and int
        For each number of a state its layer, its field and its place in it.
    states : ndarray of shape (len(names), N - first)
        Each after every character from the first on.
    """
    length = (len(codes) - first) // pieces
    places = first - lead + length * np.arange(pieces)
    now = [cell.zero_state(p, pieces) for p in params.layers]
    names = [
        (layer, field, unit)
        for layer, state in enumerate(now)
        for field, array in state._asdict().items()
        for unit in range(array.shape[1])
    ]
    states = np.empty((length, pieces, len(names)), np.float32)
    for t in range(lead + length):
        x = params.E[codes[places + t]]
        for layer, p in enumerate(params.layers):
            now[layer], _ = cell.step(p, x, now[layer])
            x = now[layer].h
        if t >= lead:
            np.concatenate([a for s in now for a in s], axis=1, out=states[t - lead])
    return names, states.transpose(2, 1, 0).reshape(len(names), -1)


def standardised(series: ArrayLike) -> Array:
    """Shift and scale rows so that the product of two is their correlation.

    Parameters
    ----------
    series : array_like of shape (M, N)
        The rows.

    Returns
    -------
    ndarray of shape (M, N)
        Rows of mean 0 and norm 1, in float32; a row that does not vary becomes zero.
    """
    rows = np.asarray(series)
    rows = (rows - rows.mean(axis=1, keepdims=True, dtype=np.float64)).astype(np.float32)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: Array = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 1e-4)
    return scaled


def shifted(states: Sequence[Array], event: Sequence[Array], shortest: int) -> tuple[Array, Array]:
    """Choose and measure a unit for each shift of the event, in a circle within each half.

    Parameters
    ----------
    states : sequence of two ndarray of shape (M, N)
        The states on both halves, standardised.
    event : sequence of two ndarray of shape (1, N)
        The event on both halves, standardised.
    shortest : int
        The shortest distance, either way round.

    Returns
    -------
    maximum : ndarray of shape (N - 2 * shortest + 1,)
        For each shift the largest absolute correlation on the first half.
    held_out : ndarray of the same shape
        The correlation of the same unit on the second half, times its sign on the first.
    """
    N = states[0].shape[1]
    shifts = slice(shortest, N - shortest + 1)
    waves = [np.fft.rfft(values).conj() for values in event]
    maximum, held_out = np.zeros((2, N - 2 * shortest + 1))
    for part in range(0, len(states[0]), 128):  # a matter of memory only
        on_first, on_second = (
            np.fft.irfft(np.fft.rfft(rows[part : part + 128]) * wave, N)[:, shifts]
            for rows, wave in zip(states, waves, strict=True)
        )
        best = np.abs(on_first).argmax(axis=0)[None]
        first, second = (np.take_along_axis(r, best, 0)[0] for r in (on_first, on_second))
        better = np.abs(first) > maximum
        maximum = np.where(better, np.abs(first), maximum)
        held_out = np.where(better, np.sign(first) * second, held_out)
    return maximum, held_out


def p_value(observed: float, null: ArrayLike) -> float:
    r"""Return the share of a null that is at least as large, the observation counted with it.

    $$
    p = \frac{1 + \#\{\text{null} \ge \text{observed}\}}{1 + n}
    $$

    Parameters
    ----------
    observed : float
        What was found.
    null : array_like of shape (n,)
        What is found where there is nothing.

    Returns
    -------
    float
        From 1 / (1 + n) to 1.
    """
    null = np.asarray(null)
    return float((1 + (null >= observed).sum()) / (1 + null.size))


def window(codes: Array, values: Array, k: int, characters: int) -> Array:
    """Predict events from the last k characters, by a linear regression with a ridge of 1.

    Parameters
    ----------
    codes : ndarray of int of shape (first + N,)
        The text.
    values : ndarray of shape (N, M)
        M events at its last N characters, of which the first half is fitted.
    k : int
        The length of the window; the character of the event is its last.
    characters : int
        K, the number of characters.

    Returns
    -------
    ndarray of shape (M, N - N // 2)
        The predictions on the second half.
    """
    first, half = len(codes) - len(values), len(values) // 2
    single = np.eye(characters, dtype=np.float32)
    features = np.concatenate(
        [single[codes[first - back : len(codes) - back]] for back in range(k)], axis=1
    )
    X, y = (rows[:half] - rows[:half].mean(axis=0) for rows in (features, values))
    solution = np.linalg.solve(X.T @ X + np.eye(X.shape[1]), X.T @ y)
    return np.asarray((features[half:] @ solution).T)


def auc(series: Array, marks: Array) -> float:
    """Return the probability that a value at a mark is higher than one elsewhere.

    Parameters
    ----------
    series : ndarray of shape (N,)
        The values; of equal ones, the earlier counts as the lower.
    marks : ndarray of bool of shape (N,)
        The marks, at least one, and not everywhere.

    Returns
    -------
    float
        The area under the receiver operating characteristic, from 0 to 1.
    """
    ranks = np.empty(len(series))
    ranks[np.argsort(series, kind="stable")] = np.arange(1, len(series) + 1)
    n = int(marks.sum())
    return float((ranks[marks].sum() - n * (n + 1) / 2) / (n * (len(series) - n)))


def shown_part(half: str) -> slice:
    """Return what a figure shows: some characters from the first speaker on.

    Parameters
    ----------
    half : str
        The text of the second half.

    Returns
    -------
    slice
        Where the part is.
    """
    speaker = half.find("\n\n") + 2
    return slice(speaker, speaker + SHOWN)

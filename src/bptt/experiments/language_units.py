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
- **Windows.** Ridge regression of the event on which characters the last k were, fitted on the
  first half and correlated with the event on the second. It is told what to look for, and adds up
  65 k weights. A unit above it does better than this sum; one below it may be no more than a
  detector of a few letters. A sum is not all that can be made of k characters. So there is a second
  one, in which each character counts only where it stood last: a function of how long ago that
  was, not linear in the window. A unit above both for some k still may need no more than k
  characters, since another function of them may do better than these two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import ArrayLike

from bptt import text
from bptt.cell import AnyCell
from bptt.experiments.corpora import MADE_UP, play
from bptt.experiments.events import BINARY, events
from bptt.experiments.plan import shared
from bptt.experiments.statistics import auc, p_value, shifted, standardised, window
from bptt.lm import folder, pretrained
from bptt.lm.network import is_tied
from bptt.lm.settings import Settings as Training
from bptt.lm.update import start
from bptt.shapes import Array

# The SHA-256 of the weights that the package brings along; a test compares it with their file.
WEIGHTS = "52d1d2c309884577025ccb5de4bde5f766d5b506b1cc992cc6d71a857cfea4d9"
QUANTILES = (0.5, 0.95, 0.99, 1.0)  # of a null, as they are stored
WINDOWS = ("window", "latest")  # all characters of the window, or each where it stood last
SHOWN = 300  # characters of the second half, for a figure


@dataclass(frozen=True)
class Settings:
    """What is run: the shipped network, and an untrained one for each seed."""

    weights: Annotated[str, "their SHA-256; with others the result is stale"] = WEIGHTS
    corpus: Annotated[str, "the start of its validation part, or `made up`"] = "tiny shakespeare"
    half: Annotated[int, "the number of characters of each half"] = 8192
    pieces: Annotated[int, "so many parts of the text are read side by side, from zeros"] = 64
    lead: Annotated[int, "so many characters before its own each piece reads first"] = 128
    shortest: Annotated[int, "the shortest shift, either way round, in characters"] = 256
    windows: Annotated[tuple[int, ...], "the lengths k, in characters"] = (1, 8, 16, 20, 32)
    seeds: Annotated[tuple[int, ...], "the seeds of the untrained networks"] = tuple(range(20))


FULL = Settings()
REDUCED = Settings(corpus=MADE_UP, half=1024, pieces=32, lead=64, windows=(1, 8), seeds=(0, 1))


def cases(settings: Settings, runs: list[Any]) -> list[dict[str, Any]]:  # noqa: ARG001  # as every experiment
    """Return the shipped network, and then the untrained ones."""
    same = shared(settings, "seeds")
    networks = [("trained", settings.seeds[0]), *(("untrained", seed) for seed in settings.seeds)]
    return [{"network": network, "seed": seed, **same} for network, seed in networks]


def score(case: dict[str, Any]) -> dict[str, Any]:
    """Let one network read the text, and look for a unit for each event.

    For each event, with its name and a space before the following: `maximum` and `held_out`, as
    above; `layer` (from 0), `field` (`h` or `c`) and `unit`, which it was; `auc`, for an event of 0
    and 1, on the second half: the probability that the unit, times the sign, is higher at a 1 than
    at a 0.

    Of the trained network moreover `null maximum` and `null held_out`, the quantiles 0.5, 0.95,
    0.99 and 1 of the shifts; `p maximum` and `p held_out`; `window`, the correlation for each k,
    and `window auc`; `latest` and `latest auc`, the same of the second kind of window; `values` and
    `states`, the event and the unit at each character of `text`, which is a part of the second
    half, from its first speaker on.
    """
    model = pretrained.load()
    trained = case["network"] == "trained"
    params = model.params if trained else _untrained(model, case["seed"])
    whole, first = _passage(case)
    half, codes = case["half"], model.vocabulary.encode(whole)
    names, states = _read(
        model.cell, params, codes, first=first, pieces=case["pieces"], lead=case["lead"]
    )
    halves = [standardised(states[:, :half]), standardised(states[:, half:])]
    happens = {event: series[first:] for event, series in events(whole).items()}
    if trained:
        values = np.stack(list(happens.values()), axis=1)
        guesses = {
            name: [
                window(codes, values, k, len(params.E), latest=name == "latest")
                for k in case["windows"]
            ]
            for name in WINDOWS
        }
        shown = _shown_part(whole[first + half :])
    found: dict[str, Any] = {"text": whole[first + half :][shown]} if trained else {}
    for number, (event, series) in enumerate(happens.items()):
        both = [standardised(series[None, :half]), standardised(series[None, half:])]
        best, sign, scores = _best_unit(halves, both)
        here = {name: _rounded(r) for name, r in scores.items()}
        here |= dict(zip(("layer", "field", "unit"), names[best], strict=True))
        second, marks = states[best, half:], series[half:] > 0
        if event in BINARY:
            here["auc"] = _rounded(auc(sign * second, marks))
        if trained:
            here |= _nulls(scores, shifted(halves, both, case["shortest"]))
            for name, each in guesses.items():
                rows = np.stack([guess[number] for guess in each])
                here[name] = _rounded(standardised(rows) @ both[1][0])
                if event in BINARY:
                    here[f"{name} auc"] = _rounded([auc(row, marks) for row in rows])
            here["values"] = series[half:][shown].tolist()
            here["states"] = _rounded(second[shown], 3)
        found |= {f"{event} {name}": value for name, value in here.items()}
    return found


def _best_unit(
    halves: Sequence[Array], both: Sequence[Array]
) -> tuple[int, float, dict[str, float]]:
    """Choose the unit on the first half; return its number, its sign and its scores."""
    on_first, on_second = (states @ event[0] for states, event in zip(halves, both, strict=True))
    best = int(np.abs(on_first).argmax())
    sign = np.sign(on_first[best])
    return best, sign, {"maximum": abs(on_first[best]), "held_out": sign * on_second[best]}


def _nulls(scores: dict[str, float], nulls: tuple[Array, Array]) -> dict[str, Any]:
    found = {}
    for (name, r), null in zip(scores.items(), nulls, strict=True):
        found[f"null {name}"] = _rounded(np.quantile(null, QUANTILES))
        found[f"p {name}"] = _rounded(p_value(r, null), 6)
    return found


def _rounded(values: ArrayLike, digits: int = 4) -> Any:
    return np.asarray(values, np.float64).round(digits).tolist()


def _untrained(model: folder.Model, seed: int) -> Any:
    """Draw weights of the same shape, as a training would start with them."""
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


def _passage(case: dict[str, Any]) -> tuple[str, int]:
    """Return the characters that lead in and then both halves, and where the first half begins."""
    if case["corpus"] == MADE_UP:
        whole = play()
    else:
        _, whole = text.split(text.tiny_shakespeare())
    return whole[: case["lead"] + 2 * case["half"]], case["lead"]


def _read(
    cell: AnyCell, params: Any, codes: Array, *, first: int, pieces: int, lead: int
) -> tuple[list[tuple[int, str, int]], Array]:
    """Let a network read a text in pieces side by side, each from zeros, and keep all its states.

    Returns for each number of a state its layer, its field and its place in it; and (names, N -
    first), these numbers after every character from the first on. The pieces divide what is read.
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


def _shown_part(half: str) -> slice:
    """Return what a figure shows: some characters of the second half, from a speaker on."""
    speaker = half.find("\n\n") + 2
    return slice(speaker, speaker + SHOWN)

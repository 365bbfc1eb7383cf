"""The options of a training: what the command line offers, and how a card tells it again."""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from bptt import shapes
from bptt.cells import CELLS
from bptt.lm.dropout import Rates
from bptt.lm.settings import Settings, settings_of

# A network that learns the default text in a few minutes on one core.
SMALL = {"embedding": 64, "widths": (192,), "batch": 16, "chunk": 64, "steps": 4000}
USUAL = Settings()


class Option(NamedTuple):
    """A setting that can be chosen."""

    name: Annotated[str, "of the field of `Settings`, or of its `Rates`"]
    kind: Annotated[type, "of what is typed"]
    words: Annotated[str, "what it is"]
    default: Annotated[str, "its value, or how it follows from others"]
    choices: Annotated[tuple[str, ...], "all values, if they can be listed"] = ()


def shown(value: Any) -> str:
    """Write a setting as it is typed: numbers of a tuple with commas between them.

    Parameters
    ----------
    value : object
        The setting.
    """
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def _small(name: str) -> str:
    return shown(SMALL[name])


OPTIONS = (
    Option("cell", str, "The cell of all layers.", USUAL.cell, tuple(CELLS)),
    Option("embedding", int, "Numbers for each character.", _small("embedding")),
    Option("widths", str, "Units of each layer, such as 512,512.", _small("widths")),
    Option("tied", bool, "Whether the head shares the embedding.", "untied"),
    Option("batch", int, "Places that are read side by side.", _small("batch")),
    Option("chunk", int, "Characters between two updates.", _small("chunk")),
    Option("steps", int, "Updates.", _small("steps")),
    Option("lr", float, "The learning rate at its highest.", str(USUAL.lr)),
    Option("warmup", int, "Steps in which it rises.", "a twentieth of all"),
    Option("decay", int, "Last steps, in which it falls.", "all others"),
    Option("inputs", float, "Share dropped of the lowest layer's inputs.", "0"),
    Option("between", float, "Share dropped between layers.", "0"),
    Option("outputs", float, "Share dropped before the head.", "0"),
    Option("recurrent", float, "Share dropped of W_h.", "0"),
    Option("fresh", float, "Share of places that start a chunk from zeros.", "0"),
    Option("average", float, "Decay of the mean of the weights that predicts.", "0, no mean"),
    Option("seed", int, "Decides all that is drawn.", str(USUAL.seed)),
)


def chosen(typed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that were typed, by name.

    Parameters
    ----------
    typed : mapping
        What was typed for each option; None for nothing.

    Raises
    ------
    ValueError
        If the widths are not whole numbers.
    """
    given = {name: value for name, value in typed.items() if value is not None}
    if "widths" in given:
        given["widths"] = _widths(given["widths"])
    return given


def _widths(widths: str) -> tuple[int, ...]:
    try:
        return tuple(map(int, widths.split(",")))
    except ValueError:
        raise ValueError(
            f"--widths must be whole numbers with commas between them, got {shapes.shown(widths)}"
        ) from None


def settings(given: Mapping[str, Any]) -> Settings:
    """Return the settings of a training; the rate rises for a while, and falls until the end.

    Parameters
    ----------
    given : mapping
        The settings that were chosen; the others are those of a small network.

    Raises
    ------
    ValueError
        If one is out of its range.
    """
    values = {**SMALL, **given}
    rates = Rates(**{name: values.pop(name) for name in vars(Rates()) if name in values})
    values.setdefault("warmup", values["steps"] // 20)
    values.setdefault("decay", max(0, values["steps"] - values["warmup"]))
    return Settings(**values, rates=rates)


def typed(plain: Mapping[str, Any]) -> str:
    """Write settings as one types them, as options of `bptt train`.

    Parameters
    ----------
    plain : mapping
        The settings by name, as `bptt.lm.settings.settings_of` reads them.
    """
    values = {**dataclasses.asdict(settings_of(plain)), **plain["rates"]}
    words = [f"--{o.name} {shown(values[o.name])}" for o in OPTIONS if o.kind is not bool]
    switches = [f"--{option.name}" for option in OPTIONS if option.kind is bool]
    return " ".join([*words, *(switch for switch in switches if values[switch[2:]])])

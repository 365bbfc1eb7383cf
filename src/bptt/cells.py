"""The cells of this library by their names."""

from types import ModuleType

from bptt import gru, lstm, rnn

CELLS: dict[str, ModuleType] = {"rnn": rnn, "lstm": lstm, "gru": gru}

"""The cells of this library by their names."""

from bptt import gru, lstm, rnn

CELLS = {"rnn": rnn, "lstm": lstm, "gru": gru}

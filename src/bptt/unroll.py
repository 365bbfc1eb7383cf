"""stub"""


def step() -> None:
    r"""One step: $h_t = \tanh(a_t)$."""

"""The language model that this package brings along, and the record of how it came about."""

import json
from pathlib import Path
from typing import Any

from bptt.lm import folder

RESULTS = Path(__file__).parents[1] / "results"
FOLDER = RESULTS / "shakespeare"
RECORD = RESULTS / "shakespeare.json"


def load() -> folder.Model:
    """Load the model, which writes plays: its weights in float32 were kept in 8 bits.

    Raises
    ------
    CheckpointError
        If a file of the package is missing or broken.
    """
    return folder.read(FOLDER)


def record() -> dict[str, Any]:
    """Read how it was trained, and how well it predicts.

    Returns
    -------
    dict
        `val_nats_window256` and `val_nats_carried`, nats per character of the model that is
        shipped on the validation text, in windows of 256 characters and with the state carried;
        `float32`, the same two of the weights as they were trained; `ngrams` and `compressors`,
        nats per character of the baselines, of which `adaptive_kneser_ney` counts on in the
        validation text, `orders`, which n-gram the last tenth of the training part would choose,
        and `baselines`, how these three were made; `val_nats_adaptive`, `val_nats_mixed` and
        `adaptive`, of the model that learns on, as `bptt.standing.learning` returns them; `seeds`,
        the four scores of each seed, of which the first is shipped; `together`, what all seeds and
        the n-grams pay as one mixture; `tempest`, where in the validation text its last play
        begins; `curve`, the learning curve as rows of
        `bptt.lm.training.Point`; `settings`, `parameters`, `bytes` (of the file), `cpu_seconds`,
        `peak_bytes`;
        `writing_seconds`, the CPU time for 1,000 characters;
        `against_torch`, how many times as long as torch's an update takes; `corpus`, `provenance`.
    """
    found: dict[str, Any] = json.loads(RECORD.read_text(encoding="utf-8"))
    return found

import re
from pathlib import Path

import numpy as np
from toolbox import tool

from bptt import tree
from bptt.lm import folder, pretrained

small_network = tool("small_network")
PLACE = small_network.PLACE
NOTEBOOK = Path(__file__).parents[1] / "docs" / "figures" / "00_home.py"


def test_it_is_what_it_says_of_itself():
    model, about = folder.read(PLACE), folder.about(PLACE)
    weights = sum(array.size for _, array in tree.leaves(model.params))
    assert weights == about["parameters"]
    assert model.vocabulary.characters == pretrained.load().vocabulary.characters
    assert (PLACE / folder.WEIGHTS).stat().st_size < 120_000
    for name, exact in about["float32"].items():  # little is lost in 8 bits
        assert abs(about[name] - exact) < 0.002


def test_the_home_page_says_of_it_what_is_known():
    about, said = folder.about(PLACE), NOTEBOOK.read_text("utf-8")
    unit = about["line_unit"]
    numbers = {"number": unit["number"], "layer": unit["layer"], "count": about["widths"][0]}
    numbers |= {name: np.round(unit[name], 2) for name in ("correlation", "chance")}
    for name, number in numbers.items():
        assert float(re.search(rf'"{name}": ([\d.]+)', said)[1]) == number
    assert f'"field": "{unit["field"]}"' in said
    assert f"bytes={(PLACE / folder.WEIGHTS).stat().st_size}," in said
    assert f"of {about['parameters']:,} weights" in said
    small, large = (kept["val_nats_window256"] for kept in (about, pretrained.record()))
    assert f"it {small:.2f} nats in the mean" in said
    assert f"pays {large:.2f}" in said


def test_the_unit_follows_the_line_far_better_than_chance():
    unit = folder.about(PLACE)["line_unit"]
    assert unit["correlation"] > unit["chance"] + 0.3

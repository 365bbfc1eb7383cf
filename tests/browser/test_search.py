"""What a reader types into the search, and the page that comes first."""

import json
import re

from visits import DESKTOP, insist_none, until

SEARCH = "[data-md-component=search-query]"
RESULT = ".md-search-result__item"
# With a mark, the claim of the chapter is the first text that is shown.
EXPECTED = {
    1: ["state!", "RNN!", "recurrent network!", "hidden state!", "unrolled", "Elman"],
    2: ["backpropagation through time!", "BPTT", "truncated BPTT", "chain rule!", "softmax"],
    3: ["vanishing gradient!", "vanishing gradients!", "exploding gradients!", "spectral radius"],
    4: ["initialisation!", "weight initialization!", "orthogonal initialisation", "Xavier"],
    5: ["gradient clipping!", "clip!", "clipping!", "optimizer"],
    6: ["LSTM!", "LSTMs!", "forget gate", "input gate", "cell state", "GRU", "peephole"],
    7: ["forget bias!", "chrono"],
    8: ["counter", "interpretability!"],
    9: ["language model!", "temperature", "perplexity", "sampling!", "Shakespeare"],
    10: ["torch!", "PyTorch!", "torch.nn.LSTM!", "keras", "onnx", "bidirectional", "dropout"],
    11: ["speed!", "faster!", "float32", "benchmark"],
    12: ["pretrained weights!", "weight drop", "AWD-LSTM!", "ULMFiT!"],
    13: ["attention!", "transformer!", "state space model!", "linear recurrence!"],
    15: ["ablation"],
    16: ["adding problem", "copying problem"],
    17: ["minGRU", "selective copying"],
    18: ["parity", "state tracking"],
    19: ["delta rule"],
    20: ["teacher forcing", "encoder-decoder", "seq2seq"],
    21: ["RTRL", "UORO"],
    22: ["Lyapunov exponents", "fixed points"],
}
ELSEWHERE = {
    "stateful": "questions/",
    "nan": "questions/",
    "torch_layout": "api/torch_layout/",
    "state_dict": "api/torch_layout/",
    "notation": "conventions/",
    "glossary": "glossary/",
    "references": "references/",
    "all figures": "figures/",
}


def test_what_is_searched_comes_first(visit, home):
    page = visit(viewport=DESKTOP)
    page.keyboard.press("/")
    until(page, f"document.activeElement.matches('{SEARCH}')")
    wanted = [(term, f"chapters/{n:02}-") for n, terms in EXPECTED.items() for term in terms]
    wrong = [problem(page, home, *pair) for pair in [*wanted, *ELSEWHERE.items()]]
    insist_none("first finds", [*filter(None, wrong)])


def problem(page, home, query, start):
    """Say what comes first if it is another page, or the chapter without its claim."""
    term = query.rstrip("!")
    found = first_find(page, term)
    place = found["href"].removeprefix(home)
    if not place.startswith(start):
        return f"{term}: {place}"
    if query.endswith("!") and not found["claim"]:
        return f"{term}: in {place} a section comes before the claim"
    return None


def first_find(page, query):
    """Type a query, and wait until the list is that of its finds."""
    page.evaluate(f"document.querySelectorAll('{RESULT}').forEach(e => e.dataset.old = '')")
    page.locator(SEARCH).fill(query)
    page.keyboard.press("End")  # the theme looks at a key
    until(page, f"document.querySelector('{RESULT}:first-child:not([data-old])') !== null")
    return page.evaluate(
        f"""(() => {{
          const [first] = document.querySelectorAll('{RESULT} a');
          return {{href: first.href, claim: first.querySelector('p') !== null}};
        }})()"""
    )


def test_a_find_in_a_section_marks_its_words_on_the_page_too(visit):
    page = visit(viewport=DESKTOP)
    page.keyboard.press("/")
    until(page, f"document.activeElement.matches('{SEARCH}')")
    first_find(page, "Mamba selective")
    links = page.locator(f"{RESULT} a").evaluate_all("links => links.map(link => link.href)")
    pages = [link for link in links if "#" not in link]
    assert len(pages) < len(links)
    assert [link for link in links if not re.search(r"[?&]h=[^&#]", link)] == []


def test_the_index_holds_no_facts_code_or_data(pytestconfig):
    path = pytestconfig.option.site / "search" / "search_index.json"
    index = json.loads(path.read_text("utf-8"))["docs"]
    places = [entry["location"] for entry in index]
    texts = " ".join(entry["text"] for entry in index)
    assert [place for place in places if re.match("figures/.", place)] == []
    assert [place for place in places if place.endswith("#the-evidence")] == []
    for fact in ("minutes to read", "Code of Figure", "import numpy"):
        assert fact not in texts

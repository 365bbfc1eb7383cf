"""Let a long name in the side bars break after an underscore, and not in the middle of a word."""

import re
from typing import Any

LABEL = re.compile(r'<span class="md-ellipsis">[^/]*</span>')


def on_post_page(output: str, **_: Any) -> str:
    """Mark where the labels of the side bars may break."""
    return LABEL.sub(lambda label: label[0].replace("_", "_<wbr>"), output)

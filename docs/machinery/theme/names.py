"""Let a long name in the side bars break after an underscore, and not in the middle of a word."""

import re

LABEL = re.compile(r'<span class="md-ellipsis">[^/]*</span>')


def with_breaks(page: str) -> str:
    """Mark where the labels of the side bars may break."""
    return LABEL.sub(lambda label: label[0].replace("_", "_<wbr>"), page)

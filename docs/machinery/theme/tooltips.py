"""Keep the titles that tell a reader something: the theme's script makes a tooltip of each.

The longest page of the reference had 320, all but nine of them the name that stands there, spelt
out, or the words "Permanent link" on every heading, which a label says as well.
"""

import re

# What mkdocs-autorefs makes of a name that leads nowhere, such as `callable`.
NAME = re.compile(r'<span title="[^"]*">([^<]*)</span>')
PERMALINK = ' title="Permanent link"'


def only_telling(page: str) -> str:
    """Label the permalinks of a page, and leave out the rest."""
    return NAME.sub(r"\1", page).replace(PERMALINK, PERMALINK.replace("title", "aria-label"))

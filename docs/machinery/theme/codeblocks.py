"""Keep the theme's script away from the blocks of code.

At the start of a page that script measures every ``pre > code``, one after another, and puts a
copy button into each: on a long page that was most of the time in which it answers nobody. A span
between the two hides the code from it. `css/code.css` and `js/code.js` do what is lost, the latter
for the blocks in sight.
"""

import re

BLOCK = re.compile(r"(<pre[^>]*>)(<code[^>]*>.*?</code>)</pre>", re.DOTALL)


def hidden(page: str) -> str:
    """Put the span into every block of a page."""
    return BLOCK.sub(r"\1<span>\2</span></pre>", page)

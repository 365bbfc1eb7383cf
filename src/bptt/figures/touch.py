"""Figures that a reader of the site may touch: what their scripts get from a notebook."""

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any


@dataclass(frozen=True)
class Touchable:
    """A figure's script and its data; the site puts both behind the picture of the same heading."""

    script: Annotated[str, "the name of a script of the site, without its ending"]
    invitation: Annotated[str, "what the button says"]
    data: Annotated[Mapping[str, Any], "what the script gets: numbers, texts, lists, arrays"]

    def _repr_html_(self) -> str:
        data = json.dumps(self.data, default=_listed, separators=(",", ":"))
        data = data.replace("</", r"<\/")  # no text of the data ends the element
        return (
            f'<script type="application/json" class="figure-touch" data-script="{self.script}"'
            f' data-invitation="{html.escape(self.invitation)}">{data}</script>'
        )


def touchable(script: str, invitation: str, **data: Any) -> Touchable:
    """Let readers of the site touch the picture that stands under the same heading.

    A notebook shows nothing for it: only the site has the script.

    Parameters
    ----------
    script : str
        The name of the script, without its ending.
    invitation : str
        What the button below the picture says.
    **data
        What the script gets: numbers, texts, lists, mappings and arrays.

    Examples
    --------
    >>> from bptt import figures
    >>> figures.touchable("paths", "Add the paths", weight=0.5).data
    {'weight': 0.5}
    """
    return Touchable(script, invitation, data)


def _listed(value: Any) -> Any:
    """Return an array as lists, which JSON can hold."""
    return value.tolist()

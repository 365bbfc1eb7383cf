"""Write into every page what it may load and run, and refuse a page that asks for more.

A page takes everything from its own site, and of what stands in it runs one script, named by its
hash: text that gets into a page, from wherever, is text. What the policy forbids fails without a
word to who builds the site, so here it stops the build.

`mkdocs serve` gives the site a local address, and puts a script of its own into each page that it
shows; there the pages get no policy.
"""

import base64
import hashlib
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from selectolax.lexbor import LexborHTMLParser, LexborNode

from publish.addresses import is_local
from read.memory import recall

POLICY = {
    "default-src": "'self'",  # 'none' would keep Firefox from fetching the next chapter beforehand
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",  # the theme's icons stand in its style sheet
    "font-src": "'self' data:",  # and the font of the formulas in its own
    "object-src": "'none'",
    "frame-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
}
META = '<meta http-equiv="Content-Security-Policy" content="{}">'
# A policy is heeded from where it stands, and the encoding has to stand before everything.
PLACE = '<meta charset="utf-8">\n'
SCRIPT = re.compile(r"<script\b(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)
DATA = {"application/json"}
ADDRESSES = {"action", "data", "formaction", "href", "src", "xlink:href"}
# What brings styles, another page or another origin along.
TAGS = {"base", "embed", "frame", "iframe", "object", "style"}


def protect(config: MkDocsConfig) -> None:
    """Give the policy to every page of the finished site."""
    site = Path(config.site_dir)
    scripts = ours(config)
    meta = META.format(policy(scripts))
    for path in sorted(site.rglob("*.html")):
        html, name = path.read_text("utf-8"), path.relative_to(site).as_posix()
        for problem in recall(config, ["policy", html, scripts], partial(problems, html, scripts)):
            raise PluginError(f"{name}: {problem}")
        if PLACE not in html:
            raise PluginError(f"{name}: there is no {PLACE.strip()}, below which the policy goes")
        if not is_local(config):
            path.write_text(html.replace(PLACE, f"{PLACE}{meta}\n", 1), "utf-8")


def ours(config: MkDocsConfig) -> list[str]:
    """Return the scripts of our own templates: those without a word that differs between pages."""
    templates = sorted(Path(str(config.theme.custom_dir)).rglob("*.html"))
    return [script for path in templates for script in SCRIPT.findall(path.read_text("utf-8"))]


def policy(scripts: list[str]) -> str:
    """Return the policy, with the hashes of the scripts that may stand in a page."""
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    hashes = "".join(f" 'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    allowed = POLICY | {"script-src": POLICY["script-src"] + hashes}
    return "; ".join(f"{kind} {sources}" for kind, sources in allowed.items())


def problems(html: str, scripts: list[str]) -> list[str]:
    """Say what of a page the policy forbids."""
    nodes = LexborHTMLParser(html).css("*")
    return [problem for node in nodes for problem in _problems(node, scripts)]


def _problems(node: LexborNode, scripts: list[str]) -> Iterator[str]:
    for name, value in node.attributes.items():
        if name == "style" or name.startswith("on"):
            yield f"the policy allows no attribute {name}, as of <{node.tag}>"
        elif name in ADDRESSES and _is_script(value or ""):
            yield f"the policy allows no address that is a script: {value}"
    if node.tag in TAGS:
        yield f"the policy allows no <{node.tag}>"
    elif node.tag == "script" and "src" not in node.attributes:
        text = node.text()
        if node.attributes.get("type") not in DATA and text not in scripts:
            yield f"the policy allows no script but our own: {text.strip()[:60]}"


def _is_script(address: str) -> bool:
    """Tell what a browser runs, which passes over blanks in an address and at its beginning."""
    return re.sub(r"[\x00-\x20]", "", address).lower().startswith("javascript:")

"""Pack the site into one zip file whose pages work when they are opened from the file system.

A server gives a folder's ``index.html`` for the folder; a file system does not, so the zip's pages
name it. Search reads its index as a script there (see ``overrides/partials/javascripts``).

`mkdocs serve` gives the site a local address. Nobody takes that one away, so it gets no zip file,
which would be packed anew at every change.
"""

import json
import posixpath
import re
import zipfile
from functools import partial
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from mkdocs.config.defaults import MkDocsConfig

from publish.addresses import is_local

NAME = "bptt-site.zip"
# What only a server or a search engine reads.
LEFT_OUT = {NAME, ".nojekyll", "404.html", "sitemap.xml", "sitemap.xml.gz"}
# A page from the file system may fetch no weights.
WEIGHTS = ".safetensors"
INDEX, SCRIPT = "search/search_index.json", "search/search_index.js"
LINK = re.compile(r'(<(?:a|link|form)\b[^>]*?\s(?:href|action)=")([^"]*)(?=")')


def pack(config: MkDocsConfig) -> None:
    """Write the zip file into the finished site, the same bytes for the same site."""
    if is_local(config):
        return
    site = Path(config.site_dir)
    names = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    packed = {name for name in names - LEFT_OUT if not name.endswith(WEIGHTS)}
    with zipfile.ZipFile(site / NAME, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(packed):
            offline, content = name, (site / name).read_bytes()
            if name.endswith(".html"):
                content = page(content.decode(), name, packed, str(config.site_url)).encode()
            elif name == INDEX:
                offline, content = SCRIPT, search(content.decode()).encode()
            # A name alone would be given the time of the build; this has the first of 1980.
            info = zipfile.ZipInfo(f"{Path(NAME).stem}/{offline}")
            info.external_attr = 0o644 << 16
            archive.writestr(info, content, zipfile.ZIP_DEFLATED)


def page(html: str, name: str, packed: set[str], site_url: str) -> str:
    """Rewrite the links of a page for the file system."""
    rewrite = partial(_link, name=name, packed=packed, site_url=site_url)
    return LINK.sub(rewrite, html)


def _link(match: re.Match[str], name: str, packed: set[str], site_url: str) -> str:
    """Let a link lead to a file of the zip, or to the site on the web if the zip lacks it."""
    start, link = match.groups()
    parts = urlsplit(link)
    if parts.scheme or parts.netloc or not parts.path:
        return match[0]
    target = posixpath.normpath(posixpath.join(posixpath.dirname(name), parts.path))
    if target in packed:
        return match[0]
    if posixpath.normpath(f"{target}/index.html") in packed:
        return start + parts._replace(path=f"{parts.path.rstrip('/')}/index.html").geturl()
    return start + urljoin(site_url, parts._replace(path=target).geturl())


def search(index: str) -> str:
    """Return the search index as the script that the theme reads from a file system."""
    found = json.loads(index)
    entries = [entry | {"location": _location(entry["location"])} for entry in found["docs"]]
    text = json.dumps(found | {"docs": entries}, ensure_ascii=False, separators=(",", ":"))
    return f"var __index = {text}"


def _location(address: str) -> str:
    folder, mark, anchor = address.partition("#")
    return f"{folder}index.html{mark}{anchor}"

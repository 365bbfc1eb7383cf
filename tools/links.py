"""Check the links of a built site with lychee: `python links.py FOLDER ADDRESS [--check-extern]`.

Pages, anchors, images, style sheets and scripts are looked for in the folder, also where a link
names the address that the site will have. With `--check-extern` the web is asked for the rest.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import sysconfig
from collections import Counter, defaultdict
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

# The one beside this Python, whatever PATH says.
LYCHEE = shutil.which("lychee", path=sysconfig.get_path("scripts")) or "lychee"
READ = (
    "--include-fragments",
    "--include-verbatim",  # else links inside of code and the sources of scripts are passed over
    "--no-ignore",  # git ignores the site
    "--index-files=index.html",
    "--extensions=html",
)
# Twice verbose: the report names the links that are fine as well.
REPORT = ("--format=json", "--no-progress", "-vv")
SHOWN = 5  # a link in the navigation is on every page
SEEN = ("success_map", "excluded_map", "error_map", "timeout_map")


def check(site: Path, address: str, *, extern: bool = False) -> tuple[int, list[str]]:
    """Return how many links lychee saw, and what is wrong."""
    site = site.resolve()
    pages = sorted(site.rglob("*.html"))
    if not pages:
        return 0, [f"{site} has no page: build the site first, with `python -m nox -s docs`"]
    report = ask_lychee(site, address, extern=extern)
    return report["total"], [*overlooked(site, pages, report), *broken(site, report)]


def ask_lychee(site: Path, address: str, *, extern: bool) -> dict[str, Any]:
    """Run lychee on a folder and return its report."""
    command = [LYCHEE, *READ, *REPORT, *remaps(site, address), f"--root-dir={site}"]
    command += [] if extern else ["--offline"]
    done = subprocess.run([*command, str(site)], capture_output=True, encoding="utf-8", check=False)
    if not done.stdout:
        raise RuntimeError(f"lychee gave no report, but said: {done.stderr}")
    return json.loads(done.stdout)


def remaps(site: Path, address: str) -> Iterator[str]:
    """Look for the site's own addresses in its folder: whole ones, and the page 404's `/path/`."""
    home = site.as_uri()
    for start in (address.rstrip("/"), home + urlsplit(address).path.rstrip("/")):
        yield f"--remap=^{re.escape(start)}(/.*|#.*|)$ {home}$1"


def overlooked(site: Path, pages: list[Path], report: dict[str, Any]) -> Iterator[str]:
    """Name the pages of which lychee saw less than Python does: no link there counts as checked."""
    seen = Counter({Path(page): 0 for page in pages})
    for kind in SEEN:
        seen.update({Path(page): len(links) for page, links in report[kind].items()})
    for page in pages:
        there = count_links(page)
        if seen[page] < there:
            yield f"{short(site, page)}: lychee saw {seen[page]} of {there} links: what hides them?"


def count_links(page: Path) -> int:
    """Count the links of a page as Python reads it."""
    counter = LinkCounter()
    counter.feed(page.read_text(encoding="utf-8"))
    return counter.links


class LinkCounter(HTMLParser):
    """Count the attributes of a page that name an address."""

    links = 0

    def handle_starttag(self, _: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count those of one element."""
        self.links += sum(name in {"href", "src"} and bool(value) for name, value in attrs)


def broken(site: Path, report: dict[str, Any]) -> Iterator[str]:
    """Name each address that leads nowhere, why, and where it is linked."""
    places, reasons = defaultdict(list), defaultdict(set)
    for kind in ("error_map", "timeout_map"):
        for page, links in report[kind].items():
            for link in links:
                url, status = unquote(link["url"]), link["status"]
                places[url].append((short(site, Path(page)), link["span"]["line"]))
                reasons[url].add(status.get("details", status["text"]))
    for url, linked in sorted(places.items()):
        first = [f"    {page}:{line}" for page, line in sorted(linked)[:SHOWN]]
        rest = [f"    and {len(linked) - SHOWN} more"] if len(linked) > SHOWN else []
        wanted = url.removeprefix(site.as_uri() + "/")
        yield "\n".join([f"{wanted}: {'; '.join(sorted(reasons[url]))}", *first, *rest])


def short(site: Path, page: Path) -> str:
    """Return the path of a page below that of the site."""
    return page.relative_to(site).as_posix()


def main() -> None:
    """Check, and fail if something is wrong."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("site", type=Path, metavar="FOLDER")
    parser.add_argument("address", metavar="ADDRESS", help="where the site will be")
    parser.add_argument("--check-extern", action="store_true", help="ask the web as well")
    asked = parser.parse_args()
    links, problems = check(asked.site, asked.address, extern=asked.check_extern)
    if problems:
        sys.exit("\n".join([*problems, f"{len(problems)} problems among {links:,} links"]))
    sys.stdout.write(f"All {links:,} links lead somewhere.\n")


if __name__ == "__main__":
    main()

"""The pages of the built site, named by their paths below the home page."""

import re


def every(site):
    """Return the path of every page below the home page."""
    files = sorted(site.rglob("*.html"))
    return [re.sub(r"(^|/)index\.html$", r"\1", f.relative_to(site).as_posix()) for f in files]


def lessons(site):
    """Return the chapters."""
    return [page for page in every(site) if page.startswith("chapters/")]


def touchable(site):
    """Return the pages with a figure that can be touched."""
    return [page for page in every(site) if " data-touch=" in source(site, page)]


def written(site):
    """Return what people wrote, and the longest page of the library, as its pages are alike."""
    pages = [page for page in every(site) if not page.startswith("api/")]
    return [*pages, longest(site, "api/")]


def unlike(site):
    """Return the pages that differ in more than their words: of figures and of the library one."""
    pages = [page for page in every(site) if not page.startswith(("api/", "figures/"))]
    return [*pages, longest(site, "figures/"), longest(site, "api/")]


def for_lighthouse(site):
    """Return the home page, the first chapter, and the longest of each kind."""
    chapter = next(page for page in every(site) if page.startswith("chapters/"))
    return ["", chapter, *longest_of_each_kind(site)]


def samples(site):
    """Return one page of each kind."""
    return ["", "404.html", *longest_of_each_kind(site)]


def longest_of_each_kind(site):
    return [longest(site, folder) for folder in ("chapters/", "figures/", "api/")]


def longest(site, folder):
    """Return the page with the most elements."""
    pages = [page for page in every(site) if page.startswith(folder)]
    return max(pages, key=lambda page: len(re.findall(r"<[a-z]", source(site, page))))


def source(site, page):
    file = site / page
    return (file / "index.html" if file.is_dir() else file).read_text("utf-8")

"""Two builds of the site: what differs is said, and what may differ is not."""

from pathlib import Path

import pytest
from toolbox import tool

differences = tool("differences").differences

PAGE = '<meta name="generator" content="{}">\n<p>{}</p>\n'


@pytest.fixture
def sites(tmp_path: Path) -> list[Path]:
    """Two builds by different programs."""
    folders = [tmp_path / "one", tmp_path / "other"]
    for folder in folders:
        (folder / "a").mkdir(parents=True)
        (folder / "a" / "index.html").write_text(PAGE.format(folder.name, "Text."))
        (folder / "all.zip").write_text(folder.name)
        (folder / "a.png").write_bytes(b"\x89")
    return folders


def test_the_generator_and_the_zip_file_may_differ(sites: list[Path]) -> None:
    assert list(differences(*sites)) == []


def test_what_differs_is_shown(sites: list[Path]) -> None:
    one, other = sites
    (one / "a" / "index.html").write_text(PAGE.format("one", "Another."))
    (one / "a.png").write_bytes(b"\x88")
    (one / "b").touch()
    (other / "c").touch()
    assert list(differences(one, other)) == [
        "a.png:\n    other bytes",
        "a/index.html:\n    @@ -2 +2 @@\n    -<p>Another.</p>\n    +<p>Text.</p>",
        f"b: only in {one}",
        f"c: only in {other}",
    ]

"""Print the path of a browser: one that is installed, else Playwright's own, fetched if need be."""

import os
import shutil
import subprocess
import sys

from playwright.sync_api import sync_playwright

# What the systems call it; CHROME_PATH, which Lighthouse reads too, names any other.
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")

# It sees our own pages only, so it runs without a sandbox, which root and many containers cannot
# have; and it asks nobody for anything in the background.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # The address bar's suggestions are pages of their own, which each new window loads, headless
    # too: that takes longer than a page of ours. Of two such lists Chromium heeds the last, so
    # Playwright's own goes; nothing in it is about what our pages do.
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,WebUIOmniboxFullPopup",
)


def find() -> str:
    """Return the path."""
    installed = filter(None, map(shutil.which, NAMES))
    return os.environ.get("CHROME_PATH") or next(installed, None) or fetch()


def fetch() -> str:
    """Return the path of Playwright's own."""
    command = [sys.executable, "-m", "playwright", "install", "--no-shell", "chromium"]
    subprocess.run(command, check=True)
    with sync_playwright() as playwright:
        return playwright.chromium.executable_path


def launch(playwright, path):
    """Start it and return it."""
    return playwright.chromium.launch(executable_path=path, args=list(FLAGS))


if __name__ == "__main__":
    sys.stdout.write(find())

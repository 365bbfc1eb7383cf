"""The browser: Debian's Chromium or another on the path, else Playwright's own."""

import os
import shutil
import subprocess
import sys

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
)


def find() -> str:
    """Return the path of the browser; fetch Playwright's if there is none."""
    installed = os.environ.get("CHROME_PATH") or next(filter(None, map(shutil.which, NAMES)), None)
    return installed or playwrights()


def playwrights() -> str:
    subprocess.run(
        [sys.executable, "-m", "playwright", "install", "--no-shell", "chromium"], check=True
    )
    ask = (
        "from playwright.sync_api import sync_playwright\n"
        "with sync_playwright() as p: print(p.chromium.executable_path)"
    )
    asked = subprocess.run([sys.executable, "-c", ask], check=True, capture_output=True, text=True)
    return asked.stdout.strip()


if __name__ == "__main__":
    print(find())

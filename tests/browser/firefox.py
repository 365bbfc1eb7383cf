"""Print the path of a Firefox that can be driven, and start it: Debian's, else Playwright's own.

Playwright's own has all of its interface. A stock one is driven by WebDriver BiDi, which lacks some
of it so far; its developer tools have the rest.
"""

import functools
import json
import os
import shutil
import socket
import subprocess
import sys

from devtools import Console
from playwright.sync_api import Error, sync_playwright

# A page may read the clipboard unasked: Firefox knows no permission for it.
PREFERENCES = {"dom.events.testing.asyncClipboard": True}
DEVTOOLS = {
    "devtools.chrome.enabled": True,
    "devtools.debugger.prompt-connection": False,
    "devtools.debugger.remote-enabled": True,
}
# Playwright gives this command to each new window, needed or not; Firefox 153 does not know it.
KNOW = """ChromeUtils.importESModule(
  "chrome://remote/content/webdriver-bidi/modules/root/emulation.sys.mjs"
).emulation.prototype.setMediaFeaturesOverride ??= () => ({})"""
# What Playwright calls it, and what the developer tools set.
FIELDS = {
    "color_scheme": "prefersColorSchemeOverride",
    "java_script_enabled": "allowJavascript",
    "media": "mediumOverride",
    "reduced_motion": "prefersReducedMotionOverride",
}
NAME = "to be set"
SET = """for (const { gBrowser } of Services.wm.getEnumerator("navigator:browser"))
  for (const { browsingContext } of gBrowser.browsers)
    if (browsingContext.name === %s) Object.assign(browsingContext, %s)"""


def find():
    """Return the path; if it does not start, say so and return an empty one."""
    path = os.environ.get("FIREFOX_PATH") or shutil.which("firefox-esr") or fetch()
    with sync_playwright() as playwright:
        try:
            launch(playwright, path).close()
        except Error as error:
            sys.stdout.write(f"{path} is left out: {error.message.splitlines()[0]}\n")
            return ""
    return path


def fetch():
    """Return the path of Playwright's own."""
    subprocess.run([sys.executable, "-m", "playwright", "install", "firefox"], check=False)
    with sync_playwright() as playwright:
        return playwright.firefox.executable_path


def launch(playwright, path):
    """Start it and return it, with the interface of Playwright's own."""
    if path == playwright.firefox.executable_path:
        return adapt(playwright.firefox.launch(firefox_user_prefs=PREFERENCES), None)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    browser = playwright.firefox.launch(
        channel="moz-firefox",
        executable_path=path,
        args=[f"--start-debugger-server={port}"],
        firefox_user_prefs=PREFERENCES | DEVTOOLS,
    )
    console = Console(port)
    browser.on("disconnected", lambda _: console.close())
    console.run(KNOW)
    return adapt(browser, console)


def adapt(browser, console):
    """Grant all permissions; in a stock one, emulate by its console."""
    new_context = browser.new_context

    def with_settings(**settings):
        settings.pop("permissions", None)
        if console is None:
            return new_context(**settings)
        own = {name: settings.pop(name) for name in FIELDS.keys() & settings.keys()}
        context = new_context(**settings)
        new_page = context.new_page

        def with_media():
            page = new_page()
            page.emulate_media = functools.partial(emulate, console, page)
            page.emulate_media(**own)
            return page

        context.new_page = with_media
        return context

    browser.new_context = with_settings
    return browser


def emulate(console, page, **settings):
    """Set what the window of a page emulates. The window is found by a name."""
    fields = {FIELDS[name]: value for name, value in settings.items()}
    page.evaluate("name => { window.name = name }", NAME)
    console.run(SET % (json.dumps(NAME), json.dumps(fields)))
    page.evaluate("window.name = ''")


if __name__ == "__main__":
    sys.stdout.write(find())

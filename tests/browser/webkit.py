"""Look at the formulas of some pages in WebKit, and print what is found: advice, never a failure.

It takes Debian's `webkit2gtk-driver`, which speaks WebDriver and needs a screen, if only xvfb's.
Without one it does nothing.
"""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

from visits import PROBES

CHAPTERS = ("02-backpropagate-through-time", "04-start-the-weights", "06-gate-the-cell")
LOOK = """return document.fonts.status === "loaded" &&
  ["incomplete", "badFormulas", "shortFences"].flatMap((name) =>
    probes[name]().map((found) => `${name}: ${found}`))"""
SECONDS = 60
# It sees our own pages only, and root and many containers cannot have a sandbox.
UNBOXED = {"WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1"}


@contextlib.contextmanager
def session():
    """Start WebKit; give a function that sends it a command of WebDriver."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    command = ["xvfb-run", "--auto-servernum", "WebKitWebDriver", f"--port={port}"]
    how = {"env": os.environ | UNBOXED, "stderr": subprocess.DEVNULL, "start_new_session": True}
    with subprocess.Popen(command, **how) as driver:
        try:
            wait_for(port)
            given = send(port, "POST", "session", capabilities={})["sessionId"]
            yield lambda name, **data: send(port, "POST", f"session/{given}/{name}", **data)
            send(port, "DELETE", f"session/{given}")
        finally:
            os.killpg(driver.pid, signal.SIGTERM)  # the screen too


def wait_for(port):
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            return socket.create_connection(("127.0.0.1", port)).close()
        time.sleep(0.1)
    raise OSError("WebKitWebDriver does not answer")


def send(port, method, path, **data):
    body = None if method == "DELETE" else json.dumps(data).encode()
    driver = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    with contextlib.closing(driver):
        driver.request(method, f"/{path}", body)
        answer = json.load(driver.getresponse())["value"]
    if "error" in (answer if isinstance(answer, dict) else ()):
        raise OSError(answer["message"])
    return answer


def look(ask, address):
    """Return what is found on a page when its fonts have come."""
    ask("url", url=address)
    ask("execute/sync", script=PROBES, args=[])
    end = time.monotonic() + SECONDS
    while (found := ask("execute/sync", script=LOOK, args=[])) is False:
        if time.monotonic() > end:
            return ["its fonts never come"]
        time.sleep(0.1)
    return found


def main(home):
    if not (shutil.which("WebKitWebDriver") and shutil.which("xvfb-run")):
        return
    try:
        with session() as ask:
            for chapter in CHAPTERS:
                found = look(ask, f"{home}chapters/{chapter}/")
                lines = [f"WebKit, {chapter}: {len(found)} found", *found[:10]]
                sys.stdout.write("\n  ".join(lines) + "\n")
    except (OSError, http.client.HTTPException) as error:
        sys.stdout.write(f"WebKit says nothing: {error}\n")


if __name__ == "__main__":
    main(sys.argv[1])

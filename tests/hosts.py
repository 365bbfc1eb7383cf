"""Two hosts on one machine of Linux, for root: each with its own network, name and shared memory.

A host is a process that waits, in namespaces of its own, and whatever is started in these. One end
of a cable is its only way to the other. Nothing gets a name outside of the hosts, and their
processes are in a room, a namespace of processes, with a keeper: it ends as soon as its standard
input is closed, by us or because we were killed, and with it the system ends all in the room. Then
nobody is left who needs the networks and the cable, and they vanish too.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from typing import NamedTuple

ADDRESSES = ("192.0.2.1", "192.0.2.2")  # from those that are kept for documentation
CABLE = "cable"
ROOM = ("--pid", "--mount", "--fork", "--mount-proc", "--kill-child")
OWN = ("--net", "--uts", "--ipc", "--mount")
TOOLS = ("ip", "unshare", "nsenter")
ASKED = "BPTT_HOSTS"  # in the environment of the session that asks for them


def why_not():
    """Say why no hosts are made here; nothing if they are."""
    if not os.environ.get(ASKED):  # what a plain `pytest` does leaves a machine's network alone
        return "nox -s hosts runs them"
    if sys.platform != "linux" or os.geteuid() != 0:
        return "needs Linux and root"
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        return f"needs {' and '.join(missing)}"
    # In a container root may do less, and a kernel may know no cables.
    command = ["unshare", *ROOM, *OWN, "ip", "link", "add", "type", "veth"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr.strip()


class Host(NamedTuple):
    """One of the two."""

    room: tuple[str, ...]  # the words that enter the room,
    own: tuple[str, ...]  # and from there the host
    address: str

    def command(self, *words):
        """Return what runs a command on this host."""
        return [*self.room, *self.own, *map(str, words)]

    def run(self, *words):
        """Run a command on this host, and return what it prints."""
        done = subprocess.run(self.command(*words), capture_output=True, text=True, check=False)
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout

    def sent(self, by=CABLE):
        """Return how many bytes have left by an interface; `lo` is what stays on the host."""
        rows = self.run("cat", "/proc/net/dev").splitlines()[2:]
        return {name.strip(): int(row.split()[8]) for name, row in (r.split(":") for r in rows)}[by]


@contextlib.contextmanager
def keeper(*command):
    """Start a process that does nothing; give its number for us, and for those around it."""
    waits = [*command, "sh", "-c", "echo $$; exec cat"]
    with subprocess.Popen(waits, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield process.pid, int(process.stdout.readline())
        finally:
            process.stdin.close()


@contextlib.contextmanager
def connected():
    """Make two hosts with a cable between them."""
    with contextlib.ExitStack() as stack:
        process, _ = stack.enter_context(keeper("unshare", *ROOM))
        spaces = f"/proc/{process}/ns"
        room = ("nsenter", f"--mount={spaces}/mnt", f"--pid={spaces}/pid_for_children", "--")
        hosts = []
        for address in ADDRESSES:
            _, process = stack.enter_context(keeper(*room, "unshare", *OWN))
            hosts.append(Host(room, ("nsenter", f"--target={process}", *OWN, "--"), address))
        one, two = hosts
        ends = [("name", CABLE, "netns", host.own[1].partition("=")[2]) for host in hosts]
        one.run("ip", "link", "add", *ends[0], "type", "veth", "peer", *ends[1])
        for name, host in (("one", one), ("two", two)):
            furnish(host, name)
        yield one, two


def furnish(host, name):
    """Give a host its name and its memory, and put the cable in."""
    host.run("hostname", name)
    host.run("mount", "-t", "tmpfs", "none", "/dev/shm")  # noqa: S108  # its own, not ours
    host.run("ip", "address", "add", f"{host.address}/24", "dev", CABLE)
    for interface in ("lo", CABLE):
        host.run("ip", "link", "set", interface, "up")

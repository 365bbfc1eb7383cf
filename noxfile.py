"""Sessions of the project: `nox` runs what a change has to pass, `nox --list` shows them all.

Everything is installed at the versions of constraints.txt. An environment is kept and left alone
until the pins or the requirements change, so a second run starts at once and needs no network.
With REQUIRE_HASHES set, as in CI where the site is built to be published, `docs` and `linkcheck`
take only files whose hashes stand in .ci/site.txt.
"""

import contextlib
import functools
import gzip
import hashlib
import http.server
import io
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"

ROOT = Path(__file__).parent
PINS = Path("constraints.txt")
# The same versions with the hashes of their files: of nox itself, and of what makes the site. There
# are none for the rest: torch's file depends on the index that it comes from.
LOCKS = {
    Path(".ci", "nox.txt"): ["--group", "nox"],
    Path(".ci", "site.txt"): [
        *("pyproject.toml", "--extra", "figures", "--extra", "lm"),
        *("--group", "docs", "--group", "links", "--group", "build"),
    ],
}
SITE = Path("site")
PROJECT = nox.project.load_toml("pyproject.toml")
BRANCH = "gh-pages"
BROWSER = Path("tests/browser")
# What hosts send compressed. The types stand here because each system has its own list.
TEXT = {
    ".css": "text/css",
    ".html": "text/html",
    ".ipynb": "application/json",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
    ".xml": "text/xml",
}
# What is left out while one edits: a build of the site, a chapter's notebook, a program that is
# started, an experiment, and the records, which say whether a result was made by the present code.
SLOW = "site or notebooks or process or experiments or records"

# The arrays here are small, so more threads only wait for each other: one test takes 28 s of CPU
# with eight of them and 1.6 with one. What is measured has to have one, whatever the shell says.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

# What makes OpenBLAS and NumPy compute as on a processor of 2008. Elsewhere than on x86 both go on
# as they are.
OLD = {
    "OPENBLAS_CORETYPE": "Nehalem",
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
}

# The modules that the package promises to import with NumPy alone, which is all but the one that
# draws, and the results that it brings along.
IMPORT_ALL = """
import importlib, pkgutil, bptt
def walk(path, prefix):
    for module in pkgutil.iter_modules(path, prefix):
        if module.name != "bptt.figures":
            found = importlib.import_module(module.name)
            print("import", found.__name__)
            if module.ispkg:
                walk(found.__path__, module.name + ".")
walk(bptt.__path__, "bptt.")
print("load", len(bptt.experiments.load("latch").runs), "runs of the experiment latch")
"""


@nox.session
def lint(session: nox.Session) -> None:
    """Lint the code and check its format."""
    install(session, groups=["lint"])
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of the package and of what builds its site, strictly."""
    install(session, "-e", ".[figures,hub,lm]", groups=["types", "docs"])
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests and every example of the pages and docstrings; `-- PATH` runs one of them."""
    extras = "baselines,cluster,experiments,figures,hub,lm,parallel,torch"
    install(session, "-e", f".[{extras}]", groups=["test", "docs", "links", "mutate"])
    # For a path, starting workers takes longer than it saves.
    session.run("pytest", *(session.posargs or ["-n", "auto"]))


@nox.session(venv_backend="none")
def prose(session: nox.Session) -> None:
    """Count what makes a lesson long or hard; fail past a bound. `-- --chapter 7` counts one."""
    session.run(sys.executable, "tools/prose.py", *session.posargs, external=True)


@nox.session(default=False, venv_backend="none")
def quick(session: nox.Session) -> None:
    """Run the tests that take no long time, in a minute: what to ask after every change."""
    run_in_tests(session, "-m", "pytest", "-n", "auto", "-m", f"not ({SLOW})", *session.posargs)


@nox.session(default=False, venv_backend="none")
def processors(session: nox.Session) -> None:
    """Run the pages' examples as an old processor rounds: what they print may not depend on it."""
    run_in_tests(session, "-m", "pytest", "docs", "-n", "auto", *session.posargs, env=OLD)


@nox.session(default=False, venv_backend="none")
def outputs(session: nox.Session) -> None:
    """Write into the pages what their examples print now, or only `-- PAGE ...`; read the diff."""
    run_in_tests(session, "tools/outputs.py", *session.posargs)


@nox.session(default=False)
def layouts(session: nox.Session) -> None:
    """Move weights to Keras and ONNX and back, and compare what is computed; skip nothing."""
    install(session, "-e", ".[torch]", groups=["test", "layouts"])
    where = {"KERAS_BACKEND": "torch", "KERAS_HOME": session.create_tmp()}
    files = [f"tests/test_against_{name}.py" for name in ("keras", "onnx")]
    said = session.run("pytest", *files, *session.posargs, env=where, silent=True)
    session.log(said)
    if " skipped" in said:
        session.error("A library is missing: here no test may be skipped.")


@nox.session(default=False, venv_backend="none")
def hosts(session: nox.Session) -> None:
    """Train between two hosts that one Linux plays, by MPI and torch; needs root, skips nothing."""
    files = ["tests/test_lm_hosts.py", *session.posargs]
    said = run_in_tests(session, "-m", "pytest", *files, silent=True, env={"BPTT_HOSTS": "1"})
    session.log(said)
    if " skipped" in said:
        session.error("Something is missing, as said above: here no test may be skipped.")


@nox.session(default=False, venv_backend="none")
def mutate(session: nox.Session) -> None:
    """Change the code in a copy, one thing at a time: do tests notice? `-- FILE ...` names some."""
    run_in_tests(session, "tools/mutate.py", *session.posargs)


@nox.session(default=False, venv_backend="none")
def mutate_pages(session: nox.Session) -> None:
    """Change a digit or an operator of pages: does the page notice? `-- PAGE ...` names them."""
    run_in_tests(session, "tools/mutate_pages.py", *session.posargs)


@nox.session(default=False, venv_backend="none")
def fuzz(session: nox.Session) -> None:
    """Throw what is wrong at commands, files and functions for half an hour; `-- --minutes 2`."""
    run_in_tests(session, "tools/fuzz.py", *session.posargs)


@nox.session(default=False)
def experiments(session: nox.Session) -> None:
    """Measure what is missing or stale; `-- NAME` one of them, `--recheck` only restamps it."""
    install(session, "-e", ".[cluster,experiments,lm]")
    session.run("python", "-m", "bptt.experiments", *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure the speed against torch's and save it; `-- --short` only looks for what is wrong."""
    install(session, "-e", ".[torch,train]")
    session.run("python", "-m", "bptt.bench", *session.posargs)


@nox.session(default=False)
def ship(session: nox.Session) -> None:
    """Put a trained model into the package: `-- FOLDER`; `-- --help` says what else."""
    install(session, "-e", ".[baselines,lm,torch]")
    session.run("python", "-m", "bptt.ship", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site into site/; a warning is an error."""
    install_docs(session)
    build_site(session, SITE.resolve())


@nox.session(default=False, requires=["docs"])
def fallback(session: nox.Session) -> None:
    """Build the site with ProperDocs, a fork that goes on with MkDocs, and say what differs."""
    install(session, "-e", ".[figures,lm]", groups=["docs", "fallback"])
    with tempfile.TemporaryDirectory() as folder:
        command = ["properdocs", "build", "--strict", "--config-file", "mkdocs.yml"]
        session.run(*command, "--site-dir", folder, env=site_environment())
        session.run("python", "tools/differences.py", str(SITE), folder)


@nox.session(default=False)
def serve(session: nox.Session) -> None:
    """Build the site and show it at a local address, anew at each change; `-- --open` opens it."""
    install_docs(session)
    address = f"127.0.0.1:{free_port(8000)}"
    session.run("mkdocs", "serve", "--dev-addr", address, *session.posargs, env=site_environment())


@nox.session(requires=["docs"])
def linkcheck(session: nox.Session) -> None:
    """Check the links and anchors of the built site; `-- --check-extern` adds those to the web."""
    install(session, groups=["links"])
    session.run("python", "tools/links.py", str(SITE), address_of(SITE), *session.posargs)


@nox.session(default=False, requires=["docs"])
def browser(session: nox.Session) -> None:
    """Try the site in Chromium and Firefox; `-- --browser firefox`, `--pages TEXT`, `-k TEXT`."""
    # The package too: what a figure computes in the browser is compared with what it computes.
    install(session, "-e", ".[lm]", groups=["browser"])
    tools = install_from_npm(session, BROWSER)
    found = {"CHROME_PATH": "chromium", "FIREFOX_PATH": "firefox"}
    paths = {name: path_of(session, browser) for name, browser in found.items()}
    with serving(SITE) as home:
        # No `conftest.py` from above: the other tests need the package, these need the site.
        command = ["pytest", f"--confcutdir={BROWSER}", f"--site={SITE}", f"--home={home}"]
        command += [f"--tools={tools}", *session.posargs]
        # What takes times runs by itself. 5: what was asked for is in the other part.
        how = {"env": paths, "success_codes": [0, 5]}
        timed = [str(BROWSER / f"test_{name}.py") for name in ("lighthouse", "smooth")]
        # One process more than cores: each page waits a while for its network to be idle.
        workers = ["-n", str((os.cpu_count() or 1) + 1), "--dist", "worksteal"]
        others = [f"--ignore={path}" for path in timed]
        session.run(*command, *workers, *others, str(BROWSER), **how)
        session.run(*command, *timed, **how)
        session.run("python", str(BROWSER / "webkit.py"), home)


@nox.session(default=False, requires=["docs"])
def reproduce(session: nox.Session) -> None:
    """Build the site again from a copy without caches: every byte has to be the same."""
    install_docs(session)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "copy")
        leave = shutil.ignore_patterns(
            ".git", ".nox", ".*cache", ".hypothesis", "__pycache__", SITE.name
        )
        shutil.copytree(".", copy, ignore=leave)
        with session.chdir(copy):
            build_site(session, copy / SITE)
        insist_same(session, SITE, copy / SITE)


@nox.session(default=False, reuse_venv=False)
def wheel(session: nox.Session) -> None:
    """Build the wheel, install it with NumPy alone, import it and run the README's examples."""
    with tempfile.TemporaryDirectory() as folder:
        session.run("pip", "wheel", ".", "--no-deps", "--wheel-dir", folder, env=pinned_build())
        session.install(*map(str, Path(folder).glob("*.whl")), "-c", str(PINS))
        examples = Path(folder, "README.txt")
        examples.write_text(without_fences(Path("README.md")), encoding="utf-8")
        with session.chdir(folder):
            session.run("python", "-c", IMPORT_ALL)
            session.run("python", "-m", "doctest", examples.name)


@nox.session(default=False, requires=["tests", "docs", "linkcheck"])
def publish(session: nox.Session) -> None:
    """Push the checked site/ to the branch gh-pages of $PUBLISH_REMOTE (default: origin)."""
    remote = os.environ.get("PUBLISH_REMOTE", "origin")
    install(session, groups=["publish"])
    session.run(
        "ghp-import", "--no-history", "--push", "--branch", BRANCH, "--remote", remote, str(SITE)
    )
    with tempfile.TemporaryDirectory() as folder:
        git("fetch", remote, BRANCH)
        pushed = io.BytesIO(git("-c", "core.autocrlf=false", "archive", "FETCH_HEAD"))
        with tarfile.open(fileobj=pushed) as archive:
            archive.extractall(folder, filter="data")
        insist_same(session, SITE, Path(folder))


@nox.session(default=False)
def pin(session: nox.Session) -> None:
    """Write constraints.txt, keeping the pins that still fit; `-- --upgrade` moves them all.

    The locks beside CI's script get the same versions, with the hashes of their files.
    """
    install(session, groups=["pin"])
    groups = [word for name in PROJECT["dependency-groups"] for word in ("--group", name)]
    compile_pins(session, PINS, "pyproject.toml", "--all-extras", *groups, *session.posargs)
    for lock, wanted in LOCKS.items():
        compile_pins(
            session, lock, *wanted, "--constraints", str(PINS), "--generate-hashes", "--upgrade"
        )


def compile_pins(session: nox.Session, file: Path, *arguments: str) -> None:
    session.run(
        *("uv", "pip", "compile", *arguments),
        # One version of each package for all the Pythons and systems.
        *("--universal", "--python-version", "3.11", "--fork-strategy", "fewest"),
        *("--custom-compile-command", "python -m nox -s pin", "--no-annotate", "--quiet"),
        *("--output-file", str(file)),
    )


def install(session: nox.Session, *packages: str, groups: Sequence[str] = ()) -> None:
    """Install at the pinned versions, unless this environment already has just that."""
    wanted = [*packages, *nox.project.dependency_groups(PROJECT, *groups)]
    hashed = bool(os.environ.get("REQUIRE_HASHES"))
    asked = repr((PROJECT["build-system"], PROJECT["project"], wanted, hashed))
    state = hashlib.sha256(PINS.read_bytes() + asked.encode()).hexdigest()
    stamp = Path(session.virtualenv.location, "installed")
    if stamp.is_file() and stamp.read_text() == state:
        return
    if hashed:
        install_hashed(session)
    else:
        session.install(*wanted, "-c", str(PINS), env=pinned_build())
    stamp.write_text(state)


def install_hashed(session: nox.Session) -> None:
    """Install what makes the site from files with known hashes, and the project beside it."""
    session.install("--require-hashes", "-r", str(Path(".ci", "site.txt")))
    # A folder has no hash; its build backend came with the rest.
    session.install("--no-deps", "--no-build-isolation", "-e", ".")


def install_from_npm(session: nox.Session, folder: Path) -> Path:
    """Install a folder's package-lock.json, unless that is done; return the folder node_modules."""
    place = Path(session.virtualenv.location, "npm")
    wanted = (folder / "package-lock.json").read_bytes()
    stamp = place / "node_modules" / "installed"
    if not (stamp.is_file() and stamp.read_bytes() == wanted):
        place.mkdir(exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(folder / name, place)
        command = ["npm", "ci", "--prefix", str(place), "--ignore-scripts", "--no-audit"]
        # Trust whom the system trusts, as pip does.
        session.run_install(*command, env={"NODE_USE_SYSTEM_CA": "1"})
        stamp.write_bytes(wanted)
    return stamp.parent


def path_of(session: nox.Session, browser: str) -> str:
    """Return the path of a browser, fetched if need be; it may be empty, with a warning."""
    said = session.run_install("python", str(BROWSER / f"{browser}.py"), silent=True)
    why, _, path = said.rpartition("\n")
    if not path:
        session.warn(why.splitlines()[-1])
    return path


def run_in_tests(session: nox.Session, *arguments: str, **how: Any) -> Any:
    """Run Python in the environment of the session `tests`: another like it could be gigabytes."""
    prepare = ("-m", "nox", "--session", "tests", "--install-only")
    session.run(sys.executable, *prepare, silent=True, external=True)
    scripts = "Scripts" if os.name == "nt" else "bin"
    python = Path(os.environ.get("NOX_ENVDIR", ".nox"), "tests", scripts, "python")
    return session.run(str(python), *arguments, external=True, **how)


def install_docs(session: nox.Session) -> None:
    """Install what the site needs; never torch, which can be gigabytes."""
    install(session, "-e", ".[figures,lm]", groups=["docs"])


def pinned_build() -> dict[str, str]:
    """Pin the build backend too: pip builds a package in an environment of its own."""
    return {"PIP_BUILD_CONSTRAINT": str(PINS.resolve())}


def build_site(session: nox.Session, folder: Path) -> None:
    """Build the pages in the current folder. With `-q`, mkdocs would let warnings pass."""
    session.run("mkdocs", "build", "--strict", "--site-dir", str(folder), env=site_environment())


def site_environment() -> dict[str, str | None]:
    """Date the site by the last commit, so that a rebuild gives the same bytes."""
    date = os.environ.get("SOURCE_DATE_EPOCH")
    if date is None:
        try:
            date = git("log", "-1", "--format=%ct").decode().strip()
        except (OSError, subprocess.CalledProcessError):
            date = "0"  # no git, or no commit: an archive of the sources
    return {
        "SOURCE_DATE_EPOCH": date,
        "MPLBACKEND": None,  # a kernel that inherits agg shows no figure
        "NO_MKDOCS_2_WARNING": "1",  # an advertisement above every build
    }


def git(*arguments: str) -> bytes:
    """Run git on this project, wherever the session is, and return what it prints."""
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def free_port(wanted: int) -> int:
    """Return the wanted port, or any other if something listens there."""
    for port in (wanted, 0):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)) as server:
            return server.getsockname()[1]
    raise OSError("no free port")


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serve a folder without a word, as a host does: the tests report what they miss."""

    protocol_version = "HTTP/1.1"  # keep connections open
    extensions_map: ClassVar = TEXT | {".woff2": "font/woff2"}

    def log_message(self, *_: object) -> None:
        """Keep no log of requests."""

    def end_headers(self) -> None:
        """Say what a host says: how long a file may be kept, and that a text is compressed."""
        self.send_header("Cache-Control", "max-age=600")
        file = self.translate_path(self.path)
        if is_text(Path(file, "index.html") if file.endswith("/") else Path(file)):
            self.send_header("Content-Encoding", "gzip")
        super().end_headers()

    def handle(self) -> None:
        """Let a browser hang up when it has seen enough."""
        with contextlib.suppress(ConnectionError):
            super().handle()


@contextlib.contextmanager
def serving(site: Path) -> Iterator[str]:
    """Serve the site below the path of its address, as its host will; give the local address."""
    path = urlsplit(address_of(site)).path
    with tempfile.TemporaryDirectory() as root:
        served = Path(root, path.strip("/"))
        shutil.copytree(site, served, dirs_exist_ok=True, copy_function=copy_compressed)
        handler = functools.partial(Quiet, directory=root)
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever).start()
            try:
                yield f"http://127.0.0.1:{server.server_port}{path}"
            finally:
                server.shutdown()


def address_of(site: Path) -> str:
    """Return the address that a built site gives itself."""
    home = (site / "index.html").read_text("utf-8")
    return re.search(r'rel="canonical" href="([^"]+)"', home)[1]


def copy_compressed(source: str, target: str) -> None:
    """Copy a file; a text gets the bytes that go over the wire."""
    content = Path(source).read_bytes()
    Path(target).write_bytes(gzip.compress(content) if is_text(Path(source)) else content)


def is_text(file: Path) -> bool:
    return file.suffix in TEXT and file.is_file()


def insist_same(session: nox.Session, one: Path, other: Path) -> None:
    """Fail with the names of the files that differ or are missing on one side."""
    names = {
        file.relative_to(top) for top in (one, other) for file in top.rglob("*") if file.is_file()
    }
    differing = sorted(name.as_posix() for name in names if not same(one / name, other / name))
    if differing:
        session.error("\n".join([f"{len(differing)} of {len(names)} files differ:", *differing]))
    session.log(f"All {len(names)} files are the same, byte for byte.")


def same(one: Path, other: Path) -> bool:
    return one.is_file() and other.is_file() and one.read_bytes() == other.read_bytes()


def without_fences(page: Path) -> str:
    """Return a page whose console fences doctest can read; it takes a closing fence for output."""
    text = page.read_text(encoding="utf-8")
    if ">>> " not in text:
        raise ValueError(f"{page} has no >>> example")
    return re.sub(r"^```.*$", "", text, flags=re.MULTILINE)

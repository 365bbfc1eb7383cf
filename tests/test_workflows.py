"""What runs in CI is named by its content, and may no more than it has to."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.y*ml"))
NOX = "python -m pip install --require-hashes -r .ci/nox.txt"
PIN = re.compile(r"^([a-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
# Runs what is not ours, which nothing may that can write.
FOREIGN = re.compile(r"\b(?:pip|nox|python3?|npm|npx|node|curl|wget)\b")


def jobs() -> list[Any]:
    return [
        pytest.param(job, id=f"{path.stem}-{name}")
        for path in WORKFLOWS
        for name, job in yaml.safe_load(path.read_text("utf-8"))["jobs"].items()
    ]


each_job = pytest.mark.parametrize("job", jobs())
each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)


def runs(job: dict[str, Any]) -> list[str]:
    return [step["run"] for step in job["steps"] if "run" in step]


@each_workflow
def test_every_action_is_named_by_its_commit_and_its_version(path: Path) -> None:
    uses = re.findall(r"\buses: *(.*)", path.read_text("utf-8"))
    assert uses
    floating = [one for one in uses if not re.fullmatch(r"\S+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one)]
    assert floating == []
    commits = {}
    for one in uses:
        action, commit, version = re.split("@| # ", one)
        assert commits.setdefault(action, (commit, version)) == (commit, version)


@each_workflow
def test_a_workflow_may_only_read(path: Path) -> None:
    assert yaml.safe_load(path.read_text("utf-8"))["permissions"] == {"contents": "read"}


@each_job
def test_what_may_write_runs_nothing_foreign_and_may_nothing_else(job: dict[str, Any]) -> None:
    may = job.get("permissions", {"contents": "read"})
    assert may in ({"contents": "read"}, {"contents": "write"})
    if may == {"contents": "write"}:
        assert job["if"] == "github.event_name == 'push'"
        assert [run for run in runs(job) if FOREIGN.search(run)] == []
        assert {step["uses"].split("@")[0] for step in job["steps"] if "uses" in step} <= {
            "actions/checkout",
            "actions/download-artifact",
        }


def test_one_job_writes_what_another_has_built_and_checked() -> None:
    found = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))["jobs"]
    (publish,) = [job for job in found.values() if job.get("permissions")]
    assert {"check", "browser", "site"} <= {*publish["needs"]}
    assert found["site"]["env"]["REQUIRE_HASHES"]
    (given,) = [step for step in found["site"]["steps"] if "upload-artifact" in str(step)]
    (taken,) = [step for step in publish["steps"] if "download-artifact" in str(step)]
    assert given["with"]["include-hidden-files"]  # .nojekyll
    assert {key: given["with"][key] for key in ("name", "path")} == taken["with"]
    assert "needs.site.outputs.tree" in str(publish["steps"])


@each_job
def test_no_token_stays_in_a_checkout(job: dict[str, Any]) -> None:
    for step in job["steps"]:
        if "actions/checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False


@each_job
def test_no_command_holds_an_expression(job: dict[str, Any]) -> None:
    """What stands between braces would become part of the command, whatever it is."""
    assert [run for run in runs(job) if "${{" in run] == []


@each_job
def test_nox_is_installed_by_its_hash(job: dict[str, Any]) -> None:
    for number, run in enumerate(runs(job)):
        if "pip install" in run:
            assert run == NOX
        elif "nox" in run:
            assert NOX in runs(job)[:number]


def test_the_script_installs_nox_by_its_hash_before_the_readme_asks_for_it() -> None:
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    installs = re.findall(r"^\s*(python\S* -m pip .*)", script, re.MULTILINE)
    assert installs == [NOX.replace("install", "install --quiet")]
    assert script.index(installs[0]) < script.index("python -m pip install nox &&")


@pytest.mark.parametrize("name", ["nox", "site"])
def test_a_lock_has_the_versions_of_the_constraints_and_a_hash_for_each(name: str) -> None:
    lock = (ROOT / ".ci" / f"{name}.txt").read_text("utf-8")
    pins = PIN.findall(lock)
    constraints = PIN.findall((ROOT / "constraints.txt").read_text("utf-8"))
    assert {*pins} <= {*constraints}
    entries = re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE)[1:]
    assert len(entries) == len(pins)
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert name in dict(pins) or name == "site"
    assert "://" not in lock


def test_the_lock_of_the_site_has_all_that_its_sessions_name() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    groups, extras = project["dependency-groups"], project["project"]["optional-dependencies"]
    wanted = [
        one
        for part in (groups["docs"], groups["links"], groups["build"], groups["lint"])
        for one in [*part, *extras["figures"], *extras["lm"], *project["project"]["dependencies"]]
        if isinstance(one, str)
    ]
    names = {re.match(r"[\w.-]+", one)[0].lower().replace("_", "-") for one in wanted}
    locked = dict(PIN.findall((ROOT / ".ci" / "site.txt").read_text("utf-8")))
    assert names - {*locked, project["project"]["name"]} == set()


# Whoever commits, to git.
SOMEBODY = {
    f"GIT_{who}_{what}": "somebody@site.example"
    for who in ("AUTHOR", "COMMITTER")
    for what in ("NAME", "EMAIL")
}
BASH, GIT = str(shutil.which("bash")), str(shutil.which("git"))


def run(script: str, *arguments: str, remote: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BASH, str(ROOT / ".ci" / script), *arguments],
        env={**os.environ, **SOMEBODY, "PUBLISH_REMOTE": str(remote)},
        text=True,
        check=False,
        capture_output=True,
    )


def git(remote: Path, *arguments: str) -> bytes:
    return subprocess.run(
        [GIT, "-C", str(remote), *arguments], check=True, stdout=subprocess.PIPE
    ).stdout


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet", "--bare", "remote")
    return tmp_path / "remote"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A site with what git passes over or changes, if it may."""
    site = tmp_path / "site"
    (site / "a").mkdir(parents=True)
    (site / ".nojekyll").touch()
    (site / ".gitignore").write_text("a\n")
    (site / "a" / "index.html").write_bytes(b"<p>\r\n")
    return site


@pytest.mark.process
@pytest.mark.skipif(os.name == "nt", reason="CI publishes from Linux")
def test_what_was_built_is_pushed_as_the_only_commit(built: Path, remote: Path) -> None:
    tree = run("tree", str(built), remote=remote).stdout.strip()
    for _ in range(2):
        pushed = run("push", str(built), tree, remote=remote)
        assert pushed.returncode == 0, pushed.stderr
    names = git(remote, "ls-tree", "-r", "--name-only", "gh-pages").split()
    assert names == [b".gitignore", b".nojekyll", b"a/index.html"]
    assert git(remote, "show", "gh-pages:a/index.html") == b"<p>\r\n"
    assert git(remote, "rev-list", "--count", "gh-pages") == b"1\n"


@pytest.mark.process
@pytest.mark.skipif(os.name == "nt", reason="CI publishes from Linux")
@pytest.mark.parametrize("change", ["a byte", "a file more", "a file less", "a name"])
def test_what_was_not_built_is_not_pushed(change: str, built: Path, remote: Path) -> None:
    tree = run("tree", str(built), remote=remote).stdout.strip()
    match change:
        case "a byte":
            (built / "a" / "index.html").write_bytes(b"<p>\n")
        case "a file more":
            (built / "a" / "b.html").touch()
        case "a file less":
            (built / ".nojekyll").unlink()
        case "a name":
            (built / ".nojekyll").rename(built / ".nojekyl")
    refused = run("push", str(built), tree, remote=remote)
    assert refused.returncode == 1
    assert "is not what was built" in refused.stderr
    assert git(remote, "for-each-ref") == b""

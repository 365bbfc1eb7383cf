"""Lighthouse, as on a phone: the median of three runs on one page of each kind and a chapter.

Where performance is advice, one run is enough.
"""

import json
import statistics
import subprocess

import chromium
import pytest
from visits import insist_none

RUNS = 3
LEAST = 95
PERFECT = ("accessibility", "best-practices", "seo")
TIMES = {
    "LCP ms": "largest-contentful-paint",
    "TBT ms": "total-blocking-time",
    "CLS": "cumulative-layout-shift",
}


@pytest.mark.only("chromium")
def test_lighthouse(measured, home, tools, pytestconfig, record_property, tmp_path):
    """Everything but speed is perfect, and speed near to it."""
    advisory = pytestconfig.option.advisory_performance
    # Only times differ from run to run.
    reports = [tmp_path / f"{number}.json" for number in range(1 if advisory else RUNS)]
    runs = [run(home + measured, tools, report) for report in reports]
    scores = {
        name: statistics.median(round(100 * report["categories"][name]["score"]) for report in runs)
        for name in ("performance", *PERFECT)
    }
    times = {
        head: statistics.median(report["audits"][audit]["numericValue"] for report in runs)
        for head, audit in TIMES.items()
    }
    row = {**scores, **{head: f"{value:.3g}" for head, value in times.items()}}
    record_property("Lighthouse", (measured or "home", row))
    problems = [
        failure for report in runs for name in PERFECT for failure in failures(report, name)
    ]
    if scores["performance"] < LEAST and not advisory:
        problems.append(f"performance {scores['performance']}, at least {LEAST}")
    insist_none(measured, problems)


def run(address, tools, report):
    """Return the report of one run, in a browser of its own with an empty cache."""
    flags = " ".join(["--headless=new", *chromium.FLAGS])
    command = ["node", tools / "lighthouse" / "cli" / "index.js", address, "--quiet"]
    command += [f"--chrome-flags={flags}", "--output=json", f"--output-path={report}"]
    command += [f"--only-categories=performance,{','.join(PERFECT)}"]
    subprocess.run(command, check=True)
    return json.loads(report.read_text("utf-8"))


def failures(report, category):
    """Return what keeps a category from 100."""
    if report["categories"][category]["score"] == 1:
        return
    for reference in report["categories"][category]["auditRefs"]:
        audit = report["audits"][reference["id"]]
        if reference["weight"] and audit["score"] not in {None, 1}:
            items = audit.get("details", {}).get("items", [])
            where = [item.get("node", {}).get("selector", "") for item in items[:3]]
            yield f"{category}: {audit['id']}: {audit['title']} {' '.join(where)}".strip()

# SPDX-License-Identifier: Apache-2.0
"""A line for each scenario, printed when its last test is over."""

import pathlib
import sys
import time

import pytest


class Report:
    """A pytest plugin in place of its own report."""

    def __init__(self, scenarios, elsewhere):
        self.scenarios = {one.file: one for one in scenarios}
        self.elsewhere = elsewhere
        self.failed, self.passed, self.skipped = 0, 0, 0
        self.reports, self.figures, self.since = [], [], time.monotonic()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item, nextitem):
        result = yield
        if nextitem is None or nextitem.path != item.path:
            self.line(item.path.stem)
        return result

    def pytest_runtest_logreport(self, report):
        self.reports.append(report)
        self.figures += [text for name, text in report.user_properties
                         if name == "figure" and report.when == "call"]

    def pytest_collectreport(self, report):
        if report.failed:
            self.failed += 1
            self.say(f"FAIL      {pathlib.Path(report.nodeid).stem}\n{report.longreprtext}")

    def pytest_report_teststatus(self):
        return "", "", ""  # no dots

    def line(self, file):
        scenario = self.scenarios[file]
        failures = [one for one in self.reports if one.failed]
        skips = [one for one in self.reports if one.skipped]
        ran = [one for one in self.reports if one.when == "call" and one.passed]
        reason = skips[0].longrepr[2].removeprefix("Skipped: ") if skips else ""
        if failures:
            word, note = "FAIL", ""
            self.failed += 1
        elif ran:
            notes = self.figures + ([f"a part skipped: {reason}"] if reason else [])
            word, note = "ok", "; ".join(notes)
            self.passed += 1
        else:
            word, note = "skipped", reason
            self.skipped += 1
        seconds = time.monotonic() - self.since
        self.say(f"{word:8} {scenario.number:>2}  {scenario.title}"
                 f"{f' ({note})' if note else ''}, {seconds:.1f} s")
        for one in failures:
            self.say(f"{one.nodeid} ({one.when})\n{one.longreprtext}")
            for title, text in one.sections:
                self.say(f"{title}:\n{text}")
        self.reports, self.figures, self.since = [], [], time.monotonic()

    def finish(self):
        for number, title, reason in self.elsewhere:
            self.skipped += 1
            self.say(f"skipped  {number:>2}  {title} ({reason})")
        self.say(f"{self.passed} ok, {self.failed} failed, {self.skipped} skipped")

    @staticmethod
    def say(text):
        print(text, file=sys.__stdout__, flush=True)

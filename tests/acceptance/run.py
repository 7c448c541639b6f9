#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs unmodified clients against `deepseek serve`; ./dev acceptance calls it with what it needs.

DEEPSEEK_PROGRAM is the program, DEEPSEEK_STARTER the starter model's file; without it, what needs
language is skipped. Each scenario gets a line; the exit status is 1 when one failed.
"""

import argparse
import os
import pathlib
import signal
import sys

import pytest
from report import Report
from scenarios import ELSEWHERE, chosen

HERE = pathlib.Path(__file__).parent


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="only what takes a minute together")
    parser.add_argument("names", nargs="*", help="numbers, or parts of the files' names")
    options = parser.parse_args()
    selected = chosen(options.names, options.quick)
    if not selected:
        raise SystemExit(f"no scenario is called {' or '.join(options.names)}; --list names them")
    if options.quick:
        os.environ.pop("DEEPSEEK_STARTER", None)
        os.environ["DEEPSEEK_QUICK"] = "1"
    files = [str(HERE / f"{one.file}.py") for one in selected]
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # servers are stopped on the way out
    report = Report(selected, ELSEWHERE if not options.names and not options.quick else [])
    status = pytest.main(["-qq", "--tb=short", "--no-header", "--no-summary", "--disable-warnings",
                          "-p", "no:cacheprovider", f"--rootdir={HERE}", *files],
                         plugins=[report])
    report.finish()
    return 1 if report.failed or status not in (0, pytest.ExitCode.NO_TESTS_COLLECTED) else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""More idle connections than a server has room for: do its probes still answer?

    python3 tests/acceptance/load/idle_crowd.py --program build/release/deepseek

Once with the 1024 descriptors that a process commonly may have, once with enough of them and more
connections than the server takes (4096). Nobody needs a key to open a connection.
"""

import asyncio
import resource
import sys
import time

import report_page
import serving
import wire

CASES = [(1024, 1500), (20_000, 4300), (20_000, 5000)]
PATIENCE_SECONDS = 8


async def probe(server, path):
    """The status or what came instead, and seconds."""
    began = time.monotonic()
    try:
        outcome = (await wire.ask(server.address, "GET", path, patience=PATIENCE_SECONDS)).status
    except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
        outcome = type(error).__name__
    return outcome, time.monotonic() - began


async def crowd(server, count):
    """What the probes say beside so many connections, and after they left."""
    connections = [await wire.Connection.open(server.address) for _ in range(count)]
    await asyncio.sleep(1)
    beside = [await probe(server, path) for path in ("/health", "/ready")]
    seen = serving.vitals(server.process.pid)
    await asyncio.gather(*(connection.close() for connection in connections))
    await asyncio.sleep(2)
    return beside, seen, await probe(server, "/health"), serving.vitals(server.process.pid)


def limited(program, folder, descriptors):
    """The program under such a limit."""
    script = folder / f"limited-{descriptors}"
    script.write_text(f"#!/bin/sh\nulimit -n {descriptors}\nexec {program} \"$@\"\n",
                      encoding="utf-8")
    script.chmod(0o755)
    return str(script)


def main():
    options = report_page.parser_for(__doc__).parse_args()
    report = report_page.Report("Idle connections", options)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    rows = []
    with report_page.workplace(options) as (folder, model):
        for descriptors, count in CASES:
            with serving.Server(limited(options.program, folder, min(descriptors, most)), model,
                                folder, "--threads", "1") as server:
                beside, seen, after, left = asyncio.run(crowd(server, count))
            rows.append([descriptors, count, *(f"{what}, {seconds:.2f} s" for what, seconds in
                                               beside), seen.files, f"{seen.resident_mib:.0f}",
                         f"{after[0]}", left.files])
            report.require(all(what == 200 for what, _ in beside),
                           f"{count} idle connections, {descriptors} descriptors: /health "
                           f"{beside[0][0]}, /ready {beside[1][0]}")
            report.require(after[0] == 200, "the server did not recover")
    report.figures = {"rows": rows}
    report.table(["descriptors", "idle connections", "/health", "/ready", "open files",
                  "resident MiB", "/health after they left", "open files then"], rows)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())

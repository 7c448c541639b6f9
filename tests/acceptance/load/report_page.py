# SPDX-License-Identifier: Apache-2.0
"""What the load reports share: flags, where it ran, figures, and how they are written down."""

import argparse
import contextlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import tiny_model


def parser_for(text, minutes=None):
    parser = argparse.ArgumentParser(description=text.split("\n", maxsplit=1)[0])
    parser.add_argument("--program", default="build/release/deepseek")
    parser.add_argument("--model", default="tiny",
                        help="tiny: a model of random weights; else as `deepseek serve` has it")
    if minutes is not None:
        parser.add_argument("--minutes", type=float, default=minutes, help="[%(default)g]")
    parser.add_argument("--json", action="store_true", help="JSON on standard output, no Markdown")
    parser.add_argument("--report", help="a file for the Markdown")
    parser.add_argument("--seed", type=int, default=1)
    return parser


@contextlib.contextmanager
def workplace(options):
    """A folder that goes away, and the model to serve."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if options.model != "tiny":
            yield folder, options.model
            return
        tiny_model.write(folder / "model")
        yield folder, folder / "model"


def processor():
    text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    fields = dict(re.findall(r"^(model name|cpu family|model)\s*: (.*)$", text, re.M))
    return f"{fields.get('model name', 'unknown').strip()} (model {fields.get('model', '?')})"


def load_average():
    return os.getloadavg()[0]


class Report:
    """Collected while a script runs, written at its end."""

    def __init__(self, title, options):
        self.title, self.options = title, options
        version = subprocess.run([options.program, "version"], capture_output=True, text=True,
                                 check=True).stdout.split("\n", maxsplit=1)[0]
        self.facts = {
            "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()), "program": version,
            "machine": f"{os.cpu_count()} cores, {processor()}",
            "load average at the start": round(load_average(), 2),
            "command": self._command()}
        self.figures, self.parts, self.failures = {}, [], []

    @staticmethod
    def _command():
        """As it was given, but for where things lie on this machine."""
        flags = re.sub(r"--(program|report)[ =]\S+ ?|--json ?", "", shlex.join(sys.argv[1:]))
        script = pathlib.Path(sys.argv[0]).name
        return f"python3 tests/acceptance/load/{script} {flags}".strip()

    def paragraph(self, text):
        self.parts.append(text)

    def table(self, heads, rows):
        lines = [heads, ["---"] * len(heads), *rows]
        self.parts.append("\n".join("| " + " | ".join(map(shown, line)) + " |" for line in lines))

    def require(self, holds, what):
        """A condition of passing; what was found is in the text either way."""
        if not holds:
            self.failures.append(what)

    def markdown(self):
        self.facts["load average at the end"] = round(load_average(), 2)
        facts = "\n".join(f"- {name}: {shown(value)}" for name, value in self.facts.items())
        verdict = ("Every condition held." if not self.failures else
                   "What did not hold:\n\n" + "\n".join(f"- {one}" for one in self.failures))
        return "\n\n".join([f"# {self.title}", facts, *self.parts, verdict]) + "\n"

    def finish(self):
        """Writes it all; the exit code."""
        text = self.markdown()
        if self.options.report:
            pathlib.Path(self.options.report).write_text(text, encoding="utf-8")
        print(json.dumps({**self.facts, **self.figures, "failures": self.failures})
              if self.options.json else text)
        return 1 if self.failures else 0


def shown(value):
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) < 10 else \
            f"{value:.1f}"
    return str(value)


def percentile(values, share):
    """The smallest value that so many of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")

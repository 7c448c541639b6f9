# SPDX-License-Identifier: Apache-2.0
"""Renders the part of Helm's template language that deploy/helm uses, and refuses the rest.

Known: paths from `.` and $, if/else/end, define/include, comments, strings and integers in
pipelines of quote, default, nindent, toYaml, printf, add, div, not; trim marks.
"""

import json
import re

import yaml

ACTION = re.compile(r"\{\{(-?)(.*?)(-?)\}\}", re.DOTALL)
WORD = re.compile(r'"(?:[^"\\]|\\.)*"|\(|\)|\||[^\s()|]+')


class TemplateError(Exception):
    """A template uses what is not known here, or is malformed."""


class Template:
    """One file's text, parsed; `defines` collects its named parts."""

    def __init__(self, name, text, defines):
        self.name, self.defines = name, defines
        self.parts = self._split(text)
        self.nodes = self._block(("end of file",))[0]

    def _split(self, text):
        """Text and code by turns; trim marks take the space of the text beside them."""
        parts, at, trim = [], 0, False
        for match in ACTION.finditer(text):
            trim_left, code, trim_right = match.groups()
            between = text[at:match.start()]
            between = between.lstrip() if trim else between
            parts += [between.rstrip() if trim_left else between, code.strip()]
            at, trim = match.end(), bool(trim_right)
        rest = text[at:]
        return [*parts, rest.lstrip() if trim else rest]

    def _block(self, ends):
        nodes = []
        while self.parts:
            nodes.append(self.parts.pop(0))
            if not self.parts:
                break
            code = self.parts.pop(0)
            word = code.split()[0] if code.split() else ""
            if word in ends:
                return nodes, word
            if code.startswith("/*"):
                continue
            if word == "if":
                yes, end = self._block(("else", "end"))
                no = self._block(("end",))[0] if end == "else" else []
                nodes.append(("if", code[2:], yes, no))
            elif word == "define":
                self.defines[json.loads(code[6:])] = self._block(("end",))[0]
            elif word in ("range", "with", "block", "template", "else", "end"):
                raise TemplateError(f"{self.name}: {code}: not known here")
            else:
                nodes.append(("show", code))
        if ends != ("end of file",):
            raise TemplateError(f"{self.name}: an end is missing")
        return nodes, None


def truth(value):
    return value not in (None, False, 0, "", [], {})


class Renderer:
    """Renders templates with `scope`: Values, Release, Chart."""

    def __init__(self, scope, defines):
        self.scope, self.defines = scope, defines

    def text(self, nodes):
        out = ""
        for node in nodes:
            if isinstance(node, str):
                out += node
            elif node[0] == "if":
                out += self.text(node[2] if truth(self.value(node[1])) else node[3])
            else:
                value = self.value(node[1])
                out += json.dumps(value) if isinstance(value, (bool, list, dict)) else str(value)
        return out

    def value(self, code):
        words = WORD.findall(code)
        value = self._pipeline(words)
        if words:
            raise TemplateError(f"{code}: {words} is left over")
        return value

    def _pipeline(self, words):
        value = self._call(words, [])
        while words and words[0] == "|":
            words.pop(0)
            value = self._call(words, [value])
        return value

    def _call(self, words, piped):
        head = words.pop(0)
        arguments = []
        while words and words[0] not in ("|", ")"):
            arguments.append(self._term(words))
        arguments += piped
        if head[0] in '."$(' or head.lstrip("-").isdigit():
            if arguments:
                raise TemplateError(f"{head}: takes nothing behind it")
            return self._term([head] if head != "(" else [head, *words])
        functions = {
            "quote": lambda v: json.dumps(str(v)),
            "default": lambda other, v: v if truth(v) else other,
            "nindent": lambda n, v: "\n" + "\n".join(" " * n + line if line else line
                                                     for line in str(v).split("\n")),
            "toYaml": lambda v: yaml.safe_dump(v, sort_keys=True).removesuffix("...\n").rstrip("\n"),
            "printf": lambda form, *values: form % values,
            "add": lambda *values: sum(values),
            "div": lambda a, b: a // b,
            "not": lambda v: not truth(v),
            "include": lambda name, _: self.text(self.defines[name]),
        }
        if head not in functions:
            raise TemplateError(f"{head}: a function that is not known here")
        return functions[head](*arguments)

    def _term(self, words):
        word = words.pop(0)
        if word == "(":
            value = self._pipeline(words)
            words.pop(0)
            return value
        if word[0] == '"':
            return json.loads(word)
        if word.lstrip("-").isdigit():
            return int(word)
        if word in (".", "$"):
            return self.scope
        if not word.startswith("."):
            raise TemplateError(f"{word}: not known here")
        value = self.scope
        for key in word[1:].split("."):
            if not isinstance(value, dict) or key not in value:
                raise TemplateError(f"{word}: there is no {key}")
            value = value[key]
        return value


def merged(base, more):
    """Helm's merge of values: maps key by key, all else replaced."""
    if isinstance(base, dict) and isinstance(more, dict):
        return base | {key: merged(base.get(key), value) for key, value in more.items()}
    return more


def render(chart, values, release="deepseek"):
    """{template's file name: text} of a chart folder with `values` over its own."""
    description = yaml.safe_load((chart / "Chart.yaml").read_text(encoding="utf-8"))
    scope = {
        "Values": merged(yaml.safe_load((chart / "values.yaml").read_text(encoding="utf-8")), values),
        "Release": {"Name": release, "Service": "Helm", "Namespace": "default"},
        "Chart": {"Name": description["name"], "Version": description["version"],
                  "AppVersion": description["appVersion"]},
    }
    defines = {}
    files = sorted((chart / "templates").iterdir(), key=lambda path: not path.name.startswith("_"))
    templates = {path.name: Template(path.name, path.read_text(encoding="utf-8"), defines)
                 for path in files}
    renderer = Renderer(scope, defines)
    return scope["Values"], {name: renderer.text(template.nodes)
                             for name, template in templates.items() if not name.startswith("_")}

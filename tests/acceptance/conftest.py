# SPDX-License-Identifier: Apache-2.0
"""What tests are given: models, a shared server, servers of their own, a place for figures."""

import itertools
import os
import pathlib
import subprocess
import sys

import pytest
import tiny_model
from server import NAME, Server, Store


@pytest.fixture(scope="session")
def program():
    return os.environ["DEEPSEEK_PROGRAM"]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """The folder of a tiny model that thinks."""
    folder = tmp_path_factory.mktemp("tiny") / "model"
    tiny_model.write(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_long(tmp_path_factory):
    """The same with a context of 65536 tokens."""
    folder = tmp_path_factory.mktemp("tiny_long") / "model"
    tiny_model.write(folder, context=65536)
    return folder


@pytest.fixture(scope="session")
def starter():
    """The file of a small model that knows a language."""
    path = pathlib.Path(os.environ.get("DEEPSEEK_STARTER", "/none"))
    if not path.is_file():
        pytest.skip("the starter model is not here")
    return path


def pytest_configure(config):
    config.addinivalue_line("markers", "thinking: only a model that thinks can pass")


def pytest_generate_tests(metafunc):
    """Tests of a URL run with both models, where both can pass and are here."""
    if "url" in metafunc.fixturenames:
        both = os.environ.get("DEEPSEEK_STARTER") and not [
            mark for mark in metafunc.definition.iter_markers("thinking")]
        metafunc.parametrize("url", ["tiny", "starter"] if both else ["tiny"], indirect=True)


@pytest.fixture(scope="session")
def shared_servers():
    servers = {}
    yield servers
    for server in servers.values():
        server.stop()


@pytest.fixture
def url(request, shared_servers, program, tmp_path_factory):
    """The URL of a server that tests share."""
    which = request.param
    if which not in shared_servers:
        shared_servers[which] = Server(program, request.getfixturevalue(which),
                                       tmp_path_factory.mktemp(which))
    return shared_servers[which].url


@pytest.fixture
def model():
    return NAME


@pytest.fixture
def serve(program, tmp_path):
    """Starts servers that end with the test: serve(model, *flags, secret=None, folder=None)."""
    servers, numbers = [], itertools.count()

    def start(model, *flags, secret=None):
        folder = tmp_path / f"server-{next(numbers)}"
        servers.append(Server(program, model, folder, *flags, secret=secret))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def store(program, tmp_path):
    return Store(program, tmp_path / "store")


@pytest.fixture(scope="session")
def client_tools():
    """client_tools(NAME): the programs of an environment with what clients/NAME.txt lists.

    clients/NAME.overrides.txt, where it is there, replaces what those packages ask for.
    """

    def install(name):
        clients = pathlib.Path(__file__).parent / "clients"
        wanted = [*clients.glob(f"{name}.txt"), *clients.glob(f"{name}.overrides.txt")]
        text = "".join(path.read_text(encoding="utf-8") for path in wanted)
        folder = pathlib.Path(os.environ["DEEPSEEK_CLIENTS"]) / name
        mark = folder / "requirements.txt"
        if not mark.is_file() or mark.read_text(encoding="utf-8") != text:
            uv = pathlib.Path(sys.executable).with_name("uv")
            links = {"UV_FIND_LINKS": os.environ.get("PIP_FIND_LINKS", "")}
            replaced = [word for path in wanted[1:] for word in ("--overrides", path)]
            subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder],
                           check=True, stdout=sys.stderr)
            subprocess.run([uv, "pip", "install", "--quiet", "--python", folder / "bin/python",
                            "-r", wanted[0], *replaced],
                           check=True, stdout=sys.stderr, env={**links, **os.environ})
            mark.write_text(text, encoding="utf-8")
        return folder / "bin"

    return install


@pytest.fixture
def figure(record_property):
    """figure(TEXT) puts a measured value on the scenario's line."""
    return lambda text: record_property("figure", text)

# SPDX-License-Identifier: Apache-2.0
"""Scenario 20: Open WebUI, connected as its administrator does it, by a URL and a key."""

import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess

import httpx
import pytest
from server import NAME, Server, wait_for

KEY = "sk-open-webui"
USER = {"name": "Reader", "email": "reader@example.com", "password": "a-Long-passw0rd"}
PARAMS = {"temperature": 0, "max_tokens": 12}
QUESTION = "Hello, who are you?"
FACT = "The lighthouse keeper of Norderoog is called Wiebke and has three grey geese."
PATIENCE_S = 600


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class WebUi:
    """Open WebUI while it runs; `http` speaks for its first user, who administers it."""

    def __init__(self, tools, folder, server):
        self.server, self.log = server, folder / "webui.log"
        self.url = f"http://127.0.0.1:{free_port()}"
        environment = {
            **os.environ, "DATA_DIR": str(folder), "WEBUI_SECRET_KEY": "accepted",
            "OFFLINE_MODE": "true", "ANONYMIZED_TELEMETRY": "false",
            "ENABLE_OPENAI_API": "false", "ENABLE_OLLAMA_API": "false",
            # A small model that is asked for search words talks on until its context is full.
            "ENABLE_RETRIEVAL_QUERY_GENERATION": "false",
            "RAG_EMBEDDING_ENGINE": "openai", "RAG_EMBEDDING_MODEL": NAME,
            "RAG_OPENAI_API_BASE_URL": server.url + "/v1", "RAG_OPENAI_API_KEY": KEY,
        }
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [tools / "open-webui", "serve", "--host", "127.0.0.1",
                 "--port", self.url.rpartition(":")[2]],
                cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.http = httpx.Client(base_url=self.url, timeout=PATIENCE_S)

    def is_ready(self):
        assert self.process.poll() is None, self.log.read_text(encoding="utf-8")[-3000:]
        with contextlib.suppress(httpx.TransportError):
            return self.http.get("/health").status_code == 200

    def sign_up(self):
        token = self.post("/api/v1/auths/signup", USER)["token"]
        self.http.headers["Authorization"] = f"Bearer {token}"

    def post(self, path, body, **more):
        reply = self.http.post(path, json=body, **more)
        assert reply.status_code == 200, f"{path}: {reply.status_code} {reply.text[:1000]}"
        return reply.json()

    def connect(self, route):
        """One connection, which the page's button has tried first; what that was told."""
        url, keys = self.server.url, {"openai": [], "ollama": {}}
        if route == "openai":
            url += "/v1"
            keys["openai"] = [KEY]
        else:
            keys["ollama"] = {"0": {"enable": True, "key": KEY}}
        told = self.post(f"/{route}/verify", {"url": url, "key": KEY})
        self.post("/openai/config/update", {
            "ENABLE_OPENAI_API": route == "openai", "OPENAI_API_CONFIGS": {},
            "OPENAI_API_BASE_URLS": [url] if route == "openai" else [],
            "OPENAI_API_KEYS": keys["openai"]})
        self.post("/ollama/config/update", {
            "ENABLE_OLLAMA_API": route == "ollama", "OLLAMA_API_CONFIGS": keys["ollama"],
            "OLLAMA_BASE_URLS": [url] if route == "ollama" else []})
        return told

    def ask(self, **more):
        return {"model": NAME, "messages": [{"role": "user", "content": QUESTION}],
                "params": PARAMS, **more}

    def stop(self):
        self.http.close()
        self.process.terminate()
        self.process.wait(60)


@pytest.fixture(scope="module")
def webui(program, starter, client_tools, tmp_path_factory):
    tools, folder = client_tools("open_webui"), tmp_path_factory.mktemp("open_webui")
    with contextlib.ExitStack() as stack:
        server = Server(program, starter, folder / "server", "--api-key", KEY, secret=KEY)
        stack.callback(server.stop)
        page = WebUi(tools, folder, server)
        stack.callback(page.stop)
        wait_for(page.is_ready, PATIENCE_S)
        page.sign_up()
        yield page


@pytest.fixture(autouse=True)
def nothing_is_refused(webui):
    """Whatever Open WebUI asks the server, it is answered."""
    yield
    assert [line for line in webui.server.access()
            if line["status"] >= 400 and line["route"] != "/ready"] == []


@pytest.fixture(params=["openai", "ollama"])
def route(request, webui):
    webui.connect(request.param)
    return request.param


def post(server, path, body):
    """The server's own reply."""
    reply = httpx.post(server.url + path, headers=server.headers(), json=body, timeout=PATIENCE_S)
    assert reply.status_code == 200, reply.text
    return reply.json()


@pytest.fixture(scope="module")
def whole(webui):
    """What the server answers without Open WebUI."""
    return post(webui.server, "/v1/chat/completions", {
        "messages": [{"role": "user", "content": QUESTION}], **PARAMS})


def counts(usage):
    return [usage[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")]


def test_a_connection_is_tried_and_lists_the_model(webui):
    assert [one["id"] for one in webui.connect("openai")["data"]] == [NAME]
    assert webui.connect("ollama") == httpx.get(
        webui.server.url + "/api/version", headers=webui.server.headers()).json()


def test_the_model_is_listed(webui, route):
    listed = webui.http.get("/api/models").json()["data"]
    assert [(one["id"], one["owned_by"]) for one in listed] == [(NAME, route)]


def test_a_chat_is_what_the_server_says(webui, route, whole):
    answer = webui.post("/api/chat/completions", webui.ask())
    assert answer["choices"][0]["message"]["content"] == whole["choices"][0]["message"]["content"]
    assert answer["choices"][0]["finish_reason"] == "length"
    assert counts(answer["usage"]) == counts(whole["usage"])


def test_a_streamed_chat_is_the_same(webui, route, whole):
    with webui.http.stream("POST", "/api/chat/completions", json=webui.ask(
            stream=True, stream_options={"include_usage": True})) as reply:
        assert reply.status_code == 200, reply.read()
        events = [line.removeprefix("data: ") for line in reply.iter_lines() if line]
    assert events.pop() == "[DONE]"
    chunks = [json.loads(event) for event in events]
    text = "".join(choice["delta"].get("content") or ""
                   for chunk in chunks for choice in chunk["choices"])
    assert text == whole["choices"][0]["message"]["content"]
    assert [counts(chunk["usage"]) for chunk in chunks if chunk.get("usage")] == [
        counts(whole["usage"])]


def test_vectors_are_the_servers(webui, route):
    ask = {"model": NAME, "input": ["the sea", "the moon"]}
    theirs, ours = webui.post("/api/embeddings", ask), post(webui.server, "/v1/embeddings", ask)
    for left, right in zip(theirs["data"], ours["data"], strict=True):
        assert left["embedding"] == pytest.approx(right["embedding"], abs=1e-6)


def test_a_file_is_embedded_found_and_read(webui):
    webui.connect("openai")
    file = webui.http.post("/api/v1/files/", params={"process_in_background": "false"},
                           files={"file": ("norderoog.txt", FACT, "text/plain")}).json()["id"]
    state = webui.http.get(f"/api/v1/files/{file}/process/status").json()
    assert state == {"status": "completed"}
    found = webui.post("/api/v1/retrieval/query/doc", {
        "collection_name": f"file-{file}", "query": "Who keeps the lighthouse?", "k": 1})
    assert found["documents"] == [[FACT]]
    answer = webui.post("/api/chat/completions", webui.ask(
        files=[{"type": "file", "id": file}]))
    fact = post(webui.server, "/tokenize", {"prompt": FACT})["count"]
    assert answer["usage"]["prompt_tokens"] > fact


def test_a_message_is_typed_in_its_page(webui, route, whole):
    chromium = os.environ.get("DEEPSEEK_CHROMIUM") or shutil.which("chromium")
    if not chromium:
        pytest.skip("there is no chromium")
    # The tools that its page offers by itself are a prompt of 6,100 tokens.
    webui.post("/api/v1/users/user/settings/update", {
        "ui": {"params": {**PARAMS, "function_calling": "legacy"}, "showChangelog": False}})
    script = pathlib.Path(__file__).parent / "node/open_webui.mjs"
    printed = subprocess.run(
        ["node", script, chromium, webui.url, USER["email"], USER["password"], QUESTION],
        check=False, timeout=PATIENCE_S, capture_output=True, text=True)
    assert printed.returncode == 0, printed.stderr
    said = json.loads(printed.stdout)
    assert said["question"].startswith(QUESTION)
    assert said["answer"] == whole["choices"][0]["message"]["content"]

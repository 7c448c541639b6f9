# SPDX-License-Identifier: Apache-2.0
"""Which client does what in which file: the table that ./dev acceptance goes by."""

from typing import NamedTuple


class Scenario(NamedTuple):
    """`number` is that of the list in docs/acceptance.md; `file` holds its tests."""

    number: str
    file: str
    title: str
    quick: bool = False


SCENARIOS = [
    Scenario("1", "openai_thinking", "openai-python: thinking before the answer, usage", True),
    Scenario("2", "openai_tools", "openai-python: tools with reasoning replayed", True),
    Scenario("3", "openai_node", "openai-node: a stream that is left"),
    Scenario("4", "openai_parse", "openai-python: parse of a nested schema while thinking"),
    Scenario("5", "openai_strict", "openai-python: strict tools under /beta", True),
    Scenario("6", "openai_fim", "openai-python: fill in the middle, a storm of cancellations"),
    Scenario("7", "curl_prefill", "curl: keep-alive and progress of a long prefill"),
    Scenario("8", "curl_resume", "curl: cut halfway and resumed", True),
    Scenario("9", "openai_same_bytes", "openai-python: alone and beside 31 others", True),
    Scenario("10", "openai_prefix", "openai-python: the prefix cache over a restart", True),
    Scenario("11", "anthropic_messages", "anthropic: messages, thinking, tools, counts", True),
    Scenario("12", "langchain_chat", "LangChain ChatDeepSeek: tools, structure, batches", True),
    Scenario("13", "eval_lm", "lm-evaluation-harness: equals an offline scorer"),
    Scenario("14", "bench_guidellm", "guidellm: agrees about the first token"),
    Scenario("14", "bench_aiperf", "aiperf: agrees about the first token"),
    Scenario("14", "bench_vllm", "vllm bench serve: agrees about the first token"),
    Scenario("15", "openai_batch", "openai-python: a batch of 1000 lines, killed in its middle"),
    Scenario("20", "ollama_api", "ollama: connects by the URL alone", True),
    Scenario("20", "open_webui", "Open WebUI: by URL and key, its OpenAI and its ollama route"),
    Scenario("–", "openai_chat", "openai-python: formats, completions, embeddings", True),
    Scenario("–", "openai_responses", "openai-python: responses", True),
    Scenario("–", "openapi_fuzz", "schemathesis: /openapi.json holds, whatever is sent", True),
]

# What no file here runs, and why.
ELSEWHERE = [
    ("13", "ARC-easy and LAMBADA as published", "they come from the Hugging Face hub alone"),
    ("14", "llmperf", "not on PyPI, where llmperf 0.0.1 is another program; by hand it agrees"),
    ("16", "keys and money", "tests/serve/api/money_test.cpp and tests/serve/store run it"),
    ("17", "overload at four times the capacity", "load/overload.py runs it"),
    ("18", "rolling update in Kubernetes", "load/rollover.py plays it without a cluster"),
    ("19", "the web page in a browser", "./dev browser runs it"),
]


def chosen(names, quick):
    """The scenarios with one of these numbers or with one of these in their file's name."""
    def is_named(scenario):
        return any(name == scenario.number or name in scenario.file for name in names)

    return [one for one in SCENARIOS
            if (is_named(one) if names else True) and (one.quick or not quick)]


def main():
    for one in SCENARIOS:
        print(f"{one.number:>3}  {one.file:20} {one.title}{'  (quick)' if one.quick else ''}")
    for number, title, reason in ELSEWHERE:
        print(f"{number:>3}  {'':20} {title}: {reason}")


if __name__ == "__main__":
    main()

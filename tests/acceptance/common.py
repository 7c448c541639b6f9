# SPDX-License-Identifier: Apache-2.0
"""What the client scripts share."""

import openai
import pytest

ASK = [{"role": "user", "content": "Hello, who are you?"}]
SCHEMA = {
    "type": "object",
    "properties": {"depth": {"type": "integer"}},
    "required": ["depth"],
    "additionalProperties": False,
}
TOOL = {"type": "function",
        "function": {"name": "look", "description": "looks down", "parameters": SCHEMA}}

needs_thinking = pytest.mark.thinking


def openai_client(url, key="none", **more):
    return openai.OpenAI(base_url=url + "/v1", api_key=key, max_retries=0, **more)


def refused(kind, call):
    """The exception of that kind that the call must raise."""
    with pytest.raises(kind) as caught:
        call()
    return caught.value

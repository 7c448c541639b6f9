# SPDX-License-Identifier: Apache-2.0
"""What the client scripts share."""

SCHEMA = {
    "type": "object",
    "properties": {"depth": {"type": "integer"}},
    "required": ["depth"],
    "additionalProperties": False,
}


def needs_thinking(test):
    """Marks a test that only a model which thinks can pass."""
    test.needs_thinking = True
    return test


def refused(kind, call):
    """The exception of that kind that the call must raise."""
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"expected {kind.__name__}, got an answer")

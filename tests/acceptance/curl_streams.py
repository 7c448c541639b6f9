# SPDX-License-Identifier: Apache-2.0
"""What the scripts of curl share."""

import json
import subprocess

from server import NAME


def command(server, body, *headers):
    words = ["curl", "--silent", "--show-error", "--no-buffer", server.url + "/v1/chat/completions",
             "--data", json.dumps({"model": NAME, "stream": True, **body}),
             "--header", "Content-Type: application/json"]
    for header in headers:
        words += ["--header", header]
    return words


def whole(server, body, *headers):
    """The bytes of the stream."""
    return subprocess.run(command(server, body, *headers), check=True, capture_output=True,
                          timeout=300).stdout


def cut(server, body, size, *headers):
    """The stream's first bytes, at least `size`, and then curl is killed."""
    with subprocess.Popen(command(server, body, *headers), stdout=subprocess.PIPE) as curl:
        got = b""
        while len(got) < size:
            piece = curl.stdout.read1(256)
            assert piece, "the stream ended before it was cut"
            got += piece
        curl.kill()
        return got  # what lies in the pipe may be the whole rest


def events(text):
    """Each event's lines, without the comments between them."""
    return [block for block in text.decode().split("\n\n") if block and not block.startswith(":")]

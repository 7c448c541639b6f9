# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL server of Debian's package, in a folder that goes away with it."""

import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time


def programs():
    """The folder of the newest one installed; nothing where there is none."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return found[-1].parent if found else None


def _unprivileged():
    """What makes a command run as somebody whom PostgreSQL accepts: it refuses root."""
    if os.getuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    return {"user": "postgres" if "postgres" in names else "nobody", "extra_groups": []}


@contextlib.contextmanager
def running():
    """The URL of an empty database. Its data is on the disk when it says so (fsync)."""
    # Short, since the path of a UNIX socket has at most 107 bytes.
    folder = tempfile.mkdtemp(prefix="deepseek-pg-", dir="/tmp")
    user = _unprivileged()
    if user:
        shutil.chown(folder, user["user"])
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder, **user}
    data = folder + "/data"
    subprocess.run([programs() / "initdb", "-D", data, "-U", "deepseek", "-A", "trust",
                    "-E", "UTF8", "--locale=C.UTF-8"], check=True, **quiet)
    server = subprocess.Popen([programs() / "postgres", "-D", data, "-k", folder,
                               "-c", "listen_addresses="], **quiet)
    try:
        wait_for(folder)
        yield f"postgresql:///postgres?user=deepseek&host={folder}"
    finally:
        server.send_signal(signal.SIGQUIT)
        server.wait()
        shutil.rmtree(folder)


def wait_for(folder):
    for _ in range(600):
        if subprocess.run([programs() / "pg_isready", "-q", "-h", folder],
                          check=False).returncode == 0:
            return
        time.sleep(0.1)
    raise SystemExit("PostgreSQL did not start")

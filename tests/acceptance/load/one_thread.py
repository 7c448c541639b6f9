# SPDX-License-Identifier: Apache-2.0
"""Stops one thread of a process while the others run on (ptrace; SIGSTOP would stop them all)."""

import contextlib
import ctypes
import os
import pathlib

SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17
ANY_THREAD = 0x40000000  # __WALL

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


def _ptrace(request, thread):
    if _libc.ptrace(request, thread, None, None) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"ptrace: {os.strerror(number)}")


def ticks(process):
    """Processor time of each thread so far."""
    found = {}
    for task in pathlib.Path(f"/proc/{process}/task").iterdir():
        fields = (task / "stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
        found[int(task.name)] = int(fields[11]) + int(fields[12])
    return found


@contextlib.contextmanager
def stopped(thread):
    """The caller's thread must be the one that lets it go again."""
    _ptrace(SEIZE, thread)
    try:
        _ptrace(INTERRUPT, thread)
        os.waitpid(thread, ANY_THREAD)
        yield
    finally:
        _ptrace(DETACH, thread)

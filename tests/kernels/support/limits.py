"""Runs a program under a limit that a shell cannot set: limits.py no-huge-pages|no-pin PROGRAM ARGUMENT..."""
import ctypes
import os
import platform
import struct
import sys

libc = ctypes.CDLL(None, use_errno=True)


def control(option, *values):
    words = [ctypes.c_ulong(value) if isinstance(value, int) else value for value in (*values, 0, 0, 0, 0)[:4]]
    if libc.prctl(option, *words) != 0:
        sys.exit(f"prctl {option}: {os.strerror(ctypes.get_errno())}")


def no_huge_pages():
    control(41, 1)  # PR_SET_THP_DISABLE (prctl(2))


def no_pin():
    # seccomp(2): sched_setaffinity answers EPERM. seccomp_data begins with the number of the call.
    number = {"x86_64": 203, "aarch64": 122}[platform.machine()]
    program = b"".join(
        struct.pack("HBBI", *instruction)
        for instruction in (
            (0x20, 0, 0, 0),  # load the number
            (0x15, 0, 1, number),  # equal: next, otherwise skip one
            (0x06, 0, 0, 0x00050001),  # SECCOMP_RET_ERRNO | EPERM
            (0x06, 0, 0, 0x7FFF0000),  # SECCOMP_RET_ALLOW
        )
    )
    code = ctypes.create_string_buffer(program)
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code)))
    control(38, 1)  # PR_SET_NO_NEW_PRIVS
    control(22, 2, ctypes.cast(header, ctypes.c_void_p))  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER


{"no-huge-pages": no_huge_pages, "no-pin": no_pin}[sys.argv[1]]()
os.execvp(sys.argv[2], sys.argv[2:])

"""Callgrind from inside the process that it counts: switch it on, have it write the count.

A client request is a row of instructions that do nothing on a processor and that valgrind knows
(valgrind.h, "Client requests"). Made here from bytes, so that nothing is compiled; and from inside,
because `callgrind_control` needs ptrace, which containers often forbid.
"""

import ctypes
import mmap
import platform
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.servers import NotInstalled, program

# unsigned long request(unsigned long arguments[6])
_CODE = bytes.fromhex(
    "4889f8"  # mov rax, rdi: the arguments
    "31d2"  # xor edx, edx: the answer where nobody listens
    "48c1c703 48c1c70d 48c1c73d 48c1c733"  # rol rdi, 3 + 13 + 61 + 51: as it was
    "4887db"  # xchg rbx, rbx: here valgrind acts
    "4889d0"  # mov rax, rdx: the answer
    "c3"  # ret
)
_RUNNING_ON_VALGRIND = 0x1001
_DUMP = 0x43540000  # 'C' 'T', and what callgrind.h counts on from there
_START = _DUMP + 4
_TOTALS = re.compile(rb"^totals: (\d+)$", re.MULTILINE)


def is_known_machine() -> bool:
    """The processor is one whose client requests are known here."""
    return platform.machine() == "x86_64"


def command(out: Path, arguments: Sequence[str]) -> list[str]:
    """How to start this Python under callgrind, switched off. Raises NotInstalled."""
    if not is_known_machine():
        raise NotInstalled(f"The count knows x86-64 only; this is {platform.machine()}.")
    options = ["--quiet", "--tool=callgrind", "--instr-atstart=no", "--dump-line=no"]
    return [
        *(program("valgrind"), *options, f"--callgrind-out-file={out}"),
        *(sys.executable, *arguments),
    ]


def total(out: Path, number: int) -> int:
    """Instructions of all threads in user mode that the dump of this number holds; deletes it."""
    dump = out.with_name(f"{out.name}.{number}")
    found = _TOTALS.search(dump.read_bytes())
    dump.unlink()
    if found is None:
        raise RuntimeError("Callgrind's dump has no totals.")
    return int(found[1])


class Callgrind:
    """The callgrind that this process runs under."""

    def __init__(self) -> None:
        """Raises RuntimeError without valgrind around us."""
        self._dumps = 0
        self._memory = mmap.mmap(
            -1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
        )
        self._memory.write(_CODE)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        self._call = ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_void_p)(address)
        if not self._request(_RUNNING_ON_VALGRIND):
            raise RuntimeError("Nobody counts: this process does not run under valgrind.")

    def start(self) -> None:
        """Count from here on. What runs is translated anew, which takes a second or two."""
        self._request(_START)

    def dump(self) -> int:
        """Write down what was counted since the last time; the number of the file it is in.

        Not read here: that would be counted, and takes more instructions than a call.
        """
        self._request(_DUMP)
        self._dumps += 1
        return self._dumps

    def _request(self, number: int) -> int:
        arguments = (ctypes.c_ulong * 6)(number)
        answer: int = self._call(ctypes.addressof(arguments))
        return answer

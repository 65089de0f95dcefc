"""What a run ran on: figures mean nothing without it."""

import os
import platform
import resource
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.peers import versions

PACKAGES = ("uvicorn", "uvloop", "httptools", "aiohttp", "django", "orjson")
_ASKED_S = 10.0


def machine() -> dict[str, str]:
    """Processor, memory and system, in words."""
    return {
        "processor": _field("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": _memory(),
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
    }


def software() -> dict[str, str]:
    """Versions of all that took part and is installed."""
    found = {"Python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    found["Node"] = _said("node", "--version").removeprefix("v")
    found["nginx"] = _said("nginx", "-v", path="/usr/sbin:").partition("/")[2]
    found |= versions()
    return {name: text for name, text in found.items() if text}


class OtherWork:
    """What others do on this machine meanwhile; begins with its making."""

    def __init__(self) -> None:
        self._began = self._now()

    def share(self) -> float:
        """Of all cores, from 0 to 1; 0 where the system does not tell.

        Ask when all that we started has ended: only then is it known how much was ours.
        """
        (all_s, idle_s, ours_s), (all_0_s, idle_0_s, ours_0_s) = self._now(), self._began
        passed_s = all_s - all_0_s
        others_s = passed_s - (idle_s - idle_0_s) - (ours_s - ours_0_s)
        return max(0.0, others_s / passed_s) if passed_s else 0.0

    @staticmethod
    def _now() -> tuple[float, float, float]:
        """Seconds of all cores so far: all, idle (proc(5)), and spent by us and who has ended."""
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        ours_s = sum(one.ru_utime + one.ru_stime for one in used)
        if sys.platform != "linux":
            return 0.0, 0.0, ours_s
        fields = Path("/proc/stat").read_text().partition("\n")[0].split()[1:9]
        seconds = [int(field) / os.sysconf("SC_CLK_TCK") for field in fields]
        return sum(seconds), seconds[3] + seconds[4], ours_s


def _memory() -> str:
    kib = _field("/proc/meminfo", "MemTotal").removesuffix(" kB")
    return f"{int(kib) * 1024 / 1e9:.0f} GB" if kib.isdigit() else ""


def _field(path: str, name: str) -> str:
    """The first field of this name in a file of /proc; empty where there is none."""
    if sys.platform != "linux":
        return ""
    for line in Path(path).read_text().splitlines():
        field, _, value = line.partition(":")
        if field.strip() == name:
            return value.strip()
    return ""


def _said(program: str, option: str, path: str = "") -> str:
    """The first line of what a program says of its version; empty: it is not there."""
    found = shutil.which(program, path=path + os.environ.get("PATH", ""))
    if found is None:
        return ""
    said = subprocess.run(  # noqa: S603 # one of two programs
        [found, option], capture_output=True, text=True, timeout=_ASKED_S, check=False
    )
    return (said.stdout or said.stderr).strip().partition("\n")[0]

"""What a run ran on: figures mean nothing without it."""

import os
import platform
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
        "system": " ".join([platform.system(), *platform.release().split(".")[:2]]),
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

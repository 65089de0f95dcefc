"""Third-party programs: there, required, or skipped by name."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def need(program: str) -> str:
    """The program's path. Skips the test by name where it is not installed.

    `TOKENS_TEST_REQUIRE=node,…` turns the skip into a failure.
    """
    path = shutil.which(program)
    if path is None:
        if program in os.environ.get("TOKENS_TEST_REQUIRE", "").split(","):
            pytest.fail(f"{program} is required here and not installed")
        pytest.skip(f"{program} is not installed")
    return path


def npm_packages(folder: Path, *packages: str) -> Path:
    """A folder with these npm packages installed; made once for all tests of a run."""
    npm = need("npm")
    done = folder / "installed"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true, "type": "module"}')
        command = [npm, "install", "--no-audit", "--no-fund", "--silent", *packages]
        installed = subprocess.run(
            command, cwd=folder, capture_output=True, timeout=180, check=False
        )
        assert installed.returncode == 0, installed.stderr.decode()
        done.touch()
    return folder

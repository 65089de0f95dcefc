"""Loaded by pytest before Django: the tests' own data folder, so that a run never touches yours."""

import os
import sys
import tempfile

import pytest
from hypothesis import settings

_folder = tempfile.TemporaryDirectory(prefix="tokens-tests-")  # removed when pytest ends
# Else each server that a test starts would compile all of Tokens anew, which takes half a second.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
for name in [name for name in os.environ if name.startswith("TOKENS_") and "_TEST_" not in name]:
    del os.environ[name]
os.environ["TOKENS_DATA_DIR"] = _folder.name
# Never DATABASE_URL as it comes: that may be an installation's. On a server that is named for the
# tests they make databases of their own, one per xdist worker, called test_….
os.environ["DATABASE_URL"] = (
    os.environ.get("TOKENS_TEST_DATABASE") or f"sqlite:///{_folder.name}/tokens.sqlite3"
)
# How long an example takes says more of the machine than of the code.
settings.register_profile("tokens", deadline=None)
settings.load_profile("tokens")


@pytest.hookimpl(tryfirst=True)  # xdist's own answers, too
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """For `-n auto`: one more than cores, because many tests wait for what they have started."""
    return (os.cpu_count() or 1) + 1

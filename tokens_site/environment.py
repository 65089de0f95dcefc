"""Where settings come from: the environment, and .env, read into it once."""

import os
from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent
# Before .env is read into it: a worker that is started later reads that anew.
BEFORE = dict(os.environ)

env = environ.FileAwareEnv()
if (BASE_DIR / ".env").is_file():
    env.read_env(BASE_DIR / ".env")

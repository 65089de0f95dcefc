"""Other gateways, side by side: installed once into a cache folder, started as their docs say.

LiteLLM (PyPI): its production settings with one worker, as its docs advise for one core; a master
key, no database, so that it keeps no keys, budgets or spend. Portkey (npm): its Node server, told
by headers where to go; it has no keys, limits or records of its own.
"""

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import orjson

from bench.asking import Target
from bench.processes import CHAT, PATH, Contender, ContenderFailed, output, running
from bench.scenarios import ANTHROPIC, GEMINI, LITELLM, MODELS, PORTKEY
from bench.servers import free_port
from bench.upstream import HOST

INSTALL_S = 900.0
READY_S = 150.0  # LiteLLM imports a great deal
KEY = "sk-bench"
SECRET = "bench-secret"  # noqa: S105 # of the mock upstream, which asks for none
LITELLM_WANTED = "litellm[proxy]"
PORTKEY_WANTED = {
    "private": True,
    "dependencies": {"@portkey-ai/gateway": "latest"},
    # The one its own lock file has. With newer ones it cannot stream: its issue 1389.
    "overrides": {"@hono/node-server": "1.13.5"},
}
# Docs, "Production Best Practices". Without the price list in its package it asks the internet.
_LITELLM_ENVIRONMENT: dict[str, str | None] = {
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_LOG": "ERROR",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_MASTER_KEY": KEY,
    "NO_PROXY": HOST,
    "DATABASE_URL": None,
    "REDIS_URL": None,
}
Say = Callable[[str], None]


def cache() -> Path:
    """Where peers stay installed between runs; delete it to have them anew."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "tokens-bench"


async def install(say: Say) -> dict[str, str]:
    """Whatever is not there yet; the words of what could not be installed, by contender."""
    failed = {}
    for name, do in ((LITELLM, _install_litellm), (PORTKEY, _install_portkey)):
        try:
            await do(say)
        except ContenderFailed as error:
            failed[name] = f"not installed: {error}"
    return failed


async def _install_litellm(say: Say) -> None:
    folder = cache() / "litellm"

    async def make() -> None:
        uv = [sys.executable, "-m", "uv"]
        await output([*uv, "venv", "--clear", str(folder / "venv")], folder, within_s=INSTALL_S)
        python = str(folder / "venv/bin/python")
        command = [*uv, "pip", "install", "--compile-bytecode", "--python", python, LITELLM_WANTED]
        await output(command, folder, within_s=INSTALL_S)

    await _once(folder, LITELLM_WANTED, make, say)


async def _install_portkey(say: Say) -> None:
    folder = cache() / "portkey"
    wanted = orjson.dumps(PORTKEY_WANTED, option=orjson.OPT_INDENT_2).decode()

    async def make() -> None:
        (folder / "package.json").write_text(wanted)
        npm = shutil.which("npm")
        if npm is None:
            raise ContenderFailed("npm is not installed.")
        command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund"]
        await output([*command, "--ignore-scripts"], folder, within_s=INSTALL_S)

    await _once(folder, wanted, make, say)


async def _once(folder: Path, wanted: str, make: Callable[[], Awaitable[None]], say: Say) -> None:
    """Make it, unless exactly this has been made before."""
    stamp = folder / "installed"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    say(f"installing {folder.name} into {folder} (once, some minutes at most)")
    _empty(folder)
    await make()
    stamp.write_text(wanted)


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def versions() -> dict[str, str]:
    """Of the peers that are installed."""
    found = {}
    for info in (cache() / "litellm/venv").glob("lib/python3*/site-packages/litellm-*.dist-info"):
        found[LITELLM] = info.name.removeprefix("litellm-").removesuffix(".dist-info")
    package = cache() / "portkey/node_modules/@portkey-ai/gateway/package.json"
    if package.is_file():
        found[PORTKEY] = orjson.loads(package.read_bytes())["version"]
    return found


@contextlib.asynccontextmanager
async def litellm(upstream_port: int, core: set[int]) -> AsyncIterator[Contender]:
    """The LiteLLM proxy in front of this upstream."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="tokens-bench-") as name:
        folder = Path(name)
        config = folder / "config.json"  # which is YAML, too
        config.write_bytes(orjson.dumps(litellm_config(upstream_port)))
        command = [str(cache() / "litellm/venv/bin/litellm"), "--config", str(config)]
        command += ["--host", HOST, "--port", str(port), "--num_workers", "1"]
        roads = {
            road: Target(HOST, port, PATH, KEY, model_prefix="" if road == CHAT else f"{road}-")
            for road in (CHAT, ANTHROPIC, GEMINI)
        }
        contender = Contender(LITELLM, 0, roads.pop(CHAT), roads)
        own = _LITELLM_ENVIRONMENT
        async with running(
            contender, command, folder, core, environment=own, ready_s=READY_S
        ) as started:
            yield started


def litellm_config(upstream_port: int) -> dict[str, object]:
    """Its configuration: every model of the scenarios, on every road."""
    origin = f"http://{HOST}:{upstream_port}"
    # What it puts after `api_base` differs from protocol to protocol.
    roads = (
        ("", "openai", f"{origin}/v1"),
        (f"{ANTHROPIC}-", "anthropic", origin),
        (f"{GEMINI}-", "gemini", f"{origin}/v1beta"),
    )
    models = [
        {
            "model_name": prefix + model,
            "litellm_params": {
                "model": f"{provider}/{model}",
                "api_base": base,
                "api_key": SECRET,
            },
        }
        for prefix, provider, base in roads
        for model in MODELS
    ]
    return {
        "model_list": models,
        "litellm_settings": {"request_timeout": 600, "set_verbose": False, "json_logs": True},
        "general_settings": {"master_key": KEY},
    }


@contextlib.asynccontextmanager
async def portkey(upstream_port: int, core: set[int]) -> AsyncIterator[Contender]:
    """The Portkey gateway in front of this upstream."""
    port = free_port()
    node = shutil.which("node")
    if node is None:
        raise ContenderFailed("node is not installed.")
    program = cache() / "portkey/node_modules/@portkey-ai/gateway/build/start-server.js"
    command = [node, str(program), f"--port={port}", "--headless"]

    def road(provider: str, path: str) -> Target:
        custom = f"http://{HOST}:{upstream_port}{path}"
        headers = (("x-portkey-provider", provider), ("x-portkey-custom-host", custom))
        return Target(HOST, port, PATH, SECRET, headers)

    others = {ANTHROPIC: road("anthropic", "/v1"), GEMINI: road("google", "/v1beta")}
    contender = Contender(PORTKEY, 0, road("openai", "/v1"), others)
    own = {"NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": HOST}
    with tempfile.TemporaryDirectory(prefix="tokens-bench-") as name:
        async with running(contender, command, Path(name), core, environment=own) as started:
            yield started

"""A gateway's database, ready to be served: in a process of its own, with the site's settings.

python -m bench.preparing 9911    the port of the mock upstream; the licences' keys as JSON
"""

import io
import os
import sys
from unittest import mock

import django
import orjson

from bench.scenarios import ANTHROPIC, GEMINI, MODELS
from bench.upstream import HOST

LIMITED, UNLIMITED = "limited", "unlimited"
PLATFORM = "bench"
# Every limit that there is, none of which is reached.
LIMITS = (
    *(f"--platform={slug}" for slug in (PLATFORM, ANTHROPIC, GEMINI)),
    *("--model=bench-*", "--network=127.0.0.0/8", "--expires=30d"),
    *("--rpm=1000000000", "--tpm=1000000000000", "--concurrency=100000"),
    '--model-limits={"bench-*": {"rpm": 1000000000, "tpm": 1000000000000}}',
    *("--budget=1000000", "--budget-window=total"),
    *("--budget=1000000", "--budget-window=day"),
    *("--budget=1000000", "--budget-window=month"),
)
PLATFORMS = (
    (PLATFORM, "custom", "/v1"),
    (ANTHROPIC, "anthropic", "/v1"),
    (GEMINI, "gemini", "/v1beta"),
)


def prepare(upstream_port: int) -> dict[str, str]:
    """Platforms, credentials, priced models, licences: as an operator makes them; the keys."""
    _command("migrate", "--verbosity=0")
    for slug, preset, path in PLATFORMS:
        base_url = f"http://{HOST}:{upstream_port}{path}"
        _command("platform", "add", slug, f"--preset={preset}", f"--base-url={base_url}")
        with mock.patch.dict(os.environ, {"BENCH_SECRET": "bench-secret"}):
            _command("credential", "add", slug, "--secret-env=BENCH_SECRET")
        for model in MODELS:
            _command("model", "add", slug, model, "--price-prompt=3", "--price-completion=15")
    keys = {}
    for name, limits in ((LIMITED, LIMITS), (UNLIMITED, ())):
        issued = _command("licence", "issue", f"--name={name}", "--json", *limits)
        keys[name] = orjson.loads(issued)["key"]
    return keys


def _command(*arguments: str) -> str:
    from django.core.management import call_command

    said = io.StringIO()
    call_command(*arguments, stdout=said)
    return said.getvalue()


def main() -> int:
    """The keys of the licences, on standard output."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tokens_site.settings")
    django.setup()
    sys.stdout.buffer.write(orjson.dumps(prepare(int(sys.argv[1]))))
    return 0


if __name__ == "__main__":
    sys.exit(main())

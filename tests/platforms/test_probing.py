"""Where the gateway registers its probe."""

import importlib.util

import pytest

from platforms.models import Platform


def test_without_a_registered_probe_the_error_says_who_is_missing() -> None:
    # A copy of its own: in the whole site, the gateway has registered its probe already.
    spec = importlib.util.find_spec("platforms.probing")
    assert spec is not None
    assert spec.loader is not None
    probing = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(probing)

    with pytest.raises(RuntimeError, match=r"probing\.use\(\)"):
        probing.probe(Platform(slug="acme"), None)

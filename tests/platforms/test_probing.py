"""Where the gateway registers its probe."""

import importlib.util

import pytest
from django.utils.translation import override

from platforms import probing as registered
from platforms.models import Platform
from tests.make import make_platform


def test_without_a_registered_probe_the_error_says_who_is_missing() -> None:
    # A copy of its own: in the whole site, the gateway has registered its probe already.
    spec = importlib.util.find_spec("platforms.probing")
    assert spec is not None
    assert spec.loader is not None
    probing = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(probing)

    with pytest.raises(RuntimeError, match=r"probing\.use\(\)"):
        probing.probe(Platform(slug="acme"), None)


@pytest.mark.django_db
def test_what_a_test_has_shown_is_said_in_the_language_of_who_tests() -> None:
    sandbox = make_platform("sandbox", base_url="sandbox://local/v1", auth_style="none")

    with override("zh-hans"):
        found = registered.probe(sandbox, None)

    assert found.ok
    assert found.detail == f"列出 {len(found.models)} 个模型"

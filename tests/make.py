"""Plain functions that make rows for tests, with honest defaults."""

from typing import Any

from platforms.models import Credential, ModelMapping, Platform
from platforms.secrets import encrypt


def make_platform(slug: str = "acme", **over: Any) -> Platform:
    """A saved platform that speaks OpenAI's protocol."""
    fields = {"name": slug.title(), "base_url": "http://127.0.0.1:9/v1", **over}
    return Platform.objects.create(slug=slug, **fields)


def make_mapping(platform: Platform, public_name: str = "m-1", **over: Any) -> ModelMapping:
    """A saved model mapping of this platform."""
    return ModelMapping.objects.create(platform=platform, public_name=public_name, **over)


def make_credential(
    platform: Platform, name: str = "main", secret: str = "sk-test", **over: Any
) -> Credential:
    """A saved credential of this platform; the secret is encrypted as in the admin."""
    return Credential.objects.create(
        platform=platform, name=name, secret_encrypted=encrypt(secret), **over
    )

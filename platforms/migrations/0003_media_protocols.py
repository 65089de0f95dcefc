"""Platforms of these presets get the protocol that knows their pictures and films.

For chat each of them is OpenAI's own, so nothing changes there.
"""

from django.db import migrations

PROTOCOLS = {
    "ark": ("ark", "byteplus"),
    "dashscope": ("dashscope", "dashscope-intl", "dashscope-us"),
    "xai": ("xai",),
    "zhipu": ("zhipu", "zhipu-coding", "zai", "zai-coding"),
}


def forwards(apps, schema_editor):
    platforms = apps.get_model("platforms", "Platform").objects
    for protocol, presets in PROTOCOLS.items():
        platforms.filter(preset__in=presets, protocol="openai").update(protocol=protocol)


def backwards(apps, schema_editor):
    platforms = apps.get_model("platforms", "Platform").objects
    platforms.filter(protocol__in=[*PROTOCOLS, "gemini"]).update(protocol="openai")


class Migration(migrations.Migration):
    dependencies = [("platforms", "0002_version_row")]
    operations = [migrations.RunPython(forwards, backwards)]

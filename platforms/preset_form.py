"""The part of the platform's form that a preset leads: what it fills in, and what it asks for."""

import re
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.validators import RegexValidator
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from platforms.adding import fill_from_preset
from platforms.models import Platform
from platforms.preset_links import GROUPS
from platforms.presets import PRESETS, Preset

if TYPE_CHECKING:  # the class takes a parameter in its stubs only
    _Form = forms.ModelForm[Platform]
else:
    _Form = forms.ModelForm

OF_PRESET = ("name", "base_url", "protocol", "auth_style", "chat_path", "models_path")
GROUP_TITLES: dict[str, str | Promise] = {
    "start": _("To begin with"),
    "makers": _("Makers of models"),
    "clouds": _("Clouds"),
    "hosts": _("Services that host many models"),
    "engines": _("Engines of your own"),
}
_BRACES = re.compile(r"\{(\w+)\}")
_PART = RegexValidator(
    r"^[A-Za-z0-9\[][A-Za-z0-9._:\]-]*\Z",
    _("Letters, digits, dots and hyphens; no / and no space."),
)


def _part(label: Any, help_text: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        required=False,
        max_length=200,
        validators=[_PART],
        widget=UnfoldAdminTextInputWidget({"autocapitalize": "off", "spellcheck": "false"}),
        help_text=help_text,
    )


def grouped() -> list[tuple[str | Promise, list[Preset]]]:
    """All presets under the headings of their groups."""
    return [(GROUP_TITLES[group], [PRESETS[it] for it in slugs]) for group, slugs in GROUPS.items()]


def parts_of(preset: Preset | None) -> tuple[str, ...]:
    """The names of fields for what stands in braces in a preset's base URL, each once."""
    found = _BRACES.findall(preset.base_url) if preset else []
    return tuple(f"part_{name}" for name in dict.fromkeys(found))


class PresetForm(_Form):
    """A platform that is added from a preset: its values stand in the fields and can be changed."""

    preset_choice = forms.ChoiceField(
        label=_("Preset"),
        choices=[(preset.slug, preset.title) for preset in PRESETS.values()],
        widget=forms.HiddenInput(),
        help_text=_("A service that is known here. What you leave empty is filled in from it."),
    )
    part_resource = _part(
        _("Name of the resource"), _("As it stands in its address: https://NAME.openai.azure.com.")
    )
    part_region = _part(_("Region"), _("Where your key is valid, such as us-east-1."))
    part_location = _part(_("Location"), _("The region that is called, such as europe-west4."))
    part_project = _part(_("Project"), _("The project's id, as the cloud's console shows it."))
    part_host = _part(
        _("Host"), _("Name or address of the machine that it runs on, as seen from here: 10.0.0.5.")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = self.data.get("preset_choice") or self.initial.get("preset_choice")
        self.preset = None if self.instance.pk else PRESETS.get(str(named))
        for name in [it for it in self.fields if it.startswith("part_")]:
            if name not in parts_of(self.preset):
                del self.fields[name]
        if self.instance.pk:
            del self.fields["preset_choice"]
            return
        for name in OF_PRESET:
            self.fields[name].required = False
            self.fields[name].initial = None
            self.initial.pop(name, None)
        if self.preset:
            filled = _filled(self.preset)
            self.initial.update({name: getattr(filled, name) for name in OF_PRESET})
            self.initial["headers"] = filled.headers

    def _post_clean(self) -> None:
        # Before the model's own validation: what it looks at is what will be saved.
        if self.preset is not None:
            given = [name for name, value in self.cleaned_data.items() if value not in ("", None)]
            filled = _filled(self.preset)
            for name in OF_PRESET:
                if name not in given:
                    self.cleaned_data[name] = getattr(filled, name)
            headers = self.cleaned_data.get("headers") or {}
            if isinstance(headers, dict):  # what is none is refused below, by the model
                self.cleaned_data["headers"] = {**self.preset.headers, **headers}
            self.cleaned_data["base_url"] = self._completed(self.cleaned_data["base_url"])
            self.instance.preset = self.preset.slug
        super()._post_clean()  # type: ignore[misc]

    def _completed(self, base_url: str) -> str:
        """The base URL with the parts that were entered; others stay in braces, and are refused."""
        for name in parts_of(self.preset):
            if value := self.cleaned_data.get(name):
                part = name.removeprefix("part_")
                base_url = base_url.replace("{" + part + "}", value)
        return base_url


def _filled(preset: Preset) -> Platform:
    """What a preset knows of a platform."""
    platform = Platform()
    fill_from_preset(platform, preset)
    return platform

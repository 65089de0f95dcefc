"""Forms for passwords and codes."""

from django import forms
from django.utils.translation import gettext_lazy as _


class CodeForm(forms.Form):
    """A code of the second factor."""

    code = forms.CharField(
        label=_("Code"),
        max_length=20,
        widget=forms.TextInput(
            {"class": "tk-field", "autocomplete": "one-time-code", "autofocus": True}
        ),
    )


class PasswordForm(forms.Form):
    """One's own password, once more."""

    password = forms.CharField(
        label=_("Password"),
        max_length=4096,
        strip=False,
        widget=forms.PasswordInput(
            {"class": "tk-field", "autocomplete": "current-password", "autofocus": True}
        ),
    )


class PasswordAndCodeForm(PasswordForm):
    """Both, for those who have a second factor."""

    code = forms.CharField(
        label=_("Code"),
        max_length=20,
        help_text=_("Of your authenticator app, or a recovery code."),
        widget=forms.TextInput({"class": "tk-field", "autocomplete": "one-time-code"}),
    )

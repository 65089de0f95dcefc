"""The console's forms for platforms, field by field: what goes in is what comes out."""

from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from platforms.forms import CredentialForm, ModelMappingForm, PlatformForm, PriceField
from platforms.models import Platform
from tests.make import make_platform

TIMES = {"connect_s": 10, "first_byte_s": 120, "idle_s": 120, "total_s": 1800}


def new_platform(**over: Any) -> PlatformForm:
    """The add form as a browser sends it with only these fields filled in."""
    empty = dict.fromkeys(PlatformForm.base_fields, "")
    return PlatformForm({**empty, **TIMES, "preset_choice": "openai", "slug": "acme", **over})


@pytest.mark.parametrize("form", [PlatformForm, CredentialForm, ModelMappingForm])
def test_every_field_says_what_it_is_for(form: Any) -> None:
    assert [name for name, field in form.base_fields.items() if not field.help_text] == []


@pytest.mark.parametrize("form", [PlatformForm, CredentialForm, ModelMappingForm])
def test_every_label_begins_with_a_capital(form: Any) -> None:
    labels = [str(field.label) for field in form.base_fields.values()]

    assert [label for label in labels if not label[0].isupper()] == []


@pytest.mark.parametrize(
    ("micros", "shown"),
    [
        (0, "0"),
        (1, "0.000001"),
        (75_000, "0.075"),
        (2_500_000, "2.5"),
        (10_000_000, "10"),
        (600_000_000, "600"),
        (99_999_999_999_999, "99999999.999999"),
    ],
)
def test_a_price_comes_back_as_it_was_shown(micros: int, shown: str) -> None:
    field = PriceField()

    assert field.prepare_value(micros) == shown
    assert field.clean(shown) == micros
    assert not field.has_changed(micros, shown)


@pytest.mark.parametrize("text", ["", "-1", "0.0000001", "1,5", "nan", "inf", "1e400000", "x"])
def test_what_is_no_price_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        PriceField().clean(text)


def test_a_price_that_was_refused_is_shown_as_it_was_typed() -> None:
    assert PriceField().prepare_value("1,5") == "1,5"
    assert PriceField().clean(" 1.50 ") == int(Decimal("1.5") * 1_000_000)


@pytest.mark.django_db
@pytest.mark.parametrize("headers", ["[1]", '"x"', "1", "true", "{"])
def test_headers_that_are_no_object_are_named_at_their_field(headers: str) -> None:
    form = new_platform(headers=headers)

    assert list(form.errors) == ["headers"]


@pytest.mark.django_db
@pytest.mark.parametrize("headers", ["", "{}", "null"])
def test_no_headers_may_be_written_in_several_ways(headers: str) -> None:
    form = new_platform(headers=headers)

    assert form.is_valid(), form.errors
    assert form.save().headers == {}


@pytest.mark.django_db
def test_a_service_without_a_list_of_models_is_added_without_one() -> None:
    assert new_platform(preset_choice="perplexity").save().models_path == ""


@pytest.mark.django_db
def test_a_base_url_is_kept_as_the_command_keeps_it() -> None:
    assert new_platform(base_url=" https://x.example/v1/ ").save().base_url == (
        "https://x.example/v1"
    )


@pytest.mark.django_db
def test_a_platform_whose_name_was_reserved_later_can_still_be_changed() -> None:
    platform = make_platform("v1")  # as if the site had claimed it with an update
    fields = {
        name: getattr(platform, name) for name in PlatformForm.base_fields if name in vars(platform)
    }
    form = PlatformForm({**fields, "headers": "{}", "name": "New"}, instance=platform)
    del form.fields["slug"]  # the page shows it, but as text

    assert form.is_valid(), form.errors
    assert form.save().name == "New"
    assert Platform.objects.get().slug == "v1"

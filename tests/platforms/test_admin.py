"""The console's pages for platforms: presets fill in, secrets never come back, history is kept."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from platforms import probing
from platforms.models import Credential, ModelMapping, Platform
from platforms.probing import ProbeResult
from platforms.secrets import decrypt
from tests.make import make_credential, make_mapping, make_platform

pytestmark = pytest.mark.django_db
SECRET = "MARKER-SECRET-9f31"
PAGES = ("platform", "credential", "modelmapping")
TIMES = {"connect_s": 10, "first_byte_s": 120, "idle_s": 120, "total_s": 1800}
NO_PRICES = dict.fromkeys(ModelMapping.PRICES, "0")


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(User.objects.create(username="op", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def viewer() -> Client:
    client = Client()
    user = User.objects.create(username="viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(user)
    return client


def add(client: Client, page: str, **data: Any) -> Any:
    return client.post(reverse(f"admin:platforms_{page}_add"), data)


def change(client: Client, row: Any, **data: Any) -> Any:
    page = row._meta.model_name
    inline = {"credentials-TOTAL_FORMS": 0, "credentials-INITIAL_FORMS": 0}
    url = reverse(f"admin:platforms_{page}_change", args=[row.pk])
    return client.post(url, {**(inline if page == "platform" else {}), **data})


def act(client: Client, row: Any, action: str) -> Any:
    page = row._meta.model_name
    return client.post(
        reverse(f"admin:platforms_{page}_changelist"),
        {"action": action, "_selected_action": [row.pk]},
        follow=True,
    )


def row_of(page: str, platform: Platform) -> Any:
    """A row of the kind that this page shows."""
    make: dict[str, Any] = {"credential": make_credential, "modelmapping": make_mapping}
    return make[page](platform) if page in make else platform


def errors(response: Any) -> str:
    return str(response.context["adminform"].form.errors)


def test_a_preset_fills_in_what_is_left_empty(operator: Client) -> None:
    response = add(
        operator,
        "platform",
        preset_choice="azure-openai",
        slug="az",
        **TIMES,
        base_url="https://mine.openai.azure.com/openai/v1",
        headers="{}",
        enabled="on",
        pass_unmapped="on",
    )

    assert response.status_code == 302, errors(response)
    platform = Platform.objects.get()
    assert (platform.preset, platform.name) == ("azure-openai", "Azure OpenAI")
    assert (platform.auth_style, platform.chat_path) == ("api-key", "/chat/completions")
    assert platform.base_url == "https://mine.openai.azure.com/openai/v1"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"preset_choice": "custom", "slug": "x"}, "base URL"),
        ({"preset_choice": "azure-openai", "slug": "x"}, "braces"),
        ({"preset_choice": "openai", "slug": "admin"}, "used by the site itself"),
        ({"preset_choice": "openai", "slug": "Big"}, "Small letters"),
        ({"preset_choice": "openai", "slug": "x", "headers": '{"host": "y"}'}, "cannot be set"),
        ({"preset_choice": "nope", "slug": "x"}, "not one of the available"),
    ],
)
def test_mistakes_are_named_at_their_field(operator: Client, data: Any, says: str) -> None:
    response = add(operator, "platform", **{"headers": "{}", **TIMES, **data})

    assert response.status_code == 200
    assert says in errors(response)
    assert not Platform.objects.exists()


def test_the_short_name_stays(operator: Client) -> None:
    platform = make_platform("acme")

    change(
        operator,
        platform,
        slug="other",
        name="New",
        base_url="http://h/v1",
        protocol="openai",
        auth_style="bearer",
        chat_path="/c",
        headers="{}",
        **TIMES,
    )

    platform.refresh_from_db()
    assert (platform.slug, platform.name) == ("acme", "New")


def test_a_secret_is_stored_encrypted_and_shown_nowhere(operator: Client) -> None:
    platform = make_platform("acme")

    response = add(
        operator,
        "credential",
        platform=platform.pk,
        name="main",
        secret=SECRET,
        weight=1,
        enabled="on",
    )

    assert response.status_code == 302, errors(response)
    credential = Credential.objects.get()
    assert decrypt(credential.secret_encrypted) == SECRET
    assert SECRET not in credential.secret_encrypted
    urls = [reverse(f"admin:platforms_{page}_changelist") for page in PAGES]
    urls += [
        reverse("admin:platforms_credential_change", args=[credential.pk]),
        reverse("admin:platforms_credential_history", args=[credential.pk]),
        reverse("admin:platforms_platform_change", args=[platform.pk]),
        reverse("admin:index"),
    ]
    for url in urls:
        text = operator.get(url).content.decode()
        assert SECRET not in text
        assert credential.secret_encrypted not in text
    assert SECRET not in str(list(LogEntry.objects.values()))


def test_an_empty_secret_keeps_the_stored_one_and_a_new_one_replaces_it(operator: Client) -> None:
    credential = make_credential(make_platform("acme"), secret="old")
    same = {"platform": credential.platform_id, "name": "main", "weight": 3, "enabled": "on"}

    change(operator, credential, **same, secret="")
    credential.refresh_from_db()
    assert (decrypt(credential.secret_encrypted), credential.weight) == ("old", 3)

    change(operator, credential, **same, secret=SECRET)
    credential.refresh_from_db()
    assert decrypt(credential.secret_encrypted) == SECRET


def test_a_credential_stays_with_its_platform(operator: Client) -> None:
    credential = make_credential(make_platform("acme"))

    change(operator, credential, platform=make_platform("other").pk, name="new", weight=1)

    credential.refresh_from_db()
    assert (credential.platform.slug, credential.name) == ("acme", "new")


def test_a_refused_form_does_not_show_the_secret_again(operator: Client) -> None:
    response = add(operator, "credential", name="main", secret=SECRET, weight=1)

    assert response.status_code == 200
    assert SECRET not in response.content.decode()


def test_prices_are_entered_in_units_and_kept_in_micros(operator: Client) -> None:
    platform = make_platform("acme")

    response = add(
        operator,
        "modelmapping",
        platform=platform.pk,
        public_name="m",
        kind="chat",
        **{**NO_PRICES, "price_prompt_micros": "2.50", "price_cached_micros": ""},
    )

    assert response.status_code == 302, errors(response)
    mapping = ModelMapping.objects.get()
    assert (mapping.price_prompt_micros, mapping.price_cached_micros) == (2_500_000, None)
    page = operator.get(reverse("admin:platforms_modelmapping_change", args=[mapping.pk]))
    assert 'value="2.5"' in page.content.decode()


def test_a_changed_price_makes_a_new_version(operator: Client) -> None:
    mapping = make_mapping(make_platform("acme"), "m", price_prompt_micros=1)
    same = {"platform": mapping.platform_id, "public_name": "m", "kind": "chat"}

    change(operator, mapping, **same, **{**NO_PRICES, "price_prompt_micros": "1"})
    mapping.refresh_from_db()

    assert (mapping.price_prompt_micros, mapping.price_version) == (1_000_000, 2)


@pytest.mark.parametrize("page", PAGES)
def test_actions_switch_and_are_in_the_history(operator: Client, page: str) -> None:
    platform = make_platform("acme")
    row = row_of(page, platform)

    for action, enabled in (("disable_selected", False), ("enable_selected", True)):
        act(operator, row, action)
        row.refresh_from_db()
        assert row.enabled is enabled
    assert [entry.get_change_message() for entry in LogEntry.objects.order_by("id")] == [
        "Switched off.",
        "Switched on.",
    ]


@pytest.mark.parametrize("page", PAGES)
def test_a_viewer_sees_and_changes_nothing(viewer: Client, page: str) -> None:
    row = row_of(page, make_platform("acme"))

    assert viewer.get(reverse(f"admin:platforms_{page}_changelist")).status_code == 200
    act(viewer, row, "disable_selected")
    row.refresh_from_db()
    assert row.enabled
    assert change(viewer, row, name="x").status_code == 403
    assert add(viewer, page, name="x").status_code == 403


def test_a_test_shows_what_came_of_it(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    results = {
        "good": ProbeResult(True, 200, 12, "3 models listed"),
        "bad": ProbeResult(False, 401, 7, "key: refused"),
    }
    probe = lambda platform, credential: results[credential.name]  # noqa: E731
    monkeypatch.setattr(probing, "_probes", [probe])
    platform = make_platform("acme")
    for name in results:
        make_credential(platform, name)

    told = [
        str(message) for message in act(operator, platform, "test_selected").context["messages"]
    ]

    assert told == ["acme: bad: key: refused (7 ms)", "acme: good: 3 models listed (12 ms)"]
    assert Credential.objects.get(name="bad").last_error == "key: refused"
    assert Credential.objects.get(name="good").last_error == ""


def test_a_list_costs_the_same_queries_however_long(
    operator: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        make_credential(make_platform(f"p{number}"))

    for page in PAGES:
        with django_assert_max_num_queries(12):
            operator.get(reverse(f"admin:platforms_{page}_changelist"))


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("platform", ("rpm", "tpm", "concurrency")),
        ("credential", ("tier", "groups", "max_concurrency", "rpm", "draining")),
        ("modelmapping", ("groups", "parameters", "fallbacks")),
    ],
)
def test_what_steers_a_pool_can_be_set(operator: Client, page: str, names: tuple[str, ...]) -> None:
    text = operator.get(
        reverse(f"admin:platforms_{page}_add"), {"preset": "custom"}
    ).content.decode()

    for name in names:
        assert f'name="{name}"' in text

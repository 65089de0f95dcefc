"""What people see in the console where there is nothing, or nothing for them."""

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator() -> Client:
    user = User.objects.create(username="operator", is_staff=True)
    user.groups.set([Group.objects.get(name="operator")])
    client = Client()
    client.force_login(user)
    return client


@pytest.mark.parametrize(
    ("page", "status", "says"),
    [
        ("/admin/auth/user/", 403, "Your role does not allow"),
        ("/admin/nothing/here/", 404, "Nothing is at this address"),
    ],
)
def test_a_refusal_stands_in_the_consoles_frame_with_a_way_on(
    operator: Client, page: str, status: int, says: str
) -> None:
    answer = operator.get(page)

    assert answer.status_code == status
    text = answer.content.decode()
    assert says in text
    assert 'href="/admin/"' in text
    assert 'id="nav-sidebar-inner"' in text
    assert "Content-Security-Policy" in answer


def test_who_is_not_signed_in_is_shown_nothing_of_the_console(client: Client) -> None:
    answer = client.get("/nothing/at/all/", follow=True)

    assert answer.status_code == 404
    assert b"nav-sidebar" not in answer.content


@pytest.mark.parametrize("given", ["9" * 30, "²", "x", "-1", "1%00"])
@pytest.mark.parametrize("model", ["credential", "modelmapping"])
def test_an_odd_platform_in_the_address_is_none(operator: Client, model: str, given: str) -> None:
    assert operator.get(f"/admin/platforms/{model}/add/?platform={given}").status_code == 200

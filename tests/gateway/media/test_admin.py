"""The console's page for media tasks: what it shows, and what may be done there."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from gateway.models import MediaFile, MediaTask, TaskState, UsageRecord
from tests.gateway.media.test_tasks import make

pytestmark = pytest.mark.django_db
LIST = "/admin/gateway/mediatask/"


@pytest.fixture
def admin(admin_client: Client) -> Client:
    return admin_client


def act(client: Client, action: str, *ids: str) -> str:
    response = client.post(LIST, {"action": action, "_selected_action": list(ids)}, follow=True)
    return response.content.decode()


def test_the_list_shows_what_was_made_for_whom(admin: Client) -> None:
    task = make(
        "img_1",
        kind="image",
        state=TaskState.COMPLETED,
        licence_name="ada",
        completed_at=timezone.now() + timedelta(seconds=72),
        expires_at=timezone.now() + timedelta(days=1),
    )
    MediaFile.objects.create(
        id="f1",
        task=task,
        variant="image",
        name="results/f1.png",
        content_type="image/png",
        size=2048,
        created_at=timezone.now(),
    )
    make("video_1", state=TaskState.FAILED, error_code="x", error_message="It <broke>.")

    page = admin.get(LIST).content.decode()
    detail = admin.get(f"{LIST}img_1/change/").content.decode()

    assert 'src="/media/f1.png?expires=' in page
    assert "1 min 1" in page
    assert "It &lt;broke&gt;." in page
    assert "ada" in page
    assert "2.0\xa0KB" in detail


def test_running_tasks_are_cancelled_and_booked_once(admin: Client) -> None:
    make("video_1", state=TaskState.RUNNING)
    make("video_2", state=TaskState.COMPLETED)

    page = act(admin, "cancel_selected", "video_1", "video_2")

    task = MediaTask.objects.get(pk="video_1")
    assert (task.state, task.error_code) == ("failed", "cancelled")
    assert "1 cancelled" in page
    assert "1 had ended already" in page
    [record] = UsageRecord.objects.all()
    assert (record.outcome, record.cost_micros) == ("cancelled", 0)


def test_only_what_no_platform_has_accepted_is_tried_again(admin: Client) -> None:
    make("video_1", state=TaskState.FAILED, error_code="rate_limit_exceeded", blocking=True)
    make("video_2", state=TaskState.FAILED, submitted_at=timezone.now())
    make("video_3", state=TaskState.RUNNING)

    page = act(admin, "retry_selected", "video_1", "video_2", "video_3")

    states = dict(MediaTask.objects.values_list("pk", "state"))
    assert states == {"video_1": "queued", "video_2": "failed", "video_3": "running"}
    assert "1 queued again" in page
    assert "2 were left alone" in page


def test_who_may_only_look_can_do_nothing(client: Client) -> None:
    user = User.objects.create_user("viewer", password="x", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_mediatask"))
    client.force_login(user)
    make("video_1", state=TaskState.RUNNING)

    act(client, "cancel_selected", "video_1")

    assert MediaTask.objects.get().state == "running"
    assert client.get(f"{LIST}video_1/change/").status_code == 200


def test_nobody_adds_changes_or_deletes_by_hand(admin: Client) -> None:
    make("video_1", state=TaskState.RUNNING)

    def status(path: str, **sent: Any) -> int:
        return int(admin.post(f"{LIST}{path}", sent).status_code)

    assert [status("add/"), status("video_1/change/", state="completed")] == [403, 403]
    assert status("video_1/delete/", post="yes") == 403

"""Django paths to the endpoints that do not stream. What streams is in routing.py.

Each is there twice: for a platform that the path names, and for one that the model names.
"""

from typing import Any

from django.urls import URLPattern, path, re_path

from gateway.endpoints.embeddings import Embeddings
from gateway.endpoints.images import ImageEdits, ImageGenerations, ImageTask
from gateway.endpoints.licence import LicenceView
from gateway.endpoints.media_files import MediaFileContent
from gateway.endpoints.model_list import Model, ModelList
from gateway.endpoints.videos import Video, VideoContent, VideoRemix, Videos
from gateway.rest import UnknownPath

_API: dict[str, Any] = {
    "licence": LicenceView,
    "models": ModelList,
    "models/<path:model>": Model,
    "embeddings": Embeddings,
    "images/generations": ImageGenerations,
    "images/edits": ImageEdits,
    "images/<str:task_id>": ImageTask,
    "videos": Videos,
    "videos/<str:task_id>": Video,
    "videos/<str:task_id>/remix": VideoRemix,
    "videos/<str:task_id>/content": VideoContent,
}


def _paths() -> list[URLPattern]:
    bare = [path(f"v1/{end}", view.as_view(), {"platform": ""}) for end, view in _API.items()]
    named = [path(f"<str:platform>/v1/{end}", view.as_view()) for end, view in _API.items()]
    # Google's clients look for models there, and for nothing else.
    beta = [
        found
        for end in ("models", "models/<path:model>")
        for found in (
            path(f"v1beta/{end}", _API[end].as_view(), {"platform": ""}),
            path(f"<str:platform>/v1beta/{end}", _API[end].as_view()),
        )
    ]
    return bare + named + beta


urlpatterns = [
    *_paths(),
    path("media/<str:name>", MediaFileContent.as_view()),
    re_path(r"^(?:(?P<platform>[^/]+)/)?v1(?:beta)?(?:/.*)?$", UnknownPath.as_view()),
]

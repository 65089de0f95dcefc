"""Django paths to the endpoints that do not stream. What streams is in routing.py."""

from django.urls import path, re_path

from gateway.endpoints.embeddings import Embeddings
from gateway.endpoints.images import ImageEdits, ImageGenerations, ImageTask
from gateway.endpoints.media_files import MediaFileContent
from gateway.endpoints.model_list import Model, ModelList
from gateway.endpoints.videos import Video, VideoContent, VideoRemix, Videos
from gateway.rest import UnknownPath

urlpatterns = [
    path("<str:platform>/v1/models", ModelList.as_view()),
    path("<str:platform>/v1/models/<path:model>", Model.as_view()),
    path("<str:platform>/v1/embeddings", Embeddings.as_view()),
    path("<str:platform>/v1/images/generations", ImageGenerations.as_view()),
    path("<str:platform>/v1/images/edits", ImageEdits.as_view()),
    path("<str:platform>/v1/images/<str:task_id>", ImageTask.as_view()),
    path("<str:platform>/v1/videos", Videos.as_view()),
    path("<str:platform>/v1/videos/<str:task_id>", Video.as_view()),
    path("<str:platform>/v1/videos/<str:task_id>/remix", VideoRemix.as_view()),
    path("<str:platform>/v1/videos/<str:task_id>/content", VideoContent.as_view()),
    path("media/<str:name>", MediaFileContent.as_view()),
    re_path(r"^(?P<platform>[^/]+)/v1(?:/.*)?$", UnknownPath.as_view()),
]

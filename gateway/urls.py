"""Django paths to the endpoints that do not stream. What streams is in routing.py."""

from django.urls import path, re_path

from gateway.endpoints.model_list import Model, ModelList
from gateway.rest import UnknownPath

urlpatterns = [
    path("<str:platform>/v1/models", ModelList.as_view()),
    path("<str:platform>/v1/models/<path:model>", Model.as_view()),
    re_path(r"^(?P<platform>[^/]+)/v1(?:/.*)?$", UnknownPath.as_view()),
]

"""Who may try a password at all."""

from typing import Any

from axes.backends import AxesBackend
from django.http import HttpRequest
from typing_extensions import override


class Throttle(AxesBackend):  # type: ignore[misc] # ships no types
    """Stops guesses of passwords by name and address; of callers in this process there are none."""

    @override
    def authenticate(self, request: HttpRequest | None = None, **credentials: Any) -> None:
        """Raises PermissionDenied, which ends the trying of other backends, while locked out."""
        if request is not None:
            super().authenticate(request, **credentials)

"""What can go wrong in choosing whom to call. Free of HTTP: gateway/errors.py gives the status.

PlatformError
 ├─ PlatformUnknown    no enabled platform of that name
 ├─ ModelUnknown       the platform has no such model, or it is switched off
 ├─ NoCredential       the platform needs a key and none is in service
 └─ AllResting         every credential rests, for longer than a call may wait
"""


class PlatformError(Exception):
    """Any of the errors below."""


class PlatformUnknown(PlatformError):
    """No enabled platform has this short name."""

    def __init__(self, slug: str) -> None:
        super().__init__(slug)
        self.slug = slug


class ModelUnknown(PlatformError):
    """The platform has no such model, or the operator has switched it off."""

    def __init__(self, slug: str, model: str) -> None:
        super().__init__(slug, model)
        self.slug = slug
        self.model = model


class NoCredential(PlatformError):
    """The platform needs a credential and none is in service, or none of the groups asked for."""

    def __init__(self, slug: str) -> None:
        super().__init__(slug)
        self.slug = slug


class AllResting(PlatformError):
    """Every credential rests, and for longer than a call may wait.

    `seconds`: until the first of them is free. `why`: `rate` (the platform wants fewer calls),
    `open` or `trial` (it keeps failing), `full` (their own limits are reached).
    """

    def __init__(self, slug: str, seconds: float, why: str) -> None:
        super().__init__(slug, seconds, why)
        self.slug = slug
        self.seconds = seconds
        self.why = why

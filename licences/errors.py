"""Why a caller is turned away. Free of HTTP: gateway/errors.py gives status, type and code.

LicenceError
 ├─ KeyMissing         no key came with the call
 ├─ KeyUnknown         no licence has this key
 ├─ LicenceRevoked     revoked, or switched off
 ├─ LicenceExpired     its time is over
 ├─ LicenceNotYetValid its time has not begun
 ├─ NotAllowed         not this platform, model or address
 ├─ RegisterUnavailable the licences cannot be read at the moment
 ├─ LimitReached       more than a limit allows
 ├─ BudgetSpent        no money is left in a budget
 └─ LimitsUnavailable  limits cannot be looked at, and the operator wants them held
"""

from typing import Literal


class LicenceError(Exception):
    """Any of the errors below."""


class KeyMissing(LicenceError):
    """No key came with the call."""


class KeyUnknown(LicenceError):
    """No licence has this key; `shown` is a part of it that may be repeated to the caller."""

    def __init__(self, shown: str) -> None:
        super().__init__(shown)
        self.shown = shown


class LicenceRevoked(LicenceError):
    """Revoked for good, or switched off for a while (`revoked` is False)."""

    def __init__(self, *, revoked: bool) -> None:
        super().__init__(revoked)
        self.revoked = revoked


class LicenceExpired(LicenceError):
    """Its time is over; `when` is the moment in ISO form."""

    def __init__(self, when: str) -> None:
        super().__init__(when)
        self.when = when


class LicenceNotYetValid(LicenceError):
    """Its time has not begun; `when` is the moment in ISO form."""

    def __init__(self, when: str) -> None:
        super().__init__(when)
        self.when = when


class NotAllowed(LicenceError):
    """The licence does not reach this far: `what` is of the kind `subject`."""

    def __init__(self, subject: Literal["platform", "model", "address"], what: str) -> None:
        super().__init__(subject, what)
        self.subject = subject
        self.what = what


class RegisterUnavailable(LicenceError):
    """A key that is not in memory could not be looked up, because the database does not answer."""


class LimitReached(LicenceError):
    """More than a limit allows: `what` (rpm, tpm, concurrency, reserved) of this `subject`.

    `name`: the pattern of models, the platform's short name. `limit`: how much is allowed (money
    in micro-units). `retry_after_s`: when there is room again.
    """

    def __init__(
        self, subject: str, name: str, what: str, limit: int, retry_after_s: float
    ) -> None:
        super().__init__(subject, name, what, limit, retry_after_s)
        self.subject = subject
        self.name = name
        self.what = what
        self.limit = limit
        self.retry_after_s = retry_after_s


class BudgetSpent(LicenceError):
    """No money is left: `window` is total, day or month (UTC), `amount` in micro-units.

    `retry_after_s`: until the window ends; None: it never does.
    """

    def __init__(
        self,
        window: Literal["total", "day", "month"],
        amount: int,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(window, amount, retry_after_s)
        self.window = window
        self.amount = amount
        self.retry_after_s = retry_after_s


class LimitsUnavailable(LicenceError):
    """Limits cannot be looked at just now, and the operator wants them held all the same."""

"""What a use case raises when it cannot do what it was asked; the API turns each into its one body.

PillarboxError
├── SettingError             a setting is wrong: the process does not start
└── RequestError             the caller gets `status`, `title` and `message`
    ├── InvalidError         400, with the faults by field
    ├── UnauthorizedError    401
    ├── ForbiddenError       403
    ├── NotFoundError        404
    ├── ConflictError        409
    ├── TooManyError         429, with the seconds to wait
    └── UnavailableError     503, with the seconds to wait
"""

from collections.abc import Mapping, Sequence

Faults = Mapping[str, Sequence[str]]
"""Field path -> sentences, as the key `errors` of the error body."""

INVALID_BODY = "Invalid request body"
INVALID_HOSTNAME = "Invalid hostname"
INVALID_CUSTOMER = "Invalid Customer identifier"
INVALID_QUERY = "Invalid query parameters"


class PillarboxError(Exception):
    """Base of all errors that Pillarbox raises on purpose."""


class SettingError(PillarboxError):
    """A setting has a value that cannot work; the text names the setting."""


class RequestError(PillarboxError):
    """Something the caller has to know. `title` is the contract's text, `message` may say more."""

    status = 500
    default_title = "Internal Server Error"

    def __init__(
        self,
        title: str | None = None,
        message: str | None = None,
        *,
        faults: Faults | None = None,
        retry_after: int | None = None,
    ) -> None:
        self.title = title or self.default_title
        self.message = message or self.title
        self.faults = faults
        self.retry_after = retry_after
        """Whole seconds."""
        super().__init__(self.message)


class InvalidError(RequestError):
    status = 400
    default_title = INVALID_BODY


class UnauthorizedError(RequestError):
    status = 401
    default_title = "Unauthorized"


class ForbiddenError(RequestError):
    status = 403
    default_title = "Forbidden"


class NotFoundError(RequestError):
    status = 404
    default_title = "Not Found"


class ConflictError(RequestError):
    status = 409
    default_title = "Conflict"


class TooManyError(RequestError):
    status = 429
    default_title = "Too Many Requests"


class UnavailableError(RequestError):
    status = 503
    default_title = "Service Unavailable"

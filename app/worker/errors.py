"""Why a scheduler process does not start."""

from app.errors import PillarboxError


class StartError(PillarboxError):
    """Raised before the first check; the text is the one line that the operator sees."""

"""Which addresses of a host may be dialled: what is judged here is what is dialled next."""

from app.domain.enums import ErrorCode
from app.domain.target import TargetGuard
from app.net.failure import CheckError
from app.net.guard import is_permitted
from app.net.limits import Limits
from app.net.resolve import interleave, resolve

MAX_DIALLED = 8


def permitted_addresses(hostname: str, guard: TargetGuard, limits: Limits) -> list[str]:
    """Numeric addresses of a host that may be dialled, so many at most. Raises CheckError.

    Chosen behind the guard, or a family that is forbidden here takes up the places of the other one.
    """
    permitted = [address for address in resolve(hostname, limits) if is_permitted(address, guard)]
    if not permitted:
        raise CheckError(
            ErrorCode.TARGET_FORBIDDEN,
            f"{hostname} leads to addresses that may not be reached (internal, reserved or denied).",
        )
    return interleave(permitted)[:MAX_DIALLED]

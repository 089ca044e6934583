"""No server at all: refused and unanswering ports, and names that lead nowhere. And a healthy one."""

from collections.abc import Iterator

from app.domain.enums import ErrorCode, Phase
from bench.faults.cell import GRID, HANGING_SECONDS, IMAP, STARTTLS, SUCCESS, Cell, Place, error
from bench.faults.names import HANGING, NAMELESS, UNKNOWN, UNSERVED

FAMILY = "nobody there"
HEALTHY = "healthy"
NAMES = {"unknown name": UNKNOWN, "name server fails": UNSERVED, "name without address": NAMELESS}


def cells() -> Iterator[Cell]:
    for protocol, security in GRID:
        refused = error(ErrorCode.CONNECTION_REFUSED, Phase.CONNECT)
        yield Cell(FAMILY, "refused port", protocol, security, (refused,), place=Place.REFUSING, attempts=2)
        late = error(ErrorCode.TIMEOUT, Phase.CONNECT)
        yield Cell(
            FAMILY, "unanswering port", protocol, security, (late,),
            place=Place.UNANSWERING, deadline=HANGING_SECONDS,
        )  # fmt: skip
        unknown = error(ErrorCode.DNS_FAILURE, Phase.DNS)
        for fault, name in NAMES.items():
            yield Cell(
                FAMILY, fault, protocol, security, (unknown,), place=Place.NOWHERE, target={"hostname": name}
            )
        yield Cell(
            FAMILY, "name lookup hangs", protocol, security, (error(ErrorCode.TIMEOUT, Phase.DNS),),
            place=Place.NOWHERE, target={"hostname": HANGING}, deadline=HANGING_SECONDS,
        )  # fmt: skip
        yield Cell(HEALTHY, "nothing wrong", protocol, security, (SUCCESS,))
        yield Cell(HEALTHY, "no login wanted", protocol, security, (SUCCESS,), target={"user": None})
    yield from _preauth()


def _preauth() -> Iterator[Cell]:
    """Welcome without a login. By way of STARTTLS it is a fault (see `upgrade`)."""
    for protocol, security in GRID:
        if protocol is IMAP and security is not STARTTLS:
            script = {"greeting": "* PREAUTH IMAP4rev1 welcome\r\n"}
            yield Cell(HEALTHY, "PREAUTH", protocol, security, (SUCCESS,), script)

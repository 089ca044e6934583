"""Whether the network is there at all: TCP connections to addresses that do not depend on one another."""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor, as_completed

from app.domain.reference import Reference
from app.net.dial import dial
from app.net.limits import Limits
from app.net.resolve import interleave, resolve

SECONDS = 3.0
MAX_DIALLED = 4
"""Addresses of one reference."""


def all_unreachable(references: Collection[Reference], seconds: float = SECONDS) -> bool:
    """Whether no reference takes a connection within so many seconds; False where there are none.

    All are tried at once. Never raises: what keeps us from trying is trouble of our own as well. They are
    the operator's choice, so addresses of the own network are as good as others.
    """
    if not references:
        return False
    pool = ThreadPoolExecutor(len(references), "reference")
    try:
        tries = [pool.submit(_is_reachable, reference, seconds) for reference in references]
        # The first that answers says all there is to know.
        return not any(attempt.result() for attempt in as_completed(tries))
    except RuntimeError:  # no thread to be had
        return True
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _is_reachable(reference: Reference, seconds: float) -> bool:
    limits = Limits(seconds)
    try:
        addresses = interleave(resolve(reference.hostname, limits))[:MAX_DIALLED]
        connection, _ = dial(addresses, reference.port, limits)
        connection.close()
    except Exception:  # noqa: BLE001 - CheckError says whose fault it is, and others that we cannot even try
        return False
    return True

"""Numbers of messages, as far as they can be true."""

MAX_MESSAGES = 2**32 - 1
"""A `number` of RFC 3501 has 32 bits; POP3 names no limit, and no maildrop comes near this one."""


def message_count(said: bytes | int) -> int:
    """Raises ValueError for what no mailbox can hold."""
    count = int(said)
    if not 0 <= count <= MAX_MESSAGES:
        raise ValueError("no number of messages")
    return count

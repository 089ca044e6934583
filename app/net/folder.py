"""IMAP folder names on the wire: modified UTF-7 (RFC 3501, 5.1.3)."""

import base64
import re

_RUN = re.compile(r"([^\x20-\x7e]+)")


def encode_folder(name: str) -> str:
    """`Entwürfe` becomes `Entw&APw-rfe`; printable ASCII stays as it is, but for the ampersand."""
    parts = _RUN.split(name)
    plain, foreign = parts[::2], [_shifted(run) for run in parts[1::2]]
    escaped = [text.replace("&", "&-") for text in plain]
    return "".join(text for pair in zip(escaped, [*foreign, ""], strict=True) for text in pair)


def _shifted(run: str) -> str:
    packed = base64.b64encode(run.encode("utf-16-be"), altchars=b"+,").decode()
    return f"&{packed.rstrip('=')}-"

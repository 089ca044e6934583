"""Where the references of a file with monitors lead, which must not be to the service's own secrets.

Whoever may change the file in version control would otherwise have a key sent to a server of their choosing.
"""

import os
from pathlib import Path

from flask import current_app

from app.config import ROOT, environment, setting_fields
from app.domain.secret_references import ENV, LookUp, Reference, SecretError

MAX_SECRET = 64 * 1024
OWN = "names what is a setting or a secret of Pillarbox itself"


def look_up(folder: Path) -> LookUp:
    """Follows references, their paths from `folder`."""
    settings = {setting.name.upper() for setting in setting_fields()}
    given = environment()
    own = {Path(path).resolve() for name in settings if (path := given.get(f"{name}_FILE"))}
    instance = Path(current_app.instance_path).resolve()

    def found(reference: Reference) -> str | None:
        if reference.kind == ENV:
            if reference.name.removesuffix("_FILE") in settings or reference.name in settings:
                raise SecretError(OWN)
            return os.environ.get(reference.name)
        path = folder / reference.name
        place = _resolved(path)
        if place in own or place == (ROOT / ".env").resolve() or instance in place.parents:
            raise SecretError(OWN)
        return _content(path)

    return found


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        raise SecretError("leads to a file that cannot be found") from None


def _content(path: Path) -> str | None:
    """The text of a file with a secret, without the line break at its end. None: there is none."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SECRET + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SecretError(f"leads to a file that cannot be read: {error.strerror}") from None
    if len(data) > MAX_SECRET:
        raise SecretError(f"leads to a file of more than {MAX_SECRET:,} bytes")
    try:
        return data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise SecretError("leads to a file that is no UTF-8 text") from None

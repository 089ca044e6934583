"""What gunicorn and the `flask` command load: the application, built from the environment."""

import sys

from app import create_app
from app.errors import SettingError

try:
    app = create_app()
except SettingError as error:
    sys.stderr.write(f"Pillarbox does not start: {error}\n")
    # 3, because `flask check` is called by monitoring systems, to which 1 and 2 would be verdicts.
    sys.exit(3)

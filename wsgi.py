"""What gunicorn and the `flask` command load: the application, built from the environment."""

import sys

from app import create_app
from app.errors import SettingError

try:
    app = create_app()
except SettingError as error:
    sys.exit(f"Pillarbox does not start: {error}")

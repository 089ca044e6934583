"""Puts the application together: configuration, database, API, commands."""

from collections.abc import Mapping

from flask import Flask

from app import api, cli
from app.config import ROOT, Settings, environment, load_settings
from app.crypto import Vault
from app.extensions import db, engine_options, jwt, migrate, prepare_engine
from app.log import configure_logging
from app.metrics import database
from app.services.monitor_config import ConfigStore

INSTANCE = ROOT / "instance"


def build_app(environ: Mapping[str, str] | None = None) -> Flask:
    """Raises SettingError when a setting cannot work."""
    settings = load_settings(environment() if environ is None else environ, INSTANCE)
    configure_logging(settings.log_level, settings.log_format)
    app = Flask("app", instance_path=str(INSTANCE), root_path=str(ROOT / "app"), static_folder=None)
    app.config.from_mapping(_flask_config(settings))
    _init_database(app)
    jwt.init_app(app)
    api.init_app(app)
    cli.init_app(app)
    return app


def _flask_config(settings: Settings) -> dict[str, object]:
    return {
        "SETTINGS": settings,
        "CONFIG_STORE": ConfigStore(Vault(settings.credentials_keys), mask_all=settings.mask_secrets),
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": engine_options(settings.database_url),
        "JWT_SECRET_KEY": settings.jwt_secret_key,
        **api.FLASK_CONFIG,
    }


def _init_database(app: Flask) -> None:
    db.init_app(app)
    migrate.init_app(app, db, directory=str(ROOT / "migrations"))
    with app.app_context():
        prepare_engine(db.engine)
        database.observe(db.engine)

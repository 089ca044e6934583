"""The `oauth2` object of a config: what may stand in it, and that its secrets go nowhere else."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, current_app

from app.domain.enums import Role
from app.extensions import db
from app.models import Customer, Monitor
from tests.calling import Caller, assert_failure, monitor_path
from tests.factories import Factory
from tests.parts.certificates import authority

# What may stand in a config, and what becomes of a mask, is decided before a database is asked.
pytestmark = pytest.mark.only_on("sqlite")

MASK = "********"
OAUTH: dict[str, Any] = {
    "tokenUrl": "https://login.example.com/token",
    "clientId": "client",
    "clientSecret": "cl1ent-s3cret",
    "scope": "mail",
}
REFRESHING = {**OAUTH, "refreshToken": "r3fresh-t0ken"}
CONFIG: dict[str, Any] = {
    "user": "monitor@example.com", "tls": True, "authMethod": "xoauth2", "oauth2": REFRESHING,
}  # fmt: skip
MASKED = {**CONFIG, "oauth2": {**REFRESHING, "clientSecret": MASK, "refreshToken": MASK}}
MICROSOFT = {"preset": "microsoft365", "tenant": "example.com", "clientId": "c", "clientSecret": "s"}
GOOGLE = {"preset": "google", "clientId": "c", "clientSecret": "s", "refreshToken": "r"}


def named(value: Any) -> str:
    """Certificates differ from run to run, and names of tests must not."""
    return str(value).partition("-----")[0]


@pytest.fixture
def monitor(make: Factory, customer: Customer) -> Monitor:
    return make.monitor(customer, CONFIG, port=993)


@pytest.fixture
def masked(make_app: Callable[..., Flask], admin: Caller) -> Caller:
    return admin.on(make_app(MASK_SECRETS="true"))


def stored(monitor: Monitor) -> dict[str, Any]:
    db.session.refresh(monitor)
    return current_app.config["CONFIG_STORE"].unseal(monitor.public_id, monitor.config_encrypted)


def without(oauth: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in oauth.items() if name not in names}


class TestValidation:
    @pytest.mark.parametrize(
        "oauth",
        [
            OAUTH,
            REFRESHING,
            {**OAUTH, "grantType": "client_credentials", "refreshToken": None, "preset": None},
            {**without(REFRESHING, "clientSecret"), "grantType": "refresh_token"},
            {**OAUTH, "tokenUrl": "https://Bücher.example:8443/a/b?c=%20d", "scope": "a b"},
            {**OAUTH, "tokenUrl": "https://[2001:db8::1]/"},
            {**OAUTH, "tokenUrl": "https://192.0.2.1"},
            {**OAUTH, "ca": authority().pem},
            {**OAUTH, "note": "kept", "more": {"deeper": [1]}},
            MICROSOFT,
            {**MICROSOFT, "tenant": "72f988bf-86f1-41af-91ab-2d7cd011db47", "refreshToken": "r"},
            {**without(MICROSOFT, "tenant"), "tokenUrl": "https://login.example.com/"},
            GOOGLE,
            {**GOOGLE, "scope": "mine", "grantType": "refresh_token"},
            {**without(GOOGLE, "refreshToken"), "tokenUrl": "https://login.example.com/"},
        ],
        ids=named,
    )
    def test_settings_come_back_as_they_were_sent(
        self, admin: Caller, monitor: Monitor, oauth: dict[str, Any]
    ) -> None:
        config = {**CONFIG, "oauth2": oauth}
        response = admin.patch(monitor_path(monitor), {"config": config})
        assert (response.status_code, response.get_json()["config"]) == (200, config)

    @pytest.mark.parametrize(
        ("oauth", "paths"),
        [
            ({}, ["clientId", "clientSecret", "tokenUrl"]),
            (without(OAUTH, "tokenUrl"), ["tokenUrl"]),
            (without(OAUTH, "clientId"), ["clientId"]),
            (without(OAUTH, "clientSecret"), ["clientSecret"]),
            ({**OAUTH, "grantType": "refresh_token"}, ["refreshToken"]),
            ({**REFRESHING, "grantType": "client_credentials"}, ["refreshToken"]),
            ({**OAUTH, "grantType": "password"}, ["grantType"]),
            ({**OAUTH, "preset": "yahoo"}, ["preset"]),
            ({**OAUTH, "clientId": 5}, ["clientId"]),
            ({**OAUTH, "clientId": None}, ["clientId"]),
            ({**OAUTH, "clientSecret": ""}, ["clientSecret"]),
            ({**OAUTH, "scope": "a\r\nb"}, ["scope"]),
            ({**OAUTH, "ca": "none"}, ["ca"]),
            ({**OAUTH, "tenant": "x"}, ["tenant"]),
            ({**MICROSOFT, "tokenUrl": "https://login.example.com/"}, ["tenant"]),
            (without(MICROSOFT, "tenant"), ["tenant"]),
            (without(GOOGLE, "refreshToken"), ["grantType"]),
            ({**GOOGLE, "tenant": "x"}, ["tenant"]),
            *(({**MICROSOFT, "tenant": bad}, ["tenant"]) for bad in ("", "a/b", "..", "a?b", "a b", "ä")),
        ],
        ids=named,
    )  # fmt: skip
    def test_each_fault_has_its_place(
        self, admin: Caller, monitor: Monitor, oauth: dict[str, Any], paths: list[str]
    ) -> None:
        body = assert_failure(
            admin.patch(monitor_path(monitor), {"config": {**CONFIG, "oauth2": oauth}}), 400
        )
        assert sorted(body["errors"]) == [f"config.oauth2.{path}" for path in paths]

    @pytest.mark.parametrize(
        "url",
        [
            "", "login.example.com", "http://login.example.com/", "ftp://login.example.com/", "https:///token",
            "https://user:pw@login.example.com/", "https://login.example.com/#x", "https://login.example.com/#",
            "https://login.example.com:0/", "https://login.example.com:99999/", "https://login.example.com:x/",
            "https://a b.example/", "https://a.example/a b", "https://a.example\\@b.example/",
            "https://a.example/ü", "https://[::1/", "https://[fe80::1%25lo]/", "https://1.2.3.4.5/",
            "https://a.example/\tx", "https://" + "a" * 2048, "file:///etc/passwd", "//a.example/", 5,
        ],
    )  # fmt: skip
    def test_token_url_is_https_and_nothing_else(self, admin: Caller, monitor: Monitor, url: Any) -> None:
        config = {**CONFIG, "oauth2": {**OAUTH, "tokenUrl": url}}
        body = assert_failure(admin.patch(monitor_path(monitor), {"config": config}), 400)
        assert list(body["errors"]) == ["config.oauth2.tokenUrl"]

    @pytest.mark.parametrize(
        ("config", "paths"),
        [
            (without(CONFIG, "user"), ["user"]),
            (without(CONFIG, "oauth2"), ["oauth2"]),
            ({**CONFIG, "oauth2": None}, ["oauth2"]),
            ({**CONFIG, "oauth2": []}, ["oauth2"]),
            (without(CONFIG, "tls"), ["authMethod"]),
            ({"authMethod": "xoauth2"}, ["authMethod", "oauth2", "user"]),
            ({**CONFIG, "authMethod": "password", "password": "p"}, ["oauth2"]),
            (without(CONFIG, "authMethod"), ["oauth2", "password"]),
        ],
        ids=named,
    )
    def test_it_fits_the_rest_of_the_config(
        self, admin: Caller, monitor: Monitor, config: dict[str, Any], paths: list[str]
    ) -> None:
        body = assert_failure(admin.patch(monitor_path(monitor), {"config": config}), 400)
        assert sorted(body["errors"]) == [f"config.{path}" for path in paths]

    def test_start_tls_protects_a_token_too(self, admin: Caller, monitor: Monitor) -> None:
        config = {**without(CONFIG, "tls"), "startTls": True, "password": "kept and unused"}
        assert admin.patch(monitor_path(monitor), {"config": config}).status_code == 200

    def test_faults_repeat_no_secret(self, admin: Caller, monitor: Monitor) -> None:
        oauth = {**REFRESHING, "clientSecret": "s3cret\x00", "tokenUrl": "https://u:s3cret@a.example/"}
        response = admin.patch(monitor_path(monitor), {"config": {**CONFIG, "oauth2": oauth}})
        assert_failure(response, 400)
        assert "s3cret" not in response.get_data(as_text=True)


DIVERSIONS = [
    {"tokenUrl": "https://evil.example/token"},
    {"tokenUrl": None, "preset": "google"},
    {"tokenUrl": None, "preset": "microsoft365", "tenant": "evil.example"},
    {"preset": "google"},
    {"ca": authority().pem},
]


class TestSecrets:
    def test_readers_see_masks(self, caller: Callable[[Role], Caller], monitor: Monitor) -> None:
        answer = caller(Role.READONLY).get(monitor_path(monitor))
        assert answer.get_json()["config"] == MASKED
        assert "s3cret" not in answer.get_data(as_text=True)

    def test_masks_keep_what_is_stored(self, masked: Caller, monitor: Monitor) -> None:
        changed = {**MASKED, "mailbox": "Sent", "oauth2": {**MASKED["oauth2"], "scope": "more"}}
        assert masked.patch(monitor_path(monitor), {"config": changed}).status_code == 200
        assert stored(monitor) == {**CONFIG, "mailbox": "Sent", "oauth2": {**REFRESHING, "scope": "more"}}

    @pytest.mark.parametrize("change", DIVERSIONS, ids=named)
    @pytest.mark.parametrize("kept", ["clientSecret", "refreshToken"])
    def test_masked_secret_is_not_sent_elsewhere(
        self, masked: Caller, monitor: Monitor, change: dict[str, Any], kept: str
    ) -> None:
        config = {**CONFIG, "oauth2": {**REFRESHING, **change, kept: MASK}}
        for body in (
            {"config": config},
            {"imapPopConfig": config},
            {"config": config, "imapPopConfig": MASKED},
        ):
            errors = assert_failure(masked.patch(monitor_path(monitor), body), 400)["errors"]
            assert f"imapPopConfig.oauth2.{kept}" in errors
        assert stored(monitor) == CONFIG

    @pytest.mark.parametrize("change", DIVERSIONS, ids=named)
    def test_secrets_sent_again_may_go_anywhere(
        self, masked: Caller, monitor: Monitor, change: dict[str, Any]
    ) -> None:
        config = {**CONFIG, "oauth2": {**REFRESHING, **change}}
        assert masked.patch(monitor_path(monitor), {"config": config}).status_code == 200

    def test_who_can_read_the_secrets_may_send_them_elsewhere(self, admin: Caller, monitor: Monitor) -> None:
        config = {**CONFIG, "oauth2": {**MASKED["oauth2"], **DIVERSIONS[0]}}
        assert admin.patch(monitor_path(monitor), {"config": config}).status_code == 200
        assert stored(monitor)["oauth2"]["clientSecret"] == OAUTH["clientSecret"]

    def test_mail_server_is_not_moved_without_them_either(self, masked: Caller, monitor: Monitor) -> None:
        assert_failure(masked.patch(monitor_path(monitor), {"hostname": "evil.example"}), 400)

    def test_stored_password_has_nothing_to_do_with_it(
        self, masked: Caller, make: Factory, customer: Customer
    ) -> None:
        monitor = make.monitor(customer, {"user": "u", "password": "p", "tls": True})
        config = {**CONFIG, "password": MASK}
        assert masked.patch(monitor_path(monitor), {"config": config}).status_code == 200
        assert stored(monitor)["password"] == "p"

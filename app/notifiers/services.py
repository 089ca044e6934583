"""Chat, push, SMS and on-call services, through Apprise: how the plugin of each is set up, and what it says.

Plugins are made from the keys of a channel's config, so that no value becomes part of a URL that is taken
apart again; only channels of the type `apprise`, and SMS_URL, bring a URL of Apprise's own.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote

from apprise import NotifyBase, NotifyFormat, NotifyType, OverflowMode
from apprise.exception import AppriseException

from app.domain.enums import AlertEvent, WarningCode
from app.domain.http_url import HttpUrl, HttpUrlError, split_http_url
from app.domain.notification import Notice
from app.domain.target import TargetGuard
from app.net.limits import Limits
from app.notifiers.errand import GUARDED, Errand, errand
from app.notifiers.failure import UndeliveredError, refused, with_words
from app.notifiers.messages import compose
from app.notifiers.plugins import ASSET, GATEWAYS, OWN_TYPES, SCHEMES, plugin
from app.notifiers.transport import Transport

Config = Mapping[str, Any]
NTFY = "https://ntfy.sh"
_WORKFLOW = re.compile(r"(/cu/(?P<route>[0-9]+))?/workflows/(?P<workflow>[\w-]+)/", re.ASCII)
SHORT_TEXTS = frozenset(
    {
        "46elks", "bulksms", "clickatell", "clicksend", "cm", "d7sms", "elks", "msgbird", "nexmo", "plivo",
        "seven", "sinch", "telnyx", "twilio", "vonage",
    }
)  # fmt: skip
"""Schemes by which an SMS is sent."""


def tell(notice: Notice, kind: str, config: Config, transport: Transport, limits: Limits) -> int | None:
    """Tell a service; the status of its last answer. Raises UndeliveredError or CheckError."""
    if kind == "opsgenie" and notice.event is AlertEvent.RECOVERY:
        return _close_at_opsgenie(notice, config, transport, limits)

    def make() -> NotifyBase:
        return _from_url(config["url"], SCHEMES) if kind == "apprise" else _MAKERS[kind](config, notice)

    with errand(limits, transport.guard, transport.tls) as current:
        return _notify(make, *_text(notice, kind, config), _severity(notice), current)


def suits_service(url: str) -> bool:
    """Whether a channel of the type `apprise` could ever tell anybody, as far as can be known unasked."""
    try:
        return len(_made(lambda: _from_url(url, SCHEMES))) > 0
    except Exception:  # noqa: BLE001 - of plugins, whose authors expected no such URL
        return False


def text_message(notice: Notice, config: Config, transport: Transport, limits: Limits) -> int | None:
    """An SMS, over the operator's service. Raises UndeliveredError or CheckError."""
    if transport.sms_url is None:
        raise UndeliveredError("SMS_URL is not set, so no SMS is sent.", is_final=True)
    url = transport.sms_url.replace("{to}", quote(config["phoneNumber"], safe=""))
    # The operator's choice, like the mail server.
    with errand(limits, TargetGuard(allow_private=True), transport.tls) as current:
        return _notify(
            lambda: _from_url(url, {**SCHEMES, **GATEWAYS}),
            "",
            compose(notice).short,
            _severity(notice),
            current,
        )


def _text(notice: Notice, kind: str, config: Config) -> tuple[str, str]:
    """Title and body, as much as the service takes."""
    message = compose(notice)
    if kind == "apprise" and _scheme(config["url"]) in SHORT_TEXTS:
        return "", message.short
    # Adaptive cards take a single line break for none.
    return message.title, message.body.replace("\n", "\n\n") if kind == "teams" else message.body


def _notify(
    make: Callable[[], NotifyBase], title: str, body: str, severity: NotifyType, current: Errand
) -> int | None:
    service = _made(make)
    # Between two requests a plugin sleeps, also for as long as a server wants.
    service.throttle = lambda *_, **__: None  # type: ignore[method-assign]
    is_taken = service.notify(
        body=body,
        title=title,
        notify_type=severity,
        overflow=OverflowMode.TRUNCATE,
        body_format=NotifyFormat.TEXT,
    )
    # Some sign out when they are thrown away, which has to happen in here.
    del service
    if not is_taken:
        raise _reason(current)
    return current.status


def _made(make: Callable[[], NotifyBase]) -> NotifyBase:
    try:
        return make()
    except (AppriseException, TypeError):
        # Its text quotes what it does not like.
        raise UndeliveredError("The channel's settings do not suit the service.", is_final=True) from None


def _reason(current: Errand) -> Exception:
    """Why a plugin says no: it tells nobody, but its requests went through our hands."""
    if current.failure is not None:
        return current.failure
    if current.status is None:
        return UndeliveredError("The channel's settings do not suit the service.", is_final=True)
    if not 200 <= current.status < 300:
        return refused(current.status, current.body)
    return UndeliveredError(
        with_words("The service did not take the message", current.body), status_code=current.status
    )


def _severity(notice: Notice) -> NotifyType:
    if notice.is_test:
        return NotifyType.INFO
    if notice.event is AlertEvent.RECOVERY:
        return NotifyType.SUCCESS if notice.incident.is_watched else NotifyType.INFO
    return NotifyType.WARNING if notice.incident.type in set(WarningCode) else NotifyType.FAILURE


def _is_urgent(notice: Notice) -> bool:
    return _severity(notice) is NotifyType.FAILURE


def _key(notice: Notice) -> str:
    """What on-call services tell incidents apart by; a test is none that stays open."""
    return str(notice.id if notice.is_test else notice.incident.public_id)


def _close_at_opsgenie(notice: Notice, config: Config, transport: Transport, limits: Limits) -> int:
    """Apprise closes only what it remembers having opened; the alias needs no memory.

    https://docs.opsgenie.com/docs/alert-api#close-alert
    """
    host = "api.eu.opsgenie.com" if config.get("region") == "eu" else "api.opsgenie.com"
    with errand(limits, transport.guard, transport.tls):
        answer = GUARDED.post(
            f"https://{host}/v2/alerts/{_key(notice)}/close",
            params={"identifierType": "alias"},
            json={"source": ASSET.app_id, "note": compose(notice).body},
            headers={"Authorization": f"GenieKey {config['apiKey']}"},
        )
    if not answer.ok:
        raise refused(answer.status_code, answer.content)
    return answer.status_code


def _from_url(url: str, schemes: Mapping[str, str]) -> NotifyBase:
    """A plugin set up by a URL of Apprise's; nothing but its own module is loaded for it."""
    scheme = _scheme(url)
    if scheme not in schemes:
        raise UndeliveredError("The URL is of no service that can be used.", is_final=True)
    service = plugin(schemes[scheme])
    parsed = service.parse_url(url)
    if not parsed:
        raise UndeliveredError("The URL does not suit its service.", is_final=True)
    return service(**{**parsed, "asset": ASSET})


def _scheme(url: str) -> str:
    return url.partition("://")[0].lower()


def _native(kind: str, url: str, **more: Any) -> NotifyBase:
    """A plugin set up by the URL that the service itself gives out."""
    service = plugin(OWN_TYPES[kind])
    parsed = service.parse_native_url(url)
    if not parsed:
        raise UndeliveredError("The URL does not suit its service.", is_final=True)
    return service(**{**parsed, **more, "asset": ASSET})


def _own(kind: str, **settings: Any) -> NotifyBase:
    return plugin(OWN_TYPES[kind])(asset=ASSET, **settings)


def _split(url: str) -> HttpUrl:
    try:
        return split_http_url(url)
    except HttpUrlError as error:
        raise UndeliveredError(f"The URL of the channel {error}.", is_final=True) from None


def _place(url: HttpUrl) -> dict[str, Any]:
    """Where a plugin is to call, in its words."""
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    return {"host": host, "port": url.port, "secure": url.scheme == "https", "schema": url.scheme}


def _at_root(url: str) -> dict[str, Any]:
    split = _split(url)
    if split.path != "/":
        raise UndeliveredError("The server's URL must not have a path.", is_final=True)
    return _place(split)


def _slack(config: Config, _: Notice) -> NotifyBase:
    return _native("slack", config["url"], include_image=False)


def _discord(config: Config, _: Notice) -> NotifyBase:
    return _native("discord", config["url"], avatar=False)


def _teams(config: Config, _: Notice) -> NotifyBase:
    """Taken apart by ourselves: Apprise does not know every host name that there is."""
    url = _split(config["url"])
    path, _query, query = url.path.partition("?")
    found, wish = _WORKFLOW.search(path), dict(parse_qsl(query))
    if found is None:
        raise UndeliveredError("The URL does not suit its service.", is_final=True)
    return _own(
        "teams",
        workflow=found["workflow"],
        signature=wish.get("sig"),
        version=wish.get("api-version"),
        routing_id=found["route"],
        power_automate=path.startswith("/powerautomate/"),
        include_image=False,
        **_place(url),
    )


def _mattermost(config: Config, _: Notice) -> NotifyBase:
    url = _split(config["url"])
    before, _hooks, token = url.path.strip("/").rpartition("hooks/")
    return _own("mattermost", token=token, fullpath=f"/{before}" if before else None, **_place(url))


def _google_chat(config: Config, _: Notice) -> NotifyBase:
    return _native("googlechat", config["url"])


def _rocket_chat(config: Config, _: Notice) -> NotifyBase:
    url = _split(config["url"])
    before, _hooks, webhook = url.path.strip("/").rpartition("hooks/")
    service = _own("rocketchat", webhook=webhook, mode="webhook", avatar=False, **_place(url))
    if before:
        service.api_url += f"/{before.rstrip('/')}"  # type: ignore[attr-defined] # of this plugin alone
    return service


def _telegram(config: Config, _: Notice) -> NotifyBase:
    return _own("telegram", bot_token=config["botToken"], targets=[config["chatId"]], detect_owner=False)


def _pagerduty(config: Config, notice: Notice) -> NotifyBase:
    return _own(
        "pagerduty",
        # Asked for by the plugin, and of no use for events.
        apikey=config["routingKey"],
        integrationkey=config["routingKey"],
        source=notice.monitor.hostname,
        component=notice.monitor.protocol.upper(),
        dedup=_key(notice),
        action="resolve" if notice.event is AlertEvent.RECOVERY else "trigger",
        click=notice.url,
        include_image=False,
    )


def _opsgenie(config: Config, notice: Notice) -> NotifyBase:
    return _own(
        "opsgenie",
        apikey=config["apiKey"],
        targets=None,
        region_name=config.get("region") or "us",
        # P1 is the most urgent there; Apprise has it the other way round, but for the number itself.
        priority="p2" if _is_urgent(notice) else "p4",
        alias=_key(notice),
        entity=notice.monitor.hostname,
        action="new",
    )


def _pushover(config: Config, notice: Notice) -> NotifyBase:
    return _own(
        "pushover",
        user_key=config["userKey"],
        token=config["apiToken"],
        priority="high" if _is_urgent(notice) else "normal",
        supplemental_url=notice.url,
    )


def _ntfy(config: Config, notice: Notice) -> NotifyBase:
    token = config.get("token")
    return _own(
        "ntfy",
        targets=[config["topic"]],
        mode="private",
        token=token,
        auth="token" if token else "basic",
        priority="high" if _is_urgent(notice) else "default",
        click=notice.url,
        include_image=False,
        **_at_root(config.get("server") or NTFY),
    )


def _gotify(config: Config, notice: Notice) -> NotifyBase:
    url = _split(config["url"])
    priority = "high" if _is_urgent(notice) else "normal"
    path = url.path.rstrip("/") + "/"
    return _own("gotify", token=config["token"], priority=priority, fullpath=path, **_place(url))


def _matrix(config: Config, _: Notice) -> NotifyBase:
    """Without discovery (`.well-known`): it would send the password where some file says."""
    return _own(
        "matrix",
        targets=[config["room"]],
        user=None if config.get("token") else config.get("user"),
        password=config.get("token") or config.get("password"),
        discovery=False,
        e2ee=False,
        include_image=False,
        **_at_root(config["server"]),
    )


_MAKERS: Mapping[str, Callable[[Config, Notice], NotifyBase]] = {
    "slack": _slack,
    "discord": _discord,
    "teams": _teams,
    "mattermost": _mattermost,
    "googlechat": _google_chat,
    "rocketchat": _rocket_chat,
    "telegram": _telegram,
    "pagerduty": _pagerduty,
    "opsgenie": _opsgenie,
    "pushover": _pushover,
    "ntfy": _ntfy,
    "gotify": _gotify,
    "matrix": _matrix,
}

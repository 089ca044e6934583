"""Which of Apprise's plugins are used: none is loaded but these, and each one speaks HTTP through us."""

import logging
import sys
from functools import cache
from importlib import import_module

from apprise import AppriseAsset, NotifyBase, PersistentStoreMode

from app.notifiers.errand import guard_module

# Its lines quote URLs, requests and answers, and all of these have secrets in them.
logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)

ASSET = AppriseAsset(
    app_id="Pillarbox",
    app_desc="Pillarbox",
    # No icons of Apprise's own, which are at GitHub.
    image_url_mask=None,
    image_path_mask=None,
    image_url_logo=None,
    async_mode=False,
    http_redirects=False,
    interpret_emojis=False,
    pgp_autogen=False,
    pem_autogen=False,
    storage_mode=PersistentStoreMode.MEMORY,
)

OWN_TYPES = {
    "slack": "slack.NotifySlack",
    "discord": "discord.NotifyDiscord",
    "teams": "workflows.NotifyWorkflows",
    "mattermost": "mattermost.NotifyMattermost",
    "googlechat": "google_chat.NotifyGoogleChat",
    "rocketchat": "rocketchat.NotifyRocketChat",
    "telegram": "telegram.NotifyTelegram",
    "pagerduty": "pagerduty.NotifyPagerDuty",
    "opsgenie": "opsgenie.NotifyOpsgenie",
    "pushover": "pushover.NotifyPushover",
    "ntfy": "ntfy.NotifyNtfy",
    "gotify": "gotify.NotifyGotify",
    "matrix": "matrix.base.NotifyMatrix",
}
"""Type of a channel -> plugin."""

SCHEMES = {
    "46elks": "fortysixelks.Notify46Elks",
    "brevo": "brevo.NotifyBrevo",
    "bulksms": "bulksms.NotifyBulkSMS",
    "clickatell": "clickatell.NotifyClickatell",
    "clicksend": "clicksend.NotifyClickSend",
    "cm": "cm.NotifyCM",
    "d7sms": "d7networks.NotifyD7Networks",
    "dingtalk": "dingtalk.NotifyDingTalk",
    "elks": "fortysixelks.Notify46Elks",
    "feishu": "feishu.NotifyFeishu",
    "firehydrant": "firehydrant.NotifyFireHydrant",
    "flock": "flock.NotifyFlock",
    "github": "github.NotifyGitHub",
    "groupme": "groupme.NotifyGroupMe",
    "ifttt": "ifttt.NotifyIFTTT",
    "ilert": "ilert.NotifyILert",
    "incidentio": "incidentio.NotifyIncidentIO",
    "join": "join.NotifyJoin",
    "lark": "lark.NotifyLark",
    "line": "line.NotifyLine",
    "mailersend": "mailersend.NotifyMailerSend",
    "msgbird": "messagebird.NotifyMessageBird",
    "nexmo": "vonage.NotifyVonage",
    "onesignal": "one_signal.NotifyOneSignal",
    "pagertree": "pagertree.NotifyPagerTree",
    "pbul": "pushbullet.NotifyPushBullet",
    "plivo": "plivo.NotifyPlivo",
    "postmark": "postmark.NotifyPostmark",
    "prowl": "prowl.NotifyProwl",
    "psafers": "pushsafer.NotifyPushSafer",
    "push": "techuluspush.NotifyTechulusPush",
    "pushy": "pushy.NotifyPushy",
    "resend": "resend.NotifyResend",
    "revolt": "revolt.NotifyRevolt",
    "sendgrid": "sendgrid.NotifySendGrid",
    "seven": "seven.NotifySeven",
    "signl4": "signl4.NotifySIGNL4",
    "simplepush": "simplepush.NotifySimplePush",
    "sinch": "sinch.NotifySinch",
    "spike": "spike.NotifySpike",
    "splunk": "splunk.NotifySplunk",
    "spush": "simplepush.NotifySimplePush",
    "squadcast": "squadcast.NotifySquadcast",
    "telnyx": "telnyx.NotifyTelnyx",
    "threema": "threema.NotifyThreema",
    "twilio": "twilio.NotifyTwilio",
    "victorops": "splunk.NotifySplunk",
    "vonage": "vonage.NotifyVonage",
    "webex": "webexteams.NotifyWebexTeams",
    "wecombot": "wecombot.NotifyWeComBot",
    "whatsapp": "whatsapp.NotifyWhatsApp",
    "wxteams": "webexteams.NotifyWebexTeams",
}
"""Of URLs that users may give -> plugin."""

GATEWAYS = {
    "form": "custom_form.NotifyForm",
    "forms": "custom_form.NotifyForm",
    "json": "custom_json.NotifyJSON",
    "jsons": "custom_json.NotifyJSON",
}
"""Of URLs that only the operator may give, for an SMS gateway in-house."""


@cache
def plugin(place: str) -> type[NotifyBase]:
    """The class at one of the places above, with its way out replaced by ours."""
    module, _, name = place.rpartition(".")
    found: type[NotifyBase] = getattr(import_module(f"apprise.plugins.{module}"), name)
    for ancestor in found.__mro__:
        guard_module(sys.modules[ancestor.__module__])
    return found

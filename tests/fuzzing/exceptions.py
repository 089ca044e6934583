"""Where the API and its document may differ, or a check asks for something else: each with its reason."""

from app.domain.channel_types import CHANNEL_TYPES

CHECKS_OFF = {
    "positive_data_acceptance": "it cannot tell why; ours asks for one of the reasons below (UNTOLD)",
    "ignored_auth": "the caller without a token shows for every operation that none is ignored",
    "use_after_free": "needs a sequence of calls; the state machine of monitors has them",
    "ensure_resource_availability": "needs a sequence of calls; the state machine of monitors has them",
}

NOT_SENT = {
    "logIn": "the same for all, and slow by intention: only admins send it",
    "refresh": "programs have no session that could be refreshed: API tokens do not send it",
}
"""Operations that not every kind of caller sends."""

NO_BOUNDARIES = {
    "updateUser": "the fields are create's, and setting a password is slow by intention",
    "testImapPopMonitor": "the body is create's, and its path read as a monitor's answers other methods 400",
    "testNotificationChannel": "the same with a channel's",
    "applyImapPopMonitors": "its monitors are create's, and the same with its path",
    "exportImapPopMonitors": "its path read as a monitor's answers other methods 400",
    "showMonitorsJsonSchema": "the same",
}

NEVER_SUCCEED: dict[str, str] = {}
"""Operations that even a global admin cannot bring to an answer of 2xx here."""

_CHANNEL_KEYS = "|".join(sorted({key.name for kind in CHANNEL_TYPES.values() for key in kind.keys}))

UNTOLD = {
    r"^hostname must be a valid hostname": "names in Unicode, A-labels and addresses are no one format",
    r"name must have 1 to 255 characters": "blanks around it do not count",
    r"servername must be a valid hostname": "the same",
    r"currentPassword is wrong": "what is right is nobody else's to know",
    r"newPassword is the old one": "the same",
    r"must be an e-mail address": "the format `email` takes domains that no mail can reach",
    r"timeZone must be a name of the IANA": "hundreds of names, which change every year",
    r" is required with": "one key asks for another",
    r" excludes ": "only both together are wrong",
    r"\boauth2\.\w+ ": "what is needed depends on the preset and the grant",
    r" is of use with .* alone": "only both together are wrong",
    r"needs tls or startTls": "one key asks for another",
    r"customerIds must be null for a global role": "only both together are wrong",
    r"^config differs from imapPopConfig": "two keys are compared",
    r"^endTime must ": "it is compared with startTime and the pattern",
    r"^recurrencePattern has no occurrence": "depends on startTime",
    r"^recurrencePattern (is required when|must be null unless) ": "one key asks for another",
    r"^targets (is required, or|must not be empty|must be monitors of one customer)": "keys are compared",
    r"^(customerId|imapPopMonitorId) must be the .*, or be left out": "keys are compared",
    r" must be a day that exists": "no format knows the length of months",
    r" must be in the years from .*, in UTC": "the offset may lead out of them",
    r"is the mask of a secret": "depends on what is stored",
    r"ca must be one or more certificates": "no format is PEM",
    r"^(imapPopConfig|config|customFields)\b.* control characters": "in free JSON, at every depth",
    r"^(imapPopConfig|config|customFields)\b.* 64 bits": "in free JSON, at every depth",
    r"^(imapPopConfig|config|customFields)\b.* nested deeper": "in free JSON, at every depth",
    rf"^config\.({_CHANNEL_KEYS}) ": "what a channel is set up with depends on its type",
    r"^config\..* is not a key of this type": "the same",
    r"^category must be .* for this type": "the same",
    r"^(type|config) is required$": "unless a stored channel is tried",
    r"^\w+ cannot be changed": "depends on what is stored",
    r"^customerId is not the customer of this monitor": "depends on what is stored",
    r"text must have 1 to 4000 characters": "blanks around it do not count",
    r"^(startDate|endDate) must ": "two parameters are compared, or one with now",
    r"^granularity makes more than": "depends on the range",
    r"before is not the id of a result": "depends on what is stored",
    r"before is not the id of an incident": "depends on what is stored",
    r"^Monitor is disabled": "depends on what is stored",
    r"^No eligible monitoring locations": "depends on what is stored",
}
"""Why a request that the document allows may be refused with 400: what a schema cannot say."""

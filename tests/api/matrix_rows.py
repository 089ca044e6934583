"""The access matrix: the requests, one or more for each route, and what comes of them where permitted."""

from tests.api.matrix import CALLERS, CHANGED, CREATED, DELETED, NEW, OK, Row
from tests.calling import CHANNELS, CUSTOMERS, INCIDENTS, MONITORS, WINDOWS
from tests.factories import PASSWORD

MONITOR, CUSTOMER = MONITORS + "/{monitor}", CUSTOMERS + "/{customer}"
APPLY = f"{MONITORS}/apply"
INCIDENT = INCIDENTS + "/{incident}"
ORGANIZATION, ORGANIZATIONS = "/api/organization", "/api/organizations"
USERS, USER, BOSS, HELPER = "/api/users", "/api/users/{user}", "/api/users/{boss}", "/api/users/{helper}"
HOUSE_TOKENS, CUSTOMER_TOKENS = "/api/organization/tokens", "/api/customer/tokens"
AUDIT_LOG = "/api/audit-log"
WINDOW = WINDOWS + "/{window}"
CHANNEL, HOUSE_CHANNEL = CHANNELS + "/{channel}", CHANNELS + "/{house_channel}"
CHANNEL_TEST = f"{CHANNELS}/test"
OF_HOUSE = "?perPage=200&organizationId={house_id}"
OF_CUSTOMER = "?perPage=200&customerId={customer}"
ALL = "?perPage=200"

NEW_MONITOR = {"customerId": "{customer}", "name": "New", "hostname": "127.0.0.1"}
NEW_DOCUMENT = {
    "version": 1,
    "monitors": [{"customer": "{customer}", "name": "New", "hostname": "127.0.0.1"}],
}
TOKENS_TOO = dict.fromkeys(
    ("own_token", "other_token", "house_token", "foreign_token", "foreign_own_token"), OK
)
NEW_USER = {"email": "new@example.com", "role": "readonly"}
NEW_TOKEN = {"name": "New"}
NEW_WINDOW = {
    "name": "New",
    "startTime": "2090-01-01T00:00:00.000Z",
    "endTime": "2090-01-01T01:00:00.000Z",
}
FOR_MONITOR = {"targets": [{"type": "imap_pop", "id": "{monitor_id}"}]}
NEW_CHANNEL = {"type": "sms", "name": "New", "config": {"phoneNumber": "+4915112345678"}}
DRY = {"dryRun": True}
TRIED = NEW_CHANNEL | DRY
IN_HOUSE = {"organizationId": "{house_id}"}
TO_CUSTOMER = {"customerId": "{customer}"}
RESTRICTED = {"customerIds": ["{customer}"]}
PASSWORDS = {"currentPassword": PASSWORD, "newPassword": "another horse battery"}
MONITOR_ADDED = {"monitors": CREATED, "monitor_schedules": CREATED}
RESCHEDULED = {"monitors": CHANGED, "monitor_schedules": CHANGED}
NOT_WATCHED = {
    **RESCHEDULED,
    "monitor_health": CHANGED,
    "health_transitions": CREATED,
    # What was open ends.
    "incidents": CHANGED,
    "incident_events": CREATED,
    "alerts": CHANGED,
}
MONITOR_REMOVED = {
    "monitors": DELETED,
    "monitor_schedules": DELETED,
    "monitor_health": DELETED,
    "check_results": DELETED,
    "incidents": DELETED,
    "incident_events": DELETED,
    "alerts": DELETED,
}
MONITOR_REPLACED = {**MONITOR_REMOVED, "monitors": CHANGED, "monitor_schedules": CHANGED}
USER_ADDED = {"users": CREATED}
RESTRICTED_USER_ADDED = {**USER_ADDED, "user_customers": CREATED}
TOKEN_ADDED = {"api_tokens": CREATED}
WINDOW_ADDED = {"maintenance_windows": CREATED}
CHANNEL_ADDED = {"notification_channels": CREATED}

PUBLIC_ROWS = [
    Row(
        "POST",
        "/api/auth/login",
        "public",
        {"email": "{email}", "password": PASSWORD},
        effect={"sessions": CREATED},
        audit="session.start",
        signed="admin",
    ),
    Row(
        "POST",
        "/api/auth/refresh",
        "refresh",
        effect={"sessions": CHANGED},
        silent="a session that goes on is no news",
        but={"refresh_token": OK},
    ),
    Row("GET", "/", "public", status=302),
    Row("GET", "/openapi.json", "public"),
    Row("GET", "/docs", "public"),
    Row("GET", "/docs/start.js", "public"),
    Row("GET", "/docs/bundle/swagger-ui.css", "public"),
    Row("GET", "/healthz", "public"),
    Row("GET", "/readyz", "public"),
    Row("GET", "/metrics", "public"),
    Row("GET", f"{MONITORS}/apply-schema.json", "public"),
]
SESSION_ROWS = [
    Row("GET", "/api/auth/me", "session"),
    Row(
        "POST",
        "/api/auth/logout",
        "session",
        effect={"sessions": CHANGED},
        audit="session.end",
        about=CALLERS,
    ),
    Row(
        "POST",
        "/api/auth/change-password",
        "session",
        PASSWORDS,
        effect={"users": CHANGED},
        audit="user.change_password",
        about=CALLERS,
    ),
]
MONITOR_ROWS = [
    Row("GET", MONITORS + ALL, "list", sees="monitors"),
    Row("GET", MONITORS + OF_CUSTOMER, "list_c", sees="monitors"),
    Row("GET", MONITORS + OF_HOUSE, "list_h", sees="monitors"),
    Row("POST", MONITORS, "write_new", NEW_MONITOR, 201, effect=MONITOR_ADDED, audit="monitor.create"),
    Row(
        "POST",
        MONITORS,
        "write_h",
        {**NEW_MONITOR, **IN_HOUSE},
        201,
        effect=MONITOR_ADDED,
        audit="monitor.create",
    ),
    Row("GET", MONITOR, "read"),
    Row("PATCH", MONITOR, "write", {"name": "New"}, effect={"monitors": CHANGED}, audit="monitor.update"),
    Row(
        "PATCH",
        MONITOR,
        "write",
        {"name": "New", "status": "disabled"},
        effect=NOT_WATCHED,
        audit="monitor.update",
    ),
    Row("PATCH", MONITOR, "status", {"status": "disabled"}, effect=NOT_WATCHED, audit="monitor.update"),
    Row(
        "PATCH",
        MONITOR,
        "move",
        {"customerId": "{other_customer}"},
        # Its channel goes along.
        effect={**RESCHEDULED, "notification_channels": CHANGED},
        audit="monitor.update",
        beside=("channel.update",),
    ),
    Row(
        "DELETE",
        MONITOR,
        "write",
        effect={**MONITOR_REMOVED, "notification_channels": DELETED},
        audit="monitor.delete",
        beside=("channel.delete",),
    ),
    Row(
        "POST",
        f"{MONITOR}/trigger-check",
        "write",
        effect={"monitor_schedules": CHANGED},
        audit="monitor.trigger",
    ),
    Row("GET", f"{MONITOR}/details", "read"),
    Row("GET", f"{MONITOR}/check-history", "read"),
    Row("GET", f"{MONITOR}/check-history.csv", "read"),
    Row("GET", f"{MONITOR}/incident-history", "read"),
    Row("GET", f"{MONITOR}/alert-history", "read"),
    Row("POST", f"{MONITORS}/test", "write_new", NEW_MONITOR, silent="it stores nothing"),
    Row("POST", f"{MONITORS}/test", "write_h", {**NEW_MONITOR, **IN_HOUSE}, silent="it stores nothing"),
]
AS_CODE_ROWS = [
    Row("GET", f"{MONITORS}/export", "session", but=TOKENS_TOO),
    Row("GET", f"{MONITORS}/export?customerId={{customer}}", "export_c"),
    Row("GET", f"{MONITORS}/export?organizationId={{house_id}}", "export_h"),
    Row("POST", APPLY, "write_new", NEW_DOCUMENT, effect=MONITOR_ADDED, audit="monitor.create"),
    Row("POST", f"{APPLY}?dryRun=true", "write_new", NEW_DOCUMENT, silent="it stores nothing"),
    Row(
        "POST",
        f"{APPLY}?organizationId={{house_id}}",
        "write_h",
        NEW_DOCUMENT,
        effect=MONITOR_ADDED,
        audit="monitor.create",
    ),
    Row(
        "POST",
        f"{APPLY}?prune=true&organizationId={{house_id}}",
        "write_h",
        NEW_DOCUMENT,
        effect={**MONITOR_REPLACED, "notification_channels": DELETED},
        audit="monitor.create",
        beside=("channel.delete", "monitor.delete"),
    ),
]
INCIDENT_ROWS = [
    Row("GET", INCIDENTS + "?limit=200", "list", sees="incidents"),
    Row("GET", INCIDENTS + "?limit=200&customerId={customer}", "list_c", sees="incidents"),
    Row("GET", INCIDENTS + "?limit=200&monitorId={monitor}", "list_c", sees="incidents"),
    Row("GET", INCIDENTS + "?limit=200&organizationId={house_id}", "list_h", sees="incidents"),
    Row("GET", INCIDENT, "read"),
    Row("GET", INCIDENTS + "/{incident_id}", "read"),
    Row(
        "POST",
        f"{INCIDENT}/acknowledge",
        "write",
        effect={"incidents": CHANGED, "incident_events": CREATED, "alerts": CHANGED},
        audit="incident.acknowledge",
    ),
    Row(
        "POST",
        f"{INCIDENT}/comments",
        "write",
        {"text": "New"},
        201,
        effect={"incident_events": CREATED},
        audit="incident.comment",
    ),
]
CUSTOMER_ROWS = [
    Row("GET", CUSTOMERS + ALL, "list", sees="customers"),
    Row("GET", CUSTOMERS + OF_HOUSE, "list_h", sees="customers"),
    Row(
        "POST",
        CUSTOMERS,
        "customer",
        {"name": "New"},
        201,
        effect={"customers": CREATED},
        audit="customer.create",
        about=CALLERS,
    ),
    Row(
        "POST",
        CUSTOMERS,
        "customer_h",
        {"name": "New", **IN_HOUSE},
        201,
        effect={"customers": CREATED},
        audit="customer.create",
    ),
    Row("GET", CUSTOMER, "read"),
    Row("GET", CUSTOMERS + "/{customer_id}", "read"),
    Row("GET", f"{CUSTOMER}/sla.csv?month=2026-11", "read"),
    Row("PATCH", CUSTOMER, "write", {"name": "New"}, effect={"customers": CHANGED}, audit="customer.update"),
    Row(
        "DELETE",
        CUSTOMER,
        "write",
        # With the restrictions of those who have it (three of the cast, one target), its channel, window and
        # tokens.
        effect={
            "customers": DELETED,
            "user_customers": (4, 0),
            "api_tokens": (2, 0),
            "notification_channels": DELETED,
            "maintenance_windows": DELETED,
        },
        audit="customer.delete",
        beside=("channel.delete", "maintenance.delete") + ("token.delete",) * 2 + ("user.update",) * 4,
        without_monitors=True,
    ),
]
MAINTENANCE_ROWS = [
    Row("GET", WINDOWS + ALL, "list", sees="windows"),
    Row("GET", WINDOWS + OF_CUSTOMER, "list_c", sees="windows"),
    Row("GET", WINDOWS + OF_HOUSE, "list_h", sees="windows"),
    Row(
        "POST",
        WINDOWS,
        "plan_new",
        NEW_WINDOW | TO_CUSTOMER,
        201,
        effect=WINDOW_ADDED,
        audit="maintenance.create",
    ),
    Row(
        "POST",
        WINDOWS,
        "plan_new",
        NEW_WINDOW | FOR_MONITOR,
        201,
        effect={**WINDOW_ADDED, "maintenance_targets": CREATED},
        audit="maintenance.create",
    ),
    Row(
        "POST",
        WINDOWS,
        "plan_h",
        NEW_WINDOW | TO_CUSTOMER | IN_HOUSE,
        201,
        effect=WINDOW_ADDED,
        audit="maintenance.create",
    ),
    Row("GET", WINDOW, "read"),
    Row("GET", WINDOWS + "/{window_id}", "read"),
    Row(
        "PATCH",
        WINDOW,
        "plan",
        {"name": "New"},
        effect={"maintenance_windows": CHANGED},
        audit="maintenance.update",
    ),
    Row(
        "PATCH",
        WINDOW,
        "plan_move",
        {"customerId": "{other_customer}"},
        effect={"maintenance_windows": CHANGED},
        audit="maintenance.update",
    ),
    Row("DELETE", WINDOW, "plan", effect={"maintenance_windows": DELETED}, audit="maintenance.delete"),
]
ORGANIZATION_ROWS = [
    Row("GET", ORGANIZATION, "my_org", sees="organizations"),
    Row("GET", ORGANIZATION + OF_HOUSE.replace("perPage=200&", ""), "my_org_h", sees="organizations"),
    Row(
        "PATCH",
        ORGANIZATION,
        "adm_all",
        {"name": "New"},
        effect={"organizations": CHANGED},
        audit="organization.update",
        about=CALLERS,
    ),
    Row(
        "PATCH",
        ORGANIZATION + "?organizationId={house_id}",
        "adm_all_h",
        {"name": "New"},
        effect={"organizations": CHANGED},
        audit="organization.update",
    ),
    Row("GET", ORGANIZATIONS + ALL, "orgs", sees="organizations"),
    Row(
        "POST",
        ORGANIZATIONS,
        "global",
        {"name": "New"},
        201,
        effect={"organizations": CREATED},
        audit="organization.create",
        about=NEW,
    ),
]
USER_ROWS = [
    Row("GET", USERS + ALL, "usr_list", sees="users"),
    Row("GET", USERS + OF_HOUSE, "usr_list_h", sees="users"),
    Row("POST", USERS, "adm_all", NEW_USER, 201, effect=USER_ADDED, audit="user.create", about=CALLERS),
    Row("POST", USERS, "adm_all_h", NEW_USER | IN_HOUSE, 201, effect=USER_ADDED, audit="user.create"),
    Row(
        "POST",
        USERS,
        "adm_new_c",
        NEW_USER | RESTRICTED,
        201,
        effect=RESTRICTED_USER_ADDED,
        audit="user.create",
    ),
    Row(
        "POST",
        USERS,
        "adm_new_ch",
        NEW_USER | RESTRICTED | IN_HOUSE,
        201,
        effect=RESTRICTED_USER_ADDED,
        audit="user.create",
    ),
    Row(
        "POST",
        USERS,
        "global",
        {"email": "new@example.com", "role": "global_supporter"},
        201,
        effect=USER_ADDED,
        audit="user.create",
        about=CALLERS,
    ),
    Row("GET", USER, "manage_c"),
    Row("GET", USERS + "/{user_id}", "manage_c"),
    Row("GET", BOSS, "manage_h"),
    Row("GET", HELPER, "manage_glob"),
    Row("PATCH", USER, "manage_c", {"firstName": "New"}, effect={"users": CHANGED}, audit="user.update"),
    Row("PATCH", BOSS, "manage_h", {"firstName": "New"}, effect={"users": CHANGED}, audit="user.update"),
    Row("PATCH", HELPER, "manage_glob", {"firstName": "New"}, effect={"users": CHANGED}, audit="user.update"),
    Row(
        "PATCH",
        BOSS,
        "manage_glob",
        {"role": "global_supporter"},
        effect={"users": CHANGED},
        audit="user.update",
    ),
    Row("PATCH", USER, "manage_c", {"role": "admin"}, effect={"users": CHANGED}, audit="user.update"),
    Row(
        "PATCH",
        USER,
        "manage_glob",
        {"role": "global_supporter", "customerIds": None},
        effect={"users": CHANGED, "user_customers": DELETED},
        audit="user.update",
    ),
    Row(
        "PATCH",
        USER,
        "manage_h",
        {"customerIds": ["{customer}", "{other_customer}"]},
        # The user is as before, but for the date of the change.
        effect={"users": CHANGED, "user_customers": CREATED},
        audit="user.update",
    ),
    Row(
        "PATCH",
        USER,
        "manage_h",
        {"customerIds": None},
        effect={"users": CHANGED, "user_customers": DELETED},
        audit="user.update",
    ),
    Row(
        "DELETE",
        USER,
        "manage_c",
        effect={"users": DELETED, "user_customers": DELETED},
        audit="user.delete",
    ),
    Row("DELETE", BOSS, "manage_h", effect={"users": DELETED}, audit="user.delete"),
    Row("DELETE", HELPER, "manage_glob", effect={"users": DELETED}, audit="user.delete"),
]
TOKEN_ROWS = [
    Row("GET", HOUSE_TOKENS + ALL, "adm_list", sees="tokens"),
    Row("GET", HOUSE_TOKENS + OF_CUSTOMER, "adm_list_c", sees="tokens"),
    Row("GET", HOUSE_TOKENS + OF_HOUSE, "adm_list_h", sees="tokens"),
    Row(
        "POST",
        HOUSE_TOKENS,
        "adm_all",
        NEW_TOKEN,
        201,
        effect=TOKEN_ADDED,
        audit="token.create",
        about=CALLERS,
    ),
    Row(
        "POST", HOUSE_TOKENS, "adm_all_h", NEW_TOKEN | IN_HOUSE, 201, effect=TOKEN_ADDED, audit="token.create"
    ),
    Row(
        "POST",
        HOUSE_TOKENS,
        "adm_new_c",
        NEW_TOKEN | TO_CUSTOMER,
        201,
        effect=TOKEN_ADDED,
        audit="token.create",
    ),
    Row(
        "DELETE",
        HOUSE_TOKENS + "/{organization_token}",
        "manage_h",
        effect={"api_tokens": DELETED},
        audit="token.delete",
    ),
    Row(
        "DELETE",
        HOUSE_TOKENS + "/{customer_token}",
        "manage_c",
        effect={"api_tokens": DELETED},
        audit="token.delete",
    ),
    Row("GET", CUSTOMER_TOKENS + ALL, "tok_list", sees="customer_tokens"),
    Row("GET", CUSTOMER_TOKENS + OF_CUSTOMER, "tok_list_c", sees="customer_tokens"),
    Row("GET", CUSTOMER_TOKENS + OF_HOUSE, "tok_list_h", sees="customer_tokens"),
    Row(
        "POST",
        CUSTOMER_TOKENS,
        "tok_new",
        NEW_TOKEN | TO_CUSTOMER,
        201,
        effect=TOKEN_ADDED,
        audit="token.create",
    ),
    Row(
        "POST",
        CUSTOMER_TOKENS,
        "tok_new_h",
        NEW_TOKEN | TO_CUSTOMER | IN_HOUSE,
        201,
        effect=TOKEN_ADDED,
        audit="token.create",
    ),
    Row(
        "DELETE",
        CUSTOMER_TOKENS + "/{customer_token}",
        "tok_delete",
        effect={"api_tokens": DELETED},
        audit="token.delete",
    ),
    Row(
        "DELETE",
        CUSTOMER_TOKENS + "/{customer_token_id}",
        "tok_delete",
        effect={"api_tokens": DELETED},
        audit="token.delete",
    ),
    Row("DELETE", CUSTOMER_TOKENS + "/{organization_token}", "tok_never", silent="nobody may"),
]
CHANNEL_ROWS = [
    Row("GET", CHANNELS + ALL, "adm_list", sees="channels"),
    Row("GET", CHANNELS + OF_CUSTOMER, "adm_list_c", sees="channels"),
    Row("GET", CHANNELS + "?imapPopMonitorId={monitor}", "chn_list_m", sees="channels"),
    Row("GET", CHANNELS + OF_HOUSE, "adm_list_h", sees="channels"),
    Row(
        "POST",
        CHANNELS,
        "adm_all",
        NEW_CHANNEL,
        201,
        effect=CHANNEL_ADDED,
        audit="channel.create",
        about=CALLERS,
    ),
    Row(
        "POST",
        CHANNELS,
        "adm_all_h",
        NEW_CHANNEL | IN_HOUSE,
        201,
        effect=CHANNEL_ADDED,
        audit="channel.create",
    ),
    Row(
        "POST",
        CHANNELS,
        "adm_new_c",
        NEW_CHANNEL | TO_CUSTOMER,
        201,
        effect=CHANNEL_ADDED,
        audit="channel.create",
    ),
    Row(
        "POST",
        CHANNELS,
        "adm_new_ch",
        NEW_CHANNEL | {"imapPopMonitorId": "{monitor}"} | IN_HOUSE,
        201,
        effect=CHANNEL_ADDED,
        audit="channel.create",
    ),
    Row("GET", CHANNEL, "manage_c"),
    Row("GET", CHANNELS + "/{channel_id}", "manage_c"),
    Row("GET", HOUSE_CHANNEL, "manage_h"),
    Row(
        "PATCH",
        CHANNEL,
        "manage_c",
        {"name": "New"},
        effect={"notification_channels": CHANGED},
        audit="channel.update",
    ),
    Row(
        "PATCH",
        HOUSE_CHANNEL,
        "manage_h",
        {"name": "New"},
        effect={"notification_channels": CHANGED},
        audit="channel.update",
    ),
    Row("DELETE", CHANNEL, "manage_c", effect={"notification_channels": DELETED}, audit="channel.delete"),
    Row(
        "DELETE",
        HOUSE_CHANNEL,
        "manage_h",
        effect={"notification_channels": DELETED},
        audit="channel.delete",
    ),
    Row("POST", f"{CHANNELS}/test", "chn_test", TRIED, silent="it stores nothing"),
    Row("POST", f"{CHANNELS}/test", "write_new", TRIED | TO_CUSTOMER, silent="it stores nothing"),
    Row("POST", f"{CHANNELS}/test", "write_h", TRIED | TO_CUSTOMER | IN_HOUSE, silent="it stores nothing"),
    Row(
        "POST",
        f"{CHANNELS}/test",
        "manage_c",
        {"id": "{channel}", "dryRun": True},
        silent="it stores nothing",
    ),
    Row(
        "POST",
        f"{CHANNELS}/test",
        "manage_h",
        {"id": "{house_channel_id}", "dryRun": True},
        silent="it stores nothing",
    ),
]
AUDIT_ROWS = [
    Row("GET", AUDIT_LOG + ALL, "adm_list", sees="audit"),
    Row("GET", AUDIT_LOG + OF_HOUSE, "adm_list_h", sees="audit"),
]
ROWS = [
    *PUBLIC_ROWS,
    *SESSION_ROWS,
    *MONITOR_ROWS,
    *AS_CODE_ROWS,
    *INCIDENT_ROWS,
    *CUSTOMER_ROWS,
    *MAINTENANCE_ROWS,
    *ORGANIZATION_ROWS,
    *USER_ROWS,
    *TOKEN_ROWS,
    *CHANNEL_ROWS,
    *AUDIT_ROWS,
]

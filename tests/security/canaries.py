"""Secrets that nothing else looks like: wherever one of them turns up, it has leaked."""

import base64

from tests.security.search import Secret

ASCII = Secret("mailbox password", "Xq7Kanarienvogel'\"\\%41 {0} Zw9Pfeifkonzert")
FOREIGN = Secret("mailbox password with umlauts", 'Xv5Nachtigallen\\"Grüße%C3"€ Yk3Zwitscherlied')
MAILBOX = (ASCII, FOREIGN)
"""With all that some spelling treats specially: quotes, backslash, percent, braces, blanks, umlauts."""

OTHER = Secret("secret beside the password", "Rt6Rotkehlchen\\und&Blaumeise")
CHANGED = Secret("mailbox password after a change", 'Wj2Wiedehopf"und%20Eisvogel')
REFUSED = Secret("mailbox password in a refused body", "Mf8Zaunkoenig\\und'Goldammer")
CLIENT = Secret("client secret", "Pz8Teichrohrsaenger%und+Schilf&Rohrdommel=")
REFRESH = Secret("refresh token of a mailbox", "Kd5Gartenrotschwanz/und~Moenchsgrasmuecke")
LOGIN = Secret("login password", "Bn4Grasmuecke und\\Bachstelze")
NEW_LOGIN = Secret("new login password", 'Hp9Trauerschnaepper"undPirol')
GUESSED_LOGIN = Secret("password of a refused login", "Lc7Heckenbraunelle%undSperling")
USER_LOGIN = Secret("password of a new user", "Fy2Sumpfrohrsaenger'und{}Rohrammer")
HOOK_KEY = Secret("key that signs a webhook", "Nb8Haubentaucher%und'Zwergtaucher")
HOOK_HEADER = Secret("header of a webhook", "Ud4Flussregenpfeifer/und/Kampflaeufer")
CHAT_KEY = Secret("key in the URL of a chat", "Ew9Bekassine-und-Uferschnepfe")
PUSH_TOKEN = Secret("token of a push service", "Ai2Nachtreiher_und_Loeffler")
REFUSED_HOOK = Secret("secret of a channel in a refused body", "Ox5Rotschenkel\\und'Austernfischer")
MAIL_LOGIN = Secret("password of the mail server", "Qc6Trottellumme%und+Papageitaucher")
JWT_KEY = Secret("JWT key", "Vd3Steinschmaetzer_und_Wendehals_und_Kiebitz")
CREDENTIALS_KEY = Secret(
    "credentials key", base64.b64encode(b"Sg6Wasseramsel+unter+der+Bruecke")[:44].decode()
)
RAW_CREDENTIALS_KEY = Secret("credentials key, decoded", "Sg6Wasseramsel+unter+der+Bruecke")
METRICS_TOKEN = Secret("metrics token", "Tk5Mauersegler-ueber-den-Daechern")

SETTINGS = {
    "ADMIN_PASSWORD": LOGIN.text,
    "JWT_SECRET_KEY": JWT_KEY.text,
    "CREDENTIALS_KEYS": CREDENTIALS_KEY.text,
    "METRICS_TOKEN": METRICS_TOKEN.text,
}
ALL = (
    *MAILBOX,
    OTHER,
    CHANGED,
    REFUSED,
    CLIENT,
    REFRESH,
    LOGIN,
    NEW_LOGIN,
    GUESSED_LOGIN,
    USER_LOGIN,
    HOOK_KEY,
    HOOK_HEADER,
    CHAT_KEY,
    PUSH_TOKEN,
    REFUSED_HOOK,
    MAIL_LOGIN,
    JWT_KEY,
    CREDENTIALS_KEY,
    RAW_CREDENTIALS_KEY,
    METRICS_TOKEN,
)

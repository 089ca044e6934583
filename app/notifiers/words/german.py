"""German."""

from app.domain.enums import ErrorCode, WarningCode
from app.notifiers.words.lexicon import Lexicon

GERMAN = Lexicon(
    titles={
        ErrorCode.TARGET_FORBIDDEN: "Adresse nicht erlaubt",
        ErrorCode.DNS_FAILURE: "Hostname nicht gefunden",
        ErrorCode.CONNECTION_REFUSED: "Verbindung abgewiesen",
        ErrorCode.CONNECTION_FAILED: "Server nicht erreichbar",
        ErrorCode.CONNECTION_CLOSED: "Verbindung abgebrochen",
        ErrorCode.TIMEOUT: "keine Antwort innerhalb der Zeit",
        ErrorCode.TLS_FAILURE: "Verschlüsselung gescheitert",
        ErrorCode.CERTIFICATE_EXPIRED: "Zertifikat abgelaufen",
        ErrorCode.CERTIFICATE_NOT_YET_VALID: "Zertifikat noch nicht gültig",
        ErrorCode.CERTIFICATE_NAME_MISMATCH: "Zertifikat für anderen Namen",
        ErrorCode.CERTIFICATE_UNTRUSTED: "Zertifikat nicht vertrauenswürdig",
        ErrorCode.STARTTLS_UNAVAILABLE: "Verschlüsselung nicht angeboten",
        ErrorCode.GREETING_REJECTED: "vom Server weggeschickt",
        ErrorCode.PROTOCOL_ERROR: "unverständliche Antwort",
        ErrorCode.LOGIN_DISABLED: "Anmeldung nicht erlaubt",
        ErrorCode.AUTHENTICATION_FAILED: "Anmeldung abgelehnt",
        ErrorCode.TEMPORARILY_UNAVAILABLE: "Server sagt: später",
        ErrorCode.OAUTH_FAILED: "kein Zugriffstoken",
        ErrorCode.MAILBOX_UNAVAILABLE: "Postfach lässt sich nicht öffnen",
        ErrorCode.INTERNAL_ERROR: "Prüfung selbst gescheitert",
        WarningCode.CERTIFICATE_EXPIRING: "Zertifikat läuft bald ab",
        WarningCode.SLOW_RESPONSE: "langsame Antworten",
        WarningCode.MAILBOX_STALE: "keine neue Post",
    },
    advice={
        ErrorCode.TARGET_FORBIDDEN: (
            "Der Hostname führt in ein internes Netz: korrigieren Sie ihn, oder lassen Sie den Betreiber "
            "dieses Netz erlauben (TARGET_ALLOW)."
        ),
        ErrorCode.DNS_FAILURE: (
            "Suchen Sie nach einem Tippfehler im Hostnamen, und fragen Sie den Nameserver danach."
        ),
        ErrorCode.CONNECTION_REFUSED: "Prüfen Sie, ob der Maildienst läuft und ob der Port stimmt.",
        ErrorCode.CONNECTION_FAILED: "Prüfen Sie das Netz des Servers, seine Routen und seine Firewall.",
        ErrorCode.CONNECTION_CLOSED: (
            "Sehen Sie ins Protokoll des Servers: So endet es bei einem Absturz, einer Grenze oder einer "
            "Sperre."
        ),
        ErrorCode.TIMEOUT: (
            "Finden Sie heraus, warum der Server langsam ist oder schweigt, oder erhöhen Sie das "
            "Zeitlimit des Monitors."
        ),
        ErrorCode.TLS_FAILURE: (
            "Prüfen Sie, ob der Port für TLS gedacht ist und welche TLS-Versionen der Server beherrscht."
        ),
        ErrorCode.CERTIFICATE_EXPIRED: "Erneuern Sie das Zertifikat des Servers.",
        ErrorCode.CERTIFICATE_NOT_YET_VALID: (
            "Prüfen Sie die Uhr des Servers und die Daten seines Zertifikats."
        ),
        ErrorCode.CERTIFICATE_NAME_MISMATCH: (
            "Verwenden Sie den Namen aus dem Zertifikat, oder besorgen Sie ein Zertifikat für diesen Namen."
        ),
        ErrorCode.CERTIFICATE_UNTRUSTED: (
            "Lassen Sie den Server seine ganze Zertifikatskette senden; das Zertifikat einer eigenen "
            "Stelle hinterlegen Sie beim Monitor (tlsOptions.ca)."
        ),
        ErrorCode.STARTTLS_UNAVAILABLE: (
            "Schalten Sie TLS am Server ein, oder verwenden Sie seinen TLS-Port; es wurde kein Passwort "
            "gesendet."
        ),
        ErrorCode.GREETING_REJECTED: (
            "Lesen Sie den Text des Servers: Vielleicht hat er unsere Adresse gesperrt."
        ),
        ErrorCode.PROTOCOL_ERROR: "Prüfen Sie, ob dieser Port das Protokoll des Monitors spricht.",
        ErrorCode.LOGIN_DISABLED: (
            "Schalten Sie TLS für diesen Monitor ein, oder wählen Sie eine andere Art der Anmeldung."
        ),
        ErrorCode.AUTHENTICATION_FAILED: (
            "Korrigieren Sie Benutzername und Passwort des Monitors, oder entsperren Sie das Konto."
        ),
        ErrorCode.TEMPORARILY_UNAVAILABLE: (
            "Warten Sie etwas; hält es an, prüfen Sie seltener und suchen Sie nach anderen Programmen, "
            "die dieses Postfach benutzen."
        ),
        ErrorCode.OAUTH_FAILED: (
            "Prüfen Sie die oauth2-Einstellungen des Monitors; ist ein Refresh-Token abgelaufen, melden "
            "Sie sich neu an."
        ),
        ErrorCode.MAILBOX_UNAVAILABLE: (
            "Prüfen Sie Namen und Speicherplatz des Postfachs, und fragen Sie den Administrator des Servers."
        ),
        ErrorCode.INTERNAL_ERROR: (
            "Der Fehler liegt bei uns: Sagen Sie es dem Betreiber von Pillarbox, dessen Protokoll mehr weiß."
        ),
        WarningCode.CERTIFICATE_EXPIRING: "Erneuern Sie das Zertifikat des Servers, bevor es abläuft.",
        WarningCode.SLOW_RESPONSE: "Finden Sie heraus, warum der Server länger braucht als er sollte.",
        WarningCode.MAILBOX_STALE: (
            "Finden Sie heraus, warum keine Post ankommt: Senden Sie eine Testmail, und sehen Sie in die "
            "Warteschlangen auf ihrem Weg."
        ),
    },
    heads={
        "alert": "AUSFALL",
        "alert_warning": "WARNUNG",
        "reminder": "WEITERHIN AUSFALL",
        "reminder_warning": "WEITERHIN WARNUNG",
        "recovery": "WIEDER DA",
        "recovery_warning": "ERLEDIGT",
        "not_watched": "NICHT MEHR ÜBERWACHT",
        "test": "TEST",
    },
    openings={
        "alert": "Das Postfach „{mailbox}“ funktioniert nicht.",
        "alert_warning": "Das Postfach „{mailbox}“ funktioniert, aber es gibt etwas zu tun.",
        "reminder": "Das Postfach „{mailbox}“ funktioniert weiterhin nicht, seit {duration}.",
        "reminder_warning": "Am Postfach „{mailbox}“ gibt es weiterhin etwas zu tun, seit {duration}.",
        "recovery": "Das Postfach „{mailbox}“ funktioniert wieder, nach {duration}.",
        "recovery_warning": "Mit dem Postfach „{mailbox}“ ist wieder alles in Ordnung, nach {duration}.",
        "not_watched": (
            "Das Postfach „{mailbox}“ wird nicht mehr überwacht, also sieht niemand, ob es funktioniert. "
            "Das Problem war bis dahin seit {duration} offen."
        ),
        "test": "Dies ist ein Test, es ist nichts passiert: Nachrichten von {organization} kommen hier an.",
    },
    labels={
        "mailbox": "Postfach",
        "server": "Server",
        "customer": "Kunde",
        "problem": "Problem",
        "since": "Seit",
        "until": "Bis",
        "location": "Gesehen von",
        "details": "Einzelheiten",
        "advice": "Was zu tun ist",
        "transcript": "Was gesagt wurde",
        "link": "Vorfall",
        "sender": "Gesendet von Pillarbox für {organization}.",
    },
    # In the dative, as they stand behind "seit" and "nach".
    units={
        "day": ("Tag", "Tagen"),
        "hour": ("Stunde", "Stunden"),
        "minute": ("Minute", "Minuten"),
        "second": ("Sekunde", "Sekunden"),
    },
    months=(
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ),
    date="{day}. {month} {year}, {time} Uhr ({zone})",
    since="seit {time}",
    after="nach {duration}",
)

"""One notice as an e-mail: plain text and HTML, in a thread with the others of its incident."""

import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formatdate, make_msgid, parseaddr

import idna

from app.domain.notification import Notice
from app.net.text import Cleaner
from app.notifiers.failure import UndeliveredError
from app.notifiers.messages import compose

MAX_SUBJECT = 200
MAX_NAME = 255
ID_HEADER = "X-Pillarbox-Message-Id"
"""The idempotency key, equal for all attempts to deliver one message."""
_tidy = Cleaner()
_ADDRESS = re.compile(r"[^\s@<>]+@[^\s@<>]+")


def letter(notice: Notice, to: str, name: str | None, sender: str | None) -> EmailMessage:
    """Raises UndeliveredError for addresses that are none."""
    message = compose(notice)
    from_address = _sender(sender)
    mail = _letter(message.subject, _recipient(to, name), from_address)
    # RFC 5322, 3.6.4: made from what stays the same, so that a mail that comes twice is known again.
    mail["Message-ID"] = f"<{notice.id}@{from_address.domain}>"
    mail["References"] = f"<incident.{notice.incident.public_id}@{from_address.domain}>"
    mail["Date"] = format_datetime(notice.sent_at)
    mail[ID_HEADER] = str(notice.id)
    mail["X-Pillarbox-Event"] = notice.event.value
    mail["Content-Language"] = notice.language.value
    mail.set_content(message.text)
    mail.add_alternative(message.html, subtype="html")
    return mail


def plain_letter(to: str, subject: str, text: str, sender: str | None) -> EmailMessage:
    """A mail to the operator. Raises UndeliveredError for addresses that are none."""
    from_address = _sender(sender)
    mail = _letter(subject, _recipient(to, None), from_address)
    mail["Message-ID"] = make_msgid(domain=from_address.domain)
    mail["Date"] = formatdate()
    mail.set_content(text)
    return mail


def _letter(subject: str, to: Address, sender: Address) -> EmailMessage:
    mail = EmailMessage(policy=SMTP)
    # Cleaned of line breaks: behind one, another header would begin.
    mail["Subject"] = _tidy(subject, MAX_SUBJECT)
    mail["From"], mail["To"] = sender, to
    # RFC 3834: no out-of-office notes, and none of ours in answer to one.
    mail["Auto-Submitted"] = "auto-generated"
    return mail


def _sender(text: str | None) -> Address:
    name, address = parseaddr(text or "")
    if not address:
        raise UndeliveredError("MAIL_FROM is not set, so no e-mail can be sent.", is_final=True)
    return _recipient(address, name)


def _recipient(address: str, name: str | None) -> Address:
    """With the domain in ASCII; the name before the @ stays as it is, which not every server takes."""
    if not _ADDRESS.fullmatch(address):
        raise UndeliveredError("The e-mail address is none.", is_final=True)
    user, _, domain = address.partition("@")
    try:
        domain = domain if domain.isascii() else idna.encode(domain, uts46=True).decode("ascii")
        return Address(_tidy(name or "", MAX_NAME), user, domain)
    except (idna.IDNAError, ValueError):
        raise UndeliveredError("The e-mail address is none.", is_final=True) from None

"""Where people are reached: e-mail addresses and phone numbers."""

import re

from email_validator import EmailNotValidError, validate_email

PHONE_PATTERN = r"\+[1-9][0-9]{6,14}"
MAX_EMAIL = 320

_PHONE = re.compile(PHONE_PATTERN)


class AddressError(ValueError):
    """The text is no address; it says what it must be."""


def normalise_email(text: str) -> str:
    """The address in one spelling. Raises AddressError.

    Not deliverable from here may still be deliverable from there, so no look-ups.
    """
    try:
        return validate_email(text, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError:
        raise AddressError("must be an e-mail address") from None


def require_phone(text: str) -> str:
    """The number itself, in E.164 form. Raises AddressError for anything else."""
    if not _PHONE.fullmatch(text):
        raise AddressError("must be a phone number in E.164 form, such as +4915112345678")
    return text

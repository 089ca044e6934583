"""How far numbers may go that people set in more than one place."""

MAX_CHECKS = 100
MAX_REMINDER_MINUTES = 7 * 24 * 60
MAX_TOKEN_DAYS = 365
MIN_PASSWORD, MAX_PASSWORD = 12, 1024

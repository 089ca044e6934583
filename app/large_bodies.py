"""The one route that takes more than a small body: what the API and the web process have to know of it."""

PATH = "/api/imap-pop-monitors/apply"
MAX_BYTES = 10 * 1024 * 1024

BYTES_PER_SECOND = 64 * 1024
"""The slowest line that is waited for; 10 MiB take 160 s on it."""

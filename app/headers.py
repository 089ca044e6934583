"""Headers of every answer, whoever gives it: the application, or the web server before it gets there.

gunicorn's master loads this with `app.web`, so it holds constants and imports nothing.
"""

REQUEST_ID = "X-Request-Id"

# Nothing may be loaded from anywhere but here, and no script or style may stand in a page.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    # The policy's frame-ancestors, for browsers that do not know it.
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    # Other sites must not embed an answer; what CORS_ORIGINS lets them fetch, this leaves alone.
    "Cross-Origin-Resource-Policy": "same-origin",
}

STRICT_TRANSPORT_SECURITY = "max-age=31536000"
"""A year, for this host alone: what else the domain serves is not ours to decide."""

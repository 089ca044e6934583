"""TLS: contexts made once per policy, the handshake, and why one failed."""

import re
import ssl
import threading
import warnings
from collections.abc import Callable
from functools import lru_cache

from app.domain.enums import ErrorCode
from app.domain.target import TlsPolicy
from app.net.failure import CheckError
from app.net.sockets import GuardedSocket, GuardedTlsSocket, closed, is_lost, reason_of
from app.net.text import has_control_characters
from app.net.transcript import Transcript

MAX_CONTEXTS = 64
OP_LEGACY_SERVER_CONNECT = 0x4
"""Servers without secure renegotiation (RFC 5746); ssl names it from Python 3.12 on."""
_MAKING = threading.Lock()

MINIMUM_VERSIONS = {
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}

# Verification results of OpenSSL (x509_vfy.h); whatever is not listed means that no trust was found.
CERTIFICATE_FAILURES = {
    9: ErrorCode.CERTIFICATE_NOT_YET_VALID,
    10: ErrorCode.CERTIFICATE_EXPIRED,
    62: ErrorCode.CERTIFICATE_NAME_MISMATCH,
    64: ErrorCode.CERTIFICATE_NAME_MISMATCH,
}
CERTIFICATE_MESSAGES = {
    ErrorCode.CERTIFICATE_NOT_YET_VALID: "The server's certificate is not valid yet.",
    ErrorCode.CERTIFICATE_EXPIRED: "The server's certificate has expired.",
    ErrorCode.CERTIFICATE_NAME_MISMATCH: "The server's certificate is not made out to {name}.",
    ErrorCode.CERTIFICATE_UNTRUSTED: "The server's certificate is not trusted: {reason}.",
}
NO_TLS_SPOKEN = frozenset({"WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"})
"""What OpenSSL says when the other side answers in clear text (the last since OpenSSL 3.2)."""

# A block that is cut off goes on to the end, so that it is refused and not overlooked.
_CERTIFICATES = re.compile(
    r"^\ufeff?(-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----.*?(?:-----END \2-----|\Z))",
    re.DOTALL | re.MULTILINE,
)


def context_for(policy: TlsPolicy) -> ssl.SSLContext:
    """The shared context of a policy. Never reconfigure it: other threads are using it.

    Making one with the system's authorities costs as much as twenty checks, so it happens once, and the
    lock keeps a burst of first checks from each making its own.
    """
    with _MAKING:
        return _make_context(policy)


@lru_cache(maxsize=MAX_CONTEXTS)
def _make_context(policy: TlsPolicy) -> ssl.SSLContext:
    if policy.verify:
        context = ssl.create_default_context(cadata=_certificates(policy.ca) if policy.ca else None)
        # An authority given by hand is trusted as it is, without a root above it.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN if policy.ca else 0
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if policy.is_legacy:
        _relax(context)
    if policy.minimum_version is not None:
        context.minimum_version = MINIMUM_VERSIONS[policy.minimum_version]
    return context


def _relax(context: ssl.SSLContext) -> None:
    """All three are needed: a version alone is refused for its signatures or its renegotiation."""
    with warnings.catch_warnings():
        # Python calls the old versions deprecated, which is why somebody has to ask for them.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.options |= OP_LEGACY_SERVER_CONNECT


def _certificates(bundle: str) -> str:
    """The certificates of a bundle without the words beside them, which ssl refuses unless they are ASCII.

    Raises ValueError when there is none: ssl would take an empty bundle for a wish for the system's own.
    """
    certificates = "\n".join(found[1] for found in _CERTIFICATES.finditer(bundle))
    if not certificates or not certificates.isascii():
        raise ValueError("no certificates in PEM")
    return certificates


def _unchanged(text: str) -> str:
    return text


def shake_hands(
    sock: GuardedSocket,
    policy: TlsPolicy,
    name: str,
    transcript: Transcript | None = None,
    clean: Callable[[str], str] = _unchanged,
) -> GuardedTlsSocket:
    """TLS over a connection; the certificate has to be for `name`, unless the policy says otherwise.

    Raises CheckError; the connection is then still to be closed by the caller.
    """
    _require_server_name(name)
    secured = GuardedTlsSocket(sock, _context(policy), name, transcript)
    try:
        secured.do_handshake()
    except ssl.SSLCertVerificationError as error:
        raise _certificate_failure(error, clean(name)) from None
    except ssl.SSLError as error:
        raise _handshake_failure(error) from None
    return secured


def _require_server_name(name: str) -> None:
    """Raises CheckError for what is no name to ask for: ssl raises anything over a bad one."""
    try:
        name.encode("idna")
    except UnicodeError:
        raise CheckError(ErrorCode.TLS_FAILURE, "The TLS server name given is no host name.") from None
    if has_control_characters(name):
        raise CheckError(ErrorCode.TLS_FAILURE, "The TLS server name given contains control characters.")


def _context(policy: TlsPolicy) -> ssl.SSLContext:
    try:
        return context_for(policy)
    except (ssl.SSLError, ValueError):
        raise CheckError(
            ErrorCode.TLS_FAILURE, "The authority certificates (`ca`) given are not readable as PEM."
        ) from None


def _certificate_failure(error: ssl.SSLCertVerificationError, name: str) -> CheckError:
    code = CERTIFICATE_FAILURES.get(error.verify_code, ErrorCode.CERTIFICATE_UNTRUSTED)
    return CheckError(code, CERTIFICATE_MESSAGES[code].format(name=name, reason=error.verify_message))


def _handshake_failure(error: ssl.SSLError) -> CheckError:
    if is_lost(error):
        return closed()
    if error.reason in NO_TLS_SPOKEN:
        return CheckError(ErrorCode.TLS_FAILURE, "The server does not speak TLS on this port.")
    return CheckError(ErrorCode.TLS_FAILURE, f"The TLS handshake failed: {reason_of(error)}.")

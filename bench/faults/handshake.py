"""TLS that fails: certificates of every kind, versions that do not meet, broken handshakes."""

import ssl
from collections.abc import Iterator
from typing import Any

from app.domain.enums import CheckStatus, ErrorCode, Phase, Protocol, Security, WarningCode
from app.domain.target import TlsPolicy
from bench.faults.cell import STARTTLS, SUCCESS, TLS, Cell, Verdict, error, script_at
from tests.fakes import faults, handshakes
from tests.fakes.server import Conversation, Script, Step

CERTIFICATES = "certificates"
HANDSHAKES = "TLS handshakes"
ENCRYPTED = [(protocol, security) for protocol in Protocol for security in (STARTTLS, TLS)]

KINDS = {
    "expired": ErrorCode.CERTIFICATE_EXPIRED,
    "expired_intermediate": ErrorCode.CERTIFICATE_EXPIRED,
    "not_yet_valid": ErrorCode.CERTIFICATE_NOT_YET_VALID,
    "wrong_name": ErrorCode.CERTIFICATE_NAME_MISMATCH,
    "wildcard": ErrorCode.CERTIFICATE_NAME_MISMATCH,
    "common_name_only": ErrorCode.CERTIFICATE_NAME_MISMATCH,
    "untrusted": ErrorCode.CERTIFICATE_UNTRUSTED,
    "self_signed": ErrorCode.CERTIFICATE_UNTRUSTED,
    "missing_intermediate": ErrorCode.CERTIFICATE_UNTRUSTED,
    "bad_signature": ErrorCode.CERTIFICATE_UNTRUSTED,
    "for_clients": ErrorCode.CERTIFICATE_UNTRUSTED,
    "weak_key": ErrorCode.CERTIFICATE_UNTRUSTED,
}
TOO_OLD = {"TLS 1.0 only": ssl.TLSVersion.TLSv1, "TLS 1.1 only": ssl.TLSVersion.TLSv1_1}
FAILED = error(ErrorCode.TLS_FAILURE, Phase.TLS)


def cells() -> Iterator[Cell]:
    for protocol, security in ENCRYPTED:
        yield from _certificates(protocol, security)
        yield from _versions(protocol, security)
        yield from _broken(protocol, security)


def _certificates(protocol: Protocol, security: Security) -> Iterator[Cell]:
    def cell(fault: str, kind: str, verdict: Verdict, **target: Any) -> Cell:
        return Cell(CERTIFICATES, fault, protocol, security, (verdict,), certificate=kind, target=target)

    for kind, code in KINDS.items():
        yield cell(f"certificate {kind.replace('_', ' ')}", kind, error(code, Phase.TLS))
    mismatch = error(ErrorCode.CERTIFICATE_NAME_MISMATCH, Phase.TLS)
    yield cell("certificate for another name than asked for", "good", mismatch, tls_servername="x.example")
    ending = Verdict(CheckStatus.WARNING, WarningCode.CERTIFICATE_EXPIRING)
    off = TlsPolicy(verify=False)
    yield cell("certificate near its end", "good", ending, certificate_warning_days=400)
    yield cell("certificate expired, not verified", "expired", ending, tls=off)
    yield cell("certificate self signed, not verified", "self_signed", SUCCESS, tls=off)
    yield cell("certificate by an intermediate", "good_by_intermediate", SUCCESS)


def _versions(protocol: Protocol, security: Security) -> Iterator[Cell]:
    def cell(fault: str, version: ssl.TLSVersion, verdict: Verdict, minimum: str | None = None) -> Cell:
        script = _handshake(protocol, security, handshakes.speak_only(version))
        policy = TlsPolicy(minimum_version=minimum)
        return Cell(HANDSHAKES, fault, protocol, security, (verdict,), script, target={"tls": policy})

    for name, version in TOO_OLD.items():
        yield cell(name, version, FAILED)
    yield cell("TLS 1.2 only where 1.3 is required", ssl.TLSVersion.TLSv1_2, FAILED, "TLSv1.3")
    yield cell("TLS 1.2 only", ssl.TLSVersion.TLSv1_2, SUCCESS)
    yield cell("TLS 1.3 only", ssl.TLSVersion.TLSv1_3, SUCCESS, "TLSv1.3")


def _broken(protocol: Protocol, security: Security) -> Iterator[Cell]:
    def cell(fault: str, step: Step, verdict: Verdict = FAILED, **others: Any) -> Cell:
        script = _handshake(protocol, security, step)
        return Cell(HANDSHAKES, fault, protocol, security, (verdict,), script, **others)

    for name in handshakes.ALERTS:
        yield cell(f"TLS alert: {name}", handshakes.alert(name))
    yield cell("forged signature in the handshake", handshakes.forge_signature)
    random = b"\x16\x03\x03\x00\x40" + bytes(range(64))
    yield cell("random bytes as handshake", [_hello, random, faults.silence])
    yield cell("garbage as handshake", [_hello, faults.garbage, faults.silence])
    too_much = error(ErrorCode.PROTOCOL_ERROR, Phase.TLS)
    yield cell("endless handshake", [_hello, faults.flood(handshakes.HELLO_REQUESTS)], too_much)
    for rung in ("login", "mailbox"):
        yield Cell(
            HANDSHAKES, f"TLS breaks down, {rung}", protocol, security, (error(ErrorCode.TLS_FAILURE, rung),),
            script={rung: [handshakes.break_down, faults.silence]},
        )  # fmt: skip


def _hello(conversation: Conversation) -> None:
    conversation.receive()


def _handshake(protocol: Protocol, security: Security, step: Step) -> Script:
    return script_at(protocol, security, "tls", step)

"""A real SMTP server (aiosmtpd) on a free loopback port, in a thread: it keeps mail, refuses it, or hangs."""

import asyncio
import ssl
from collections.abc import Coroutine
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from threading import Thread
from types import TracebackType
from typing import Any, Self, TypeVar, cast
from urllib.parse import quote

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from app.domain.enums import Security
from tests.parts.certificates import server_context

HOST = "127.0.0.1"
THREAD_SECONDS = 5.0
OK = "250 2.0.0 Taken"
T = TypeVar("T")


@dataclass(frozen=True)
class Mail:
    """One message as it came over the wire, and what was told around it."""

    sender: str
    recipients: tuple[str, ...]
    data: bytes = field(repr=False)
    is_secured: bool
    user: str | None

    @property
    def message(self) -> EmailMessage:
        return cast("EmailMessage", message_from_bytes(self.data, policy=policy.default))

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        return self._part("plain")

    @property
    def html(self) -> str:
        return self._part("html")

    def _part(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        return "" if part is None else str(part.get_content())


class SmtpSink:
    """Use it as a context manager; everything but the security and the login may be changed while it runs."""

    def __init__(
        self,
        security: Security = Security.PLAIN,
        *,
        user: str | None = None,
        password: str | None = None,
        certificate: str = "good",
        host: str = HOST,
        port: int = 0,
    ) -> None:
        """`user` and `password` have to be given by whoever sends; `certificate` is one of KINDS."""
        self.security = security
        self.user, self.password = user, password
        self.host, self.port = host, port
        self.mails: list[Mail] = []
        self.connections = 0
        self.refusals: dict[str, str] = {}
        """Recipient -> the answer to it, `550 5.1.1 No such user here` say."""
        self.answer = OK
        """To a whole message; it is kept only where this is a 2xx."""
        self.hangs_at: str | None = None
        """The command that is never answered: EHLO, AUTH, MAIL, RCPT or DATA (behind the message)."""
        self._context = None if security is Security.PLAIN else server_context(certificate)
        self._waiting: set[asyncio.Future[None]] = set()

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._run(self._listen())
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(THREAD_SECONDS)
        self._loop.close()

    @property
    def url(self) -> str:
        """What SMTP_URL is to be for it."""
        login = f"{quote(self.user, '')}:{quote(self.password or '', '')}@" if self.user else ""
        scheme = "smtps" if self.security is Security.TLS else "smtp"
        starttls = "?starttls=required" if self.security is Security.STARTTLS else ""
        return f"{scheme}://{login}{self.host}:{self.port}{starttls}"

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(THREAD_SECONDS)

    async def _listen(self) -> asyncio.Server:
        at_once = self._context if self.security is Security.TLS else None
        return await self._loop.create_server(self._protocol, self.host, self.port, ssl=at_once)

    def _protocol(self) -> SMTP:
        self.connections += 1
        later = self._context if self.security is Security.STARTTLS else None
        return _Protocol(
            _Handler(self),
            hostname="sink.example",
            tls_context=later,
            require_starttls=later is not None,
            authenticator=self._authenticate if self.user else None,
            auth_require_tls=False,
            loop=self._loop,
        )

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        is_right = isinstance(data, LoginPassword) and (data.login, data.password) == (
            (self.user or "").encode(),
            (self.password or "").encode(),
        )
        return AuthResult(success=is_right, handled=False, auth_data=self.user)

    async def _stop(self) -> None:
        self._server.close()
        for waiting in self._waiting:
            waiting.cancel()
        others = asyncio.all_tasks(self._loop) - {cast("asyncio.Task[Any]", asyncio.current_task())}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def hang(self, command: str) -> None:
        """Wait for the end of the sink, if the command is the one to hang at."""
        if self.hangs_at == command:
            waiting = self._loop.create_future()
            self._waiting.add(waiting)
            await waiting


class _Protocol(SMTP):
    """aiosmtpd's own, for AUTH has no hook that could wait."""

    async def smtp_AUTH(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
        await cast("_Handler", self.event_handler).sink.hang("AUTH")
        await super().smtp_AUTH(arg)


class _Handler:
    """What aiosmtpd asks at each command (aiosmtpd docs, "Handlers")."""

    def __init__(self, sink: SmtpSink) -> None:
        self.sink = sink

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's names, here and below
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        await self.sink.hang("EHLO")
        session.host_name = hostname
        return responses

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await self.sink.hang("MAIL")
        if self.sink.user and not session.authenticated:
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Sender ok"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await self.sink.hang("RCPT")
        if address in self.sink.refusals:
            return self.sink.refusals[address]
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 Recipient ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.sink.answer.startswith("2"):
            self._keep(session, envelope)
        await self.sink.hang("DATA")
        return self.sink.answer

    def _keep(self, session: Session, envelope: Envelope) -> None:
        assert isinstance(envelope.content, bytes)
        self.sink.mails.append(
            Mail(
                sender=envelope.mail_from or "",
                recipients=tuple(envelope.rcpt_tos),
                data=envelope.content,
                is_secured=self.sink.security is Security.TLS
                or isinstance(session.ssl, ssl.SSLObject | dict),
                user=cast("str | None", session.auth_data) if session.authenticated else None,
            )
        )

"""Who watches the monitor: the scheduler looks at itself, tells its operator, and pings while it is well."""

from collections.abc import Callable
from datetime import datetime

from app.config import Settings
from app.domain.enums import TroubleKind
from app.domain.notification import Delivery
from app.domain.trouble import Belief, message
from app.extensions import DATABASE_AWAY, db
from app.log import get_logger
from app.services import heartbeat, operator_mails, troubles
from app.services.operator_mails import ClaimedMail
from app.worker.pulse import Pulse

log = get_logger(__name__)

LOOK_SECONDS = 60
MailFunction = Callable[[str, str], Delivery]


class Watch:
    """Its methods are jobs: they get the location and the time, in an application context.

    `mail` sends a subject and a text to the operator; None where there is nobody to be told.
    """

    def __init__(self, settings: Settings, pulse: Pulse, mail: MailFunction | None) -> None:
        self._settings = settings
        self._pulse = pulse
        self._mail = mail
        self._beliefs = dict.fromkeys(TroubleKind, Belief())
        self._told_of_outage: tuple[datetime | None, bool] = (None, False)
        """Kept here, because it has to be known while the database is away."""
        self._unsent: set[TroubleKind] = set()
        self._heartbeat_fault: str | None = None

    def ping(self, location_id: int, now: datetime) -> None:
        """Tell the dead man's switch that all is well; or nothing, and its alarm is raised."""
        url = self._settings.heartbeat_url
        if url is None:
            return
        fault = self._pulse.fault() or heartbeat.fault(
            location_id, now, checks_per_host=self._settings.checks_per_host
        )
        db.session.commit()  # or a connection would be held while somebody takes 10 s to answer
        if fault:
            if self._is_new(fault):
                log.error("heartbeat_withheld", reason=fault)
        elif status := heartbeat.ping(url):
            if self._is_new(str(status)):
                log.error("heartbeat_failed", status=status)
        elif self._is_new(None):
            log.info("heartbeat_sent_again")

    def _is_new(self, fault: str | None) -> bool:
        before, self._heartbeat_fault = self._heartbeat_fault, fault
        return fault != before

    def tell_operator(self, location_id: int, now: datetime) -> None:
        """Look for trouble; log, and mail, what begins and what is over."""
        for kind, since in self._look(location_id, now).items():
            before, belief = self._beliefs[kind], self._beliefs[kind].after(since)
            self._beliefs[kind] = belief
            if belief.is_trouble and not before.is_trouble:
                log.error("trouble_begun", kind=kind, since=belief.since)
            elif before.is_trouble and not belief.is_trouble:
                log.info("trouble_over", kind=kind, since=belief.since)
            if self._mail is not None and belief.is_trouble is not None:
                self._tell(location_id, kind, belief, now, self._mail)

    def _look(self, location_id: int, now: datetime) -> dict[TroubleKind, datetime | None]:
        seen: dict[TroubleKind, datetime | None] = {}
        is_away = False
        try:
            seen = troubles.look(location_id, now, checks_per_host=self._settings.checks_per_host)
            db.session.commit()
        except DATABASE_AWAY:
            db.session.rollback()
            is_away = True
        # Without the others: while the database is away nobody knows how they are.
        return seen | {TroubleKind.DATABASE_AWAY: now if is_away or self._pulse.is_held_up else None}

    def _tell(
        self, location_id: int, kind: TroubleKind, belief: Belief, now: datetime, mail: MailFunction
    ) -> None:
        claimed = self._claim(location_id, kind, now, is_over=not belief.is_trouble)
        if claimed is None:
            return
        since = belief.since or claimed.before[0] or now
        subject, text = message(kind, self._settings.location_code, since, now, is_over=claimed.is_over)
        outcome = mail(subject, text)
        if not outcome.is_sent and not outcome.is_final:
            self._give_back(location_id, claimed)
        self._note_mail(kind, outcome)

    def _claim(
        self, location_id: int, kind: TroubleKind, now: datetime, *, is_over: bool
    ) -> ClaimedMail | None:
        if kind is not TroubleKind.DATABASE_AWAY:
            claimed = operator_mails.claim(location_id, kind, now, is_over=is_over)
            db.session.commit()
            return claimed
        before = self._told_of_outage
        after = operator_mails.next_state(before, now, is_over=is_over)
        if after is None:
            return None
        self._told_of_outage = after
        return ClaimedMail(kind, is_over, before, after)

    def _give_back(self, location_id: int, claimed: ClaimedMail) -> None:
        if claimed.kind is TroubleKind.DATABASE_AWAY:
            self._told_of_outage = claimed.before
        else:
            operator_mails.give_back(location_id, claimed)
            db.session.commit()

    def _note_mail(self, kind: TroubleKind, outcome: Delivery) -> None:
        """A mail that cannot be sent is tried again each minute, and said once."""
        if outcome.is_sent:
            self._unsent.discard(kind)
            log.info("operator_mailed", kind=kind)
        elif kind not in self._unsent:
            self._unsent.add(kind)
            log.error("operator_mail_failed", kind=kind, error=outcome.error)

"""Check results summed up by hour and by day: kept for years, when the results themselves are long gone."""

from sqlalchemy import Column, ForeignKey, Integer, PrimaryKeyConstraint, Table

from app.domain.enums import Phase
from app.domain.rollup import BUCKETS_MS, Period
from app.models.base import Base, BigId, UtcDateTime, enum_type

RUNGS = {phase: f"{phase.value}_ms" for phase in Phase}
"""For each rung the column with the milliseconds spent on it."""
BUCKETS = (*(f"within_{bound}_ms" for bound in BUCKETS_MS), "longer")
"""The columns of the histogram, in the order of `domain.rollup.bucket_of`."""
SUMS = ("checks", "warnings", "failures", "duration_ms", *RUNGS.values(), *BUCKETS)


class CheckRollup(Base):
    """`duration_ms`, the rungs and the histogram are of the checks that did not fail.

    A failed one took as long as its server, or its deadline, would have it.
    """

    __table__ = Table(
        "check_rollups",
        Base.metadata,
        Column("monitor_id", BigId, ForeignKey("monitors.id", ondelete="CASCADE"), nullable=False),
        Column("location_id", BigId, ForeignKey("locations.id"), nullable=False),
        Column("period", enum_type(Period, "period"), nullable=False),
        Column("started_at", UtcDateTime, nullable=False),
        *(Column(name, Integer, nullable=False, server_default="0") for name in SUMS),
        PrimaryKeyConstraint("monitor_id", "period", "started_at", "location_id"),
        # Updated at every check: room on the page keeps PostgreSQL's updates cheap.
        postgresql_with={"fillfactor": 70},
        sqlite_with_rowid=False,
    )

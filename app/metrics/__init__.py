"""What the processes count of their own work, for Prometheus (docs/metrics.md).

`web` and `scheduler` have the figures of the two kinds of process, `database` what both do there. What the
database itself can tell is not counted: app/services/figures.py reads it when it is asked.

No label may take values that grow without bound: no monitor, host name, customer or path as it was sent.
"""

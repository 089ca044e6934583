"""Months of checks in a minute, on a virtual clock: false alarms, and how soon the real ones come."""

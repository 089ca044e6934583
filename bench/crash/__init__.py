"""Processes are killed, the database goes away, the disk fills up, the clock jumps: what must still hold."""

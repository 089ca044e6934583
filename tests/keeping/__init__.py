"""Backup, restore, and the way from one kind of database to the other."""

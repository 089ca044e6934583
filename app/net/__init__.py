"""The way to servers that are not ours: resolved, judged, dialled and read within limits, secrets masked.

What checkers and notifiers share. Its one exception is `CheckError`, for notifiers too.
"""

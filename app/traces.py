"""Errors as the log may have them: their kinds and where they come from, without their words."""


def wordless(error: BaseException) -> BaseException:
    """A stand-in that logging shows with the same traceback, and the same errors behind it.

    What an error says often quotes a value: what was sent, what was stored, a secret as likely as not.
    """
    kind = type(error)
    shell: BaseException = type(kind.__qualname__, (Exception,), {"__module__": kind.__module__})()
    if error.__cause__ is not None:
        shell.__cause__ = wordless(error.__cause__)
    elif error.__context__ is not None and not error.__suppress_context__:
        shell.__context__ = wordless(error.__context__)
    return shell.with_traceback(error.__traceback__)

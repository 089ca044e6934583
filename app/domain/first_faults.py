"""What is wrong with a document of thousands of entries: the first faults, and how many more there are."""

MAX_FAULTS = 100
MAX_PATH = 400
"""A path has keys in it that somebody sent, of any length."""


class FirstFaults:
    """Sentences by path. Those beyond MAX_FAULTS are counted and not kept: there may be millions."""

    def __init__(self) -> None:
        self.count = 0
        self._texts: dict[str, list[str]] = {}

    def add(self, path: str, text: str) -> None:
        self.count += 1
        if self.count <= MAX_FAULTS:
            self._texts.setdefault(path[:MAX_PATH], []).append(text)

    def told(self) -> dict[str, list[str]]:
        """What is kept; a fault of the document itself says how many more there are."""
        if self.count <= MAX_FAULTS:
            return self._texts
        more = f"has {self.count - MAX_FAULTS:,} more faults, which are not listed"
        return {**self._texts, "": [*self._texts.get("", []), more]}

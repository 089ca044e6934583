"""What messages are put together from, in each language."""

from collections.abc import Mapping

from app.domain.enums import Language
from app.notifiers.words.english import ENGLISH
from app.notifiers.words.german import GERMAN
from app.notifiers.words.lexicon import Lexicon

LEXICONS: Mapping[Language, Lexicon] = {Language.ENGLISH: ENGLISH, Language.GERMAN: GERMAN}

__all__ = ["LEXICONS", "Lexicon"]

"""The shortcuts of `Cleaner` change nothing: what it masks is what the plain way masks, in every form."""

import base64
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.net.spelling import bare, spellings, traces, traces_of_parts
from app.net.text import Cleaner
from tests.checkers.faking import USER, target_at
from tests.security import plain_cleaner
from tests.security.plain_cleaner import MASK
from tests.security.search import spellings as foreign_spellings

LIMIT = 5_000
# With letters whose case is another letter's, or several.
ODD = "aAbzZ019 \\\"'%&+=~-<>{}/_.!?#ßüÜ\u017f\u212a\u0130\ufb01\u0301€😀ΣÃ"
ORDINARY = st.text("".join(map(chr, range(33, 127))), min_size=8, max_size=30)
TOKENS = st.text("abcXYZ019_-.", min_size=48, max_size=150)
SECRETS = st.one_of(ORDINARY, TOKENS, st.text(ODD, min_size=1, max_size=30))
ASIDES = st.one_of(st.sampled_from(["x", "you sent ", "* NO [AUTH] "]), st.text(ODD, max_size=8))
CHOSEN = [
    "Kx7!pQ2#vR9mT4wZ8sLb",
    "!Kx7!pQ2#vR9mT4wZ8sL!",
    'with "quotes" & back\\slashes~',
    "correct horse battery staple",
    " blanks at its ends ",
    "a-b-c-d-e-f-g-h-i-j",
    "#!?=&%+~<>{}",
    "Straßenbahn für Grüße",
    "\u212aelvin \ufb01ndet \u0130stanbul e\u0301",
    "密码とパスワード",
    "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtb25pdG9yIn0.dGhlLXNpZ25hdHVyZS1vZi1hLXRva2Vu",
]


def cleaner(*secrets: str, is_login_sent: bool = False) -> Cleaner:
    clean = Cleaner(replace(target_at(1), password=None))
    clean.learn(*secrets)
    clean.is_login_sent = is_login_sent
    return clean


def forms_of(secret: str, *, before: bytes = b"A3 LOGIN", behind: bytes = b"") -> list[str]:
    """As our own list has it and as that of the tests does, and inside an encoded line."""
    raw = secret.encode()
    line = base64.b64encode(before + raw + behind).decode()
    theirs = [form.decode("utf-8", "replace") for form in foreign_spellings(secret).values()]
    ours = [*spellings(USER, secret), *traces(secret), *traces_of_parts(secret)]
    return sorted({secret, secret[::-1], bare(secret), line, raw.hex(), *ours, *theirs})


def disguises(form: str) -> list[str]:
    """Changed as servers do it, or by passing through imaplib."""
    folded = [form, form.upper(), form.swapcase(), form.casefold()]
    return [*folded, "  ".join(form.split(" ")), "\t".join(form), "-".join(form), form.replace("s", "\u017f")]


@st.composite
def echoes(draw: st.DrawFn, secret: str) -> str:
    """A text with the secret in it, or most of it, and with other words around it."""
    before, behind = draw(st.binary(max_size=5)), draw(st.binary(max_size=5))
    form = draw(st.sampled_from(forms_of(secret, before=before, behind=behind)))
    form = draw(st.sampled_from(disguises(form)))
    start = draw(st.sampled_from([0, 0, 1, 4]))
    end = draw(st.sampled_from([0, 0, 1, 4]))
    return draw(ASIDES) + form[start : len(form) - end] + draw(ASIDES)


def presented(text: str) -> str:
    return cleaner()(text, LIMIT)


@pytest.mark.parametrize("secret", CHOSEN)
def test_every_form_is_masked_as_the_plain_way_masks_it(secret: str) -> None:
    told = {echo for form in forms_of(secret) for echo in disguises(form)}
    cut = {
        echo[at:to] for echo in told for at, to in [(1, None), (None, -1), (4, None), (None, 4), (-3, None)]
    }
    for is_part in (False, True):
        for echo in (*told, *cut):
            plain = presented(plain_cleaner.masked(echo, USER, [secret], is_part=is_part))
            assert cleaner(secret)(echo, LIMIT, is_part=is_part) == plain


@settings(max_examples=300)
@given(data=st.data(), secrets=st.lists(SECRETS, min_size=1, max_size=3, unique=True), is_part=st.booleans())
def test_shortcuts_mask_what_the_plain_way_masks(
    data: st.DataObject, secrets: list[str], is_part: bool
) -> None:
    text = data.draw(echoes(data.draw(st.sampled_from(secrets))))
    plain = presented(plain_cleaner.masked(text, USER, secrets, is_part=is_part))
    assert cleaner(*secrets)(text, LIMIT, is_part=is_part) == plain
    assert cleaner(*secrets, is_login_sent=is_part)(text, LIMIT) == plain


@given(data=st.data(), secret=SECRETS, is_part=st.booleans())
def test_among_other_lines_no_less_is_masked(data: st.DataObject, secret: str, is_part: bool) -> None:
    lines = data.draw(st.lists(echoes(secret), max_size=4))
    told = cleaner(secret, is_login_sent=is_part).lines(lines, LIMIT)
    plain = [presented(plain_cleaner.masked(line, USER, [secret], is_part=is_part)) for line in lines]
    assert [shown for shown, due in zip(told, plain, strict=True) if shown not in (due, MASK)] == []

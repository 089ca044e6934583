"""The access matrix: who may do what, as a person reads contract section 2.

Written out by hand: nothing here asks app.services.access, which it is to judge. Who the callers are:
matrix_cast. The requests: matrix_rows. The walk through all cells: test_matrix.
"""

from dataclasses import dataclass, field
from typing import Any

from tests.api.matrix_cast import NOBODY

OK = "ok"
HOUSE, CALLERS, NEW = "the house", "the caller's organization", "a new organization"

# One column for each caller; `nobody` is short for all callers who must not be known.
COLUMNS = (
    "nobody",
    # of the house, without restriction
    *("admin", "editor", "readonly", "supporter", "global_admin"),
    # restricted to the customer in question; to another customer of the house
    *("own_admin", "own_editor", "own_readonly"),
    *("other_admin", "other_editor", "other_readonly"),
    # API tokens: of that customer, of another customer of the house, of the house
    *("own_token", "other_token", "house_token"),
    # the same of another organization
    *("foreign_admin", "foreign_editor", "foreign_readonly", "foreign_token", "foreign_own_token"),
    *("foreign_supporter", "foreign_global_admin"),
)

# A cell is a status; `ok` for the row's own status; or, for lists, that and whose things the answer has:
# h the house's as a whole, c the customer's, o the other customer's, f the foreign organization's, - none;
# of users, g and x are those of the house and of the foreign organization with a global role.
POLICIES = """
#           nob|adm edi rdo sup gad|own_customer|otr_customer|own oth hou|f o r e i g n
#              |                   |adm edi rdo |adm edi rdo |tok tok tok|adm edi rdo tok otk sup gad
public      ok |ok  ok  ok  ok  ok |ok  ok  ok  |ok  ok  ok  |ok  ok  ok |ok  ok  ok  ok  ok  ok  ok
refresh     401|401 401 401 401 401|401 401 401 |401 401 401 |401 401 401|401 401 401 401 401 401 401
session     401|ok  ok  ok  ok  ok |ok  ok  ok  |ok  ok  ok  |403 403 403|ok  ok  ok  403 403 ok  ok

list        401|co  co  co  co  co |c   c   c   |o   o   o   |c   o   co |f   f   f   f   f   f   f
list_c      401|c   c   c   c   c  |c   c   c   |-   -   -   |c   -   c  |-   -   -   -   -   -   -
list_h      401|co  co  co  co  co |c   c   c   |o   o   o   |c   o   co |403 403 403 403 403 co  co
read        401|ok  ok  ok  ok  ok |ok  ok  ok  |403 403 403 |ok  403 ok |404 404 404 404 404 ok  ok
export_c    401|ok  ok  ok  ok  ok |ok  ok  ok  |403 403 403 |ok  403 ok |404 404 404 404 404 404 404
export_h    401|ok  ok  ok  ok  ok |ok  ok  ok  |ok  ok  ok  |ok  ok  ok |403 403 403 403 403 ok  ok
write       401|ok  ok  403 403 ok |ok  ok  403 |403 403 403 |ok  403 ok |404 404 403 404 404 403 ok
write_new   401|ok  ok  403 403 ok |ok  ok  403 |403 403 403 |ok  403 ok |404 404 403 404 404 403 404
write_h     401|ok  ok  403 403 ok |ok  ok  403 |403 403 403 |ok  403 ok |403 403 403 403 403 403 ok
status      401|ok  ok  ok  403 ok |ok  ok  ok  |403 403 403 |ok  403 ok |404 404 404 404 404 403 ok
move        401|ok  ok  403 403 ok |403 403 403 |403 403 403 |403 403 ok |404 404 403 404 404 403 ok
customer    401|ok  ok  403 403 ok |403 403 403 |403 403 403 |403 403 ok |ok  ok  403 ok  403 403 ok
customer_h  401|ok  ok  403 403 ok |403 403 403 |403 403 403 |403 403 ok |403 403 403 403 403 403 ok

plan        401|ok  ok  ok  403 ok |ok  ok  ok  |403 403 403 |ok  403 ok |404 404 404 404 404 403 ok
plan_new    401|ok  ok  ok  403 ok |ok  ok  ok  |403 403 403 |ok  403 ok |404 404 404 404 404 403 404
plan_h      401|ok  ok  ok  403 ok |ok  ok  ok  |403 403 403 |ok  403 ok |403 403 403 403 403 403 ok
plan_move   401|ok  ok  ok  403 ok |403 403 403 |403 403 403 |403 403 ok |404 404 404 404 404 403 ok

my_org      401|h   h   h   h   h  |h   h   h   |h   h   h   |h   h   h  |f   f   f   f   f   f   f
my_org_h    401|h   h   h   h   h  |h   h   h   |h   h   h   |h   h   h  |403 403 403 403 403 h   h
orgs        401|403 403 403 403 hf |403 403 403 |403 403 403 |403 403 403|403 403 403 403 403 403 hf
global      401|403 403 403 403 ok |403 403 403 |403 403 403 |403 403 403|403 403 403 403 403 403 ok

adm_list    401|hco 403 403 403 hco|c   403 403 |o   403 403 |403 403 403|f   403 403 403 403 403 f
adm_list_c  401|c   403 403 403 c  |c   403 403 |403 403 403 |403 403 403|404 403 403 403 403 403 404
adm_list_h  401|hco 403 403 403 hco|c   403 403 |o   403 403 |403 403 403|403 403 403 403 403 403 hco
adm_all     401|ok  403 403 403 ok |403 403 403 |403 403 403 |403 403 403|ok  403 403 403 403 403 ok
adm_all_h   401|ok  403 403 403 ok |403 403 403 |403 403 403 |403 403 403|403 403 403 403 403 403 ok
adm_new_c   401|ok  403 403 403 ok |ok  403 403 |403 403 403 |403 403 403|404 403 403 403 403 403 404
adm_new_ch  401|ok  403 403 403 ok |ok  403 403 |403 403 403 |403 403 403|403 403 403 403 403 403 ok
manage_c    401|ok  403 403 403 ok |ok  403 403 |403 403 403 |403 403 403|404 403 403 403 403 403 ok
manage_h    401|ok  403 403 403 ok |403 403 403 |403 403 403 |403 403 403|404 403 403 403 403 403 ok
manage_glob 401|403 403 403 403 ok |403 403 403 |403 403 403 |403 403 403|404 403 403 403 403 403 ok

chn_list_m  401|hc  403 403 403 hc |c   403 403 |403 403 403 |403 403 403|404 403 403 403 403 403 404
chn_test    401|ok  ok  403 403 ok |ok  ok  403 |ok  ok  403 |403 403 ok |ok  ok  403 ok  403 403 ok

usr_list    401|hco 403 403 403 hcog|c  403 403 |o   403 403 |403 403 403|f   403 403 403 403 403 fx
usr_list_h  401|hco 403 403 403 hcog|c  403 403 |o   403 403 |403 403 403|403 403 403 403 403 403 hcog

tok_list    401|co  co  403 403 co |c   c   403 |o   o   403 |403 403 403|f   f   403 403 403 403 f
tok_list_c  401|c   c   403 403 c  |c   c   403 |403 403 403 |403 403 403|404 404 403 403 403 403 404
tok_list_h  401|co  co  403 403 co |c   c   403 |o   o   403 |403 403 403|403 403 403 403 403 403 co
tok_new     401|ok  ok  403 403 ok |ok  ok  403 |403 403 403 |403 403 403|404 404 403 403 403 403 404
tok_new_h   401|ok  ok  403 403 ok |ok  ok  403 |403 403 403 |403 403 403|403 403 403 403 403 403 ok
tok_delete  401|ok  ok  403 403 ok |ok  ok  403 |403 403 403 |403 403 403|404 404 403 403 403 403 ok
tok_never   401|403 403 403 403 403|403 403 403 |403 403 403 |403 403 403|404 404 403 403 403 403 403
"""

Effect = dict[str, tuple[int, int]]
"""Table -> how many of its rows a permitted request replaces, and by how many."""

CREATED, CHANGED, DELETED = (0, 1), (1, 1), (1, 0)


@dataclass(frozen=True)
class Row:
    """One request, what comes of it where it is permitted, and the policy that says where that is."""

    method: str
    path: str
    policy: str
    body: dict[str, Any] | None = None
    status: int = 200
    sees: str | None = None
    """A list (or a document) of these things, by which a policy of letters is judged."""
    effect: Effect = field(default_factory=dict)
    audit: str | None = None
    """The action of the one entry that a permitted request leaves."""
    beside: tuple[str, ...] = ()
    """The actions of further entries, about what goes with the thing."""
    silent: str | None = None
    """Why there is no entry although the request is no reading."""
    about: str = HOUSE
    """Whose thing is changed, so whose trail tells of it."""
    signed: str | None = None
    """Whom the entry names, unless it is the caller."""
    without_monitors: bool = False
    """Whether the customer in question has to lose its monitors first."""
    but: dict[str, str] = field(default_factory=dict)
    """Cells that differ from the policy."""

    def __str__(self) -> str:
        return f"{self.method} {self.path.removeprefix('/api')} {self.policy}"

    def expected(self) -> dict[str, str]:
        """Caller -> cell."""
        return policies()[self.policy] | self.but


def policies() -> dict[str, dict[str, str]]:
    """Policy -> caller -> cell."""
    lines = [line.replace("|", " ").split() for line in POLICIES.splitlines() if line and line[0] != "#"]
    assert len({name for name, *_ in lines}) == len(lines)
    tables = {name: dict(zip(COLUMNS, cells, strict=True)) for name, *cells in lines}
    return {
        name: {caller: cell for column, cell in table.items() for caller in _callers(column)}
        for name, table in tables.items()
    }


def _callers(column: str) -> tuple[str, ...]:
    return NOBODY if column == "nobody" else (column,)

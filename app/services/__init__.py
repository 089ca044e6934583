"""Use cases: the queries and rules that touch more than one row. They never commit."""

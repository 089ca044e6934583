"""The fault matrix: one table of faulty mail servers, for the tests, the soak and whoever wants to try.

`table` has the cells, family by family; `stage` puts their servers up; `python -m bench.faults --serve`
keeps all of them up, `soak` runs many checks over them, `report` shows them to other monitors.
"""

"""What Groundwire keeps, sends or writes: each field with its place, purpose, lifetime and readers.

declared  how a kept thing is declared.                 page     docs/data-inventory.md, made of the declarations.
wire      between the processes, and in their memory.   state    in the store, and in files of the state folder.
records   evidence records.                             logs     fields of log lines, labels of metrics.

`tests/architecture/test_inventory.py` walks the types that are serialised: a field that is not declared here fails it.
"""

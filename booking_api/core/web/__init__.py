"""HTTP: how an operation is declared, read, run in a transaction, answered and refused."""

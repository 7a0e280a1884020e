"""Work that is shared or done later: batches that share a transaction, statements that are shared, events."""

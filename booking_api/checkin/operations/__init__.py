"""The verbs of the gate that change something: scan, by oneself or together, and undo."""

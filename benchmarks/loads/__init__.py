"""The operations that are measured, a module for each group."""

"""Text as people write it: cleaned once on entry (`cleaning`), compared folded (`folding`), addresses and numbers parsed
(`addresses`). `fields` says which of these a field of a request is, and `core.web.inputs` applies it to every one.
"""

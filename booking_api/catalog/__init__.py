"""What is sold: places, products with their options, units, prices, charges, questions and media, seat layouts.

Tables: `place`, `seat_layout`, `product`, `product_version`. Events: `product.changed`, `place.changed`.
Invariants: a product version never changes once written, so that a booking keeps the terms it was made under, nor does a
seat layout; ids survive what is described again because things are matched by code, and no code reads as an id.
"""

"""What is sold: places, products with their options, units, prices, charges, questions and media, seat layouts.

Tables: `place`, `seat_layout`, `product`, `product_version`. Events: none yet.
Invariants: a product version never changes once written, so that a booking keeps the terms it was made under;
ids survive what is described again because things are matched by code.
"""

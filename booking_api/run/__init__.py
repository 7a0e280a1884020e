"""How an installation is run and looked after: what stands above all capabilities and knows none of them."""

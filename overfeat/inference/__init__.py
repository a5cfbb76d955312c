"""The network run densely, its windows kept as evidence, and decisions made from them."""

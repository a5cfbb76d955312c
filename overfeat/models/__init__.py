"""Networks: tables of stages, the geometry derived from them, weights and checkpoints."""

"""Two runs beside each other: what of their decisions changed, and what that did to each measure."""

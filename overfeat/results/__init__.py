"""Tables: their columns, how they are stored and how they are asked."""

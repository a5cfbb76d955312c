"""One loop, and what differs between the things it trains."""

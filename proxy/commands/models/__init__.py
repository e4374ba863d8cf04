"""`groundwire models`: what classifies, how well and how fast, and bringing your own."""

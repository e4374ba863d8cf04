"""Which exchanges are analysed, and how much a CPU budget allows."""

"""Where counters, state and evidence are kept. One file a store, one contract, one shared test."""

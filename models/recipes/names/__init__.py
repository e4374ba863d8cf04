"""proxy/sensitive/names.npz: the lexicon and the weights of the name tagger."""

"""One check a file: a small rim that looks, and pure judgements of what was seen. `registry` lists them."""

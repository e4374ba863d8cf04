"""The analysis plane: exchanges in, observations and counts out.

app         builds the process and runs it until SIGTERM.      supervisor  keeps one running, in a container.
pipeline    from the wire to the store: queue, judge, count, flush, acknowledge.
judging     a batch, from bytes to observations.               assessing   by a classifier's scores, or by cue lists.
classifier  which classifier judges; swapped while it runs.    leaks       what an answer gives away.
embedding   fixed projections of embeddings.                   anomaly     answers unlike all before; `ordinary` keeps.
totals      what the pipeline did, for its metrics.            remote      answers offered to remote classifiers.
queue       pure: what waits, within bounds.                   counting    pure: from observations to cells.
coverage    pure: the share of exchanges that traffic sends.   decoding    pure: from captured bytes to plain ones.
sampler     the coins, and what traffic is unusual.            glancing    stage 0, before anything is sampled.
budget      pure: the controller of the CPU budget.
prompt_key  keyed hashes.                                      health      /livez, /readyz, /metrics.
"""

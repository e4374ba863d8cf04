"""Classifiers on other machines, behind the same contract. Off unless configured; an outage changes nothing.

    kinds/      pure: the requests and answers of each provider, and what its categories mean here.
    breaker     pure: closed, open, half-open.            budget    pure: requests a minute and a day.
    sampling    pure: which exchanges are sent.           outgoing  pure: what of a text leaves, after redaction.
    call        one HTTP request, and every way in which it can fail.
    key         API keys out of the environment or a file.
    scorer      one classifier: all of these in order.
    blocking    the contract's `score`, on a thread of its own.
    offering    the pipeline's side: `offer` never waits, results come by a callback.
    samples     its metrics.

Nothing here raises for a text's sake or for an answer's: an item without an answer is `OutOfScope.UNAVAILABLE`, and the
reason is counted. No log line and no error has a text, a key, or a URL with a query.
"""

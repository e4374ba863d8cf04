"""`groundwire doctor`: looks at everything that Groundwire needs, changes nothing, and says what to mend.

    finding     what a check says: ok, note, warn or fail; what, where, and the mend. Pure.
    scene       what every check may look at: the settings, the environment, what is running. And what a check is.
    running     who answers on the health ports and the control socket.
    registry    every check, in the order of the report. A new check is a file in `checks` and a line there.
    rounds      runs them side by side, each bounded in time; one that raises is itself a finding.
    report      the findings as words, styled words or JSON. Pure.
    checks      one a file: a small rim that looks, and pure judgements of what was seen.

It works before the first start and beside a running Groundwire, in the container too: it writes no file, and what it
asks of a Redis leaves nothing behind.
"""

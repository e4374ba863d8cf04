"""The wire between the processes: exchanges go up, enforcements come down, and sending never waits.

    frames     pure: the bytes of a frame, both ways.        ledger     pure: what was sent, lost and acknowledged.
    sender     in the traffic process.                       receiver   in the analysis process.

Acknowledgement says that analysis has *stored* what it counted. So an exchange that dies in a buffer, in the socket or
in an analysis process that is killed is known to be lost, and its pane is marked as impaired.
"""

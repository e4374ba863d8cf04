"""The sections of the settings, by who reads them. Plain dataclasses: the traffic process holds them too."""

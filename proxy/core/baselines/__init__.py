"""What a route did when it was well: learning, versions, fingerprints, differences. Pure."""

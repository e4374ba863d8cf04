"""HTTP as it stands on the wire: heads, bodies, targets, and the spans that a body is rewritten in. Pure."""

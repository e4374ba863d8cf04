"""A head for a team's own policy category: labelled texts in, calibrated weights on the frozen embedding out."""

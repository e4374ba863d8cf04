"""From findings to a step with its reason: severity, ladder, record, and the record computed again. Pure."""

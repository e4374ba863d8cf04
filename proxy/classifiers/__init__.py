"""What a text is: small models that score it. Analysis process only; traffic never loads this."""

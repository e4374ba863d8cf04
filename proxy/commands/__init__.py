"""What `groundwire COMMAND` does: one file a command family. Imported only when called, so that `serve` starts fast."""

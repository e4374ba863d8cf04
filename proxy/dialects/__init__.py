"""What the bytes of an API mean. One file a dialect, one line in `registry`. Pure."""

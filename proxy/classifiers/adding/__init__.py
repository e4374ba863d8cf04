"""Models that others bring: exported, quantized, compared with the original, mapped to signals, put in place."""

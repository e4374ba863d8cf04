"""The data plane. Moves bytes; may never load numpy, onnxruntime, redis, tokenizers, aiohttp, yaml or pydantic."""

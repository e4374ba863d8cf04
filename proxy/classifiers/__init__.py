"""What a text is: small models that score it. Analysis process only; traffic never loads this."""

import os

# onnxruntime's own telemetry sends what it is used for to its vendor, and keeps an id of this machine in the cache
# folder; it begins with the import. It has this switch and no setting.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

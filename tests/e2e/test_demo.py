"""The story of `make demo`, end to end: real processes, a synthetic model server, exit code and words."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.e2e.otlp_receiver import Received, attributes, http_receiver
from tests.support import ROOT


@pytest.mark.timeout(300)  # half a minute, three times that on a machine with four busy loops beside it
def test_the_synthetic_demo_ends_in_a_revert() -> None:
    command = [sys.executable, "-m", "proxy.cli", "demo", "--upstream", "synthetic", "--plain"]
    with http_receiver() as received:
        environ = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": received.url}
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=290, check=False, env=environ)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "reverted" in done.stdout
    assert "critical line" in done.stdout
    the_revert_links_to_its_evidence(received)


def the_revert_links_to_its_evidence(received: Received) -> None:
    """With links to spans of exchanges that came: harmful prompts that the candidate answered."""
    actions = [span for span in received.spans if span.name == "groundwire.action"]
    [revert] = [span for span in actions if attributes(span.attributes)["groundwire.action"] == "revert"]
    said = attributes(revert.attributes)
    assert said["groundwire.action.executed"] is True
    assert 0 < len(revert.links) <= 128
    exchanges = {span.span_id: attributes(span.attributes) for span in received.exchanges()}
    fed = [exchanges[link.span_id] for link in revert.links]
    assert all(one["groundwire.route"] == said["groundwire.route"] for one in fed)
    assert all("refusal" in one["groundwire.flagged"] for one in fed)
    assert not any(one["groundwire.served.base"] for one in fed)
    after = [one for one in exchanges.values() if one.get("groundwire.served.base")]
    assert {one["groundwire.enforcement.id"] for one in after} == {said["groundwire.enforcement.id"]}
    assert {one["groundwire.step"] for one in after} == {"reverted"}

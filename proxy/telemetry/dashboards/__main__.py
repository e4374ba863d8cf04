"""Write the dashboards into the chart's folder: `python -m proxy.telemetry.dashboards FOLDER`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from proxy.telemetry.dashboards import now, trend
from proxy.telemetry.dashboards.panels import Board, board_json

BOARDS = (now.board(), trend.board())


def text_of(board: Board) -> str:
    """The file of a dashboard."""
    return json.dumps(board_json(board), indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """0 once they are written."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m proxy.telemetry.dashboards FOLDER")
    for board in BOARDS:
        (Path(sys.argv[1]) / f"{board.uid}.json").write_text(text_of(board))
    return 0


if __name__ == "__main__":
    sys.exit(main())

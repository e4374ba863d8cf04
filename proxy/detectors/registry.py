"""Every statistical method of Groundwire by name: what it is used for, whether it may alarm, and where it is from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Use(StrEnum):
    """What a method is for. Only an alarm may move the ladder, and its false-alarm budget is stated."""

    ALARM = "alarm"
    FLAG = "flag"  # of one answer; its rate has a line of its own
    LIMIT = "limit"  # of a baseline, or an interval
    DATE = "date"  # of a change, after an alarm
    GAUGE = "gauge"  # for people to look at


@dataclass(frozen=True, slots=True)
class Method:
    """One file of this folder. `source`: author and year."""

    name: str
    use: Use
    purpose: str
    source: str


METHODS: Final = (
    Method("e_process", Use.ALARM, "has a rate crossed its line, and since when", "Shin, Ramdas, Rinaldo 2022"),
    Method("proved_bound", Use.LIMIT, "the lowest line that is disproved", "Inversion of a family of tests"),
    Method("exact_test", Use.ALARM, "harm given a known trigger", "Clopper, Pearson 1934"),
    Method("intervals", Use.LIMIT, "limits of a baseline's rate", "Clopper, Pearson 1934; Hoeffding 1963"),
    Method("beta", Use.LIMIT, "the distribution behind limits and tests", "Abramowitz, Stegun 1964"),
    Method("conformal", Use.FLAG, "an answer unlike all ordinary ones", "Vovk, Gammerman, Shafer 2005"),
    Method("consistency", Use.FLAG, "prompts that are nearly the same", "Charikar 2002"),
    Method("pelt", Use.DATE, "at which pane a rate changed", "Killick, Fearnhead, Eckley 2012"),
    Method("control_chart", Use.GAUGE, "p-chart and EWMA with their limits", "Shewhart 1931; Roberts 1959"),
    Method("cusum", Use.GAUGE, "evidence for a shift since its best start", "Page 1954"),
    Method("divergence", Use.GAUGE, "how far a histogram is from the baseline's", "Lin 1991"),
    Method("quantile", Use.GAUGE, "the 95th percentile of a score", "Masson, Rim, Lee 2019"),
)

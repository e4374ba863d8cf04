"""The controller of the CPU budget: its answer to steps in traffic."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.analysis.sampling.budget import Budget, Work, at_edge
from proxy.core.sampling import LOAD_MAX

TARGET = 0.75
HEARD = 2


class Plant:
    """A judge: so many seconds for reading and for judging each exchange; it has one second in a second."""

    def __init__(self, read_s: float = 0.0, judge_s: float = 0.05) -> None:
        self.read_s, self.judge_s = read_s, judge_s
        self.budget, self.levels, self.loads = Budget(), [0], [0.0]
        self.pane = 0
        self._coming: list[tuple[int, int]] = [(0, 0)]  # (first pane, level)

    @property
    def level(self) -> int:
        return next(level for first, level in reversed(self._coming) if self.pane >= first)

    def run(self, panes: int, per_s: float) -> list[float]:
        """Offered loads of these panes, under exchanges at this pace."""
        for _ in range(panes):
            offered = per_s * (self.read_s + self.judge_s * 2.0**-self.level)
            judged = max(1, round(100 * min(1.0, 1.0 / offered))) if offered else 0
            work = Work(60.0 * min(1.0, offered), judged, 100 if offered else 0)
            self.pane += 1
            self.budget = at_edge(self.budget, self.pane, work.load(60.0), TARGET, HEARD)
            if self.budget.level != self._coming[-1][1]:
                self._coming.append((self.budget.first_pane, self.budget.level))
            self.levels.append(self.level)
            self.loads.append(offered)
        return self.loads[-panes:]


def test_a_small_traffic_is_left_alone() -> None:
    plant = Plant()
    plant.run(50, per_s=10)
    assert set(plant.levels) == {0}


def test_a_step_in_traffic_is_met_within_six_panes_and_held() -> None:
    """A hundred times as much: the judge is saturated, and what waits tells how much is too much."""
    plant = Plant()
    plant.run(20, per_s=5)
    step = plant.run(40, per_s=500)
    assert step[0] > 10.0, "offered at first"
    assert max(step[6:]) <= TARGET
    assert len(set(plant.levels[-30:])) == 1, "no flapping"
    assert plant.levels[-1] == 6, "and no lower than is needed"


def test_after_the_step_everything_is_analysed_again() -> None:
    plant = Plant()
    plant.run(40, per_s=500)
    back = plant.run(40, per_s=5)
    assert max(back) <= TARGET
    assert plant.levels[-1] == 0


def test_what_sampling_cannot_save_winds_nothing_up() -> None:
    """Reading alone is over the budget: the last level, and back within as many panes as a smaller step takes."""
    plant = Plant(read_s=0.002)
    plant.run(200, per_s=500)
    assert plant.levels[-1] == LOAD_MAX
    plant.run(30, per_s=1)
    assert plant.levels[-1] == 0


def test_a_load_at_the_edge_does_not_make_it_flap() -> None:
    plant = Plant()
    for i in range(100):
        plant.run(1, per_s=15.0 * (1.1 if i % 2 else 0.95))
    assert len(set(plant.levels[10:])) == 1


def test_nothing_moves_before_a_whole_pane_was_measured_under_it() -> None:
    raised = at_edge(Budget(), 10, 3.0, TARGET, HEARD)
    assert (raised.level, raised.first_pane) == (2, 12)
    assert at_edge(raised, 11, 3.0, TARGET, HEARD) == raised
    assert at_edge(raised, 12, 3.0, TARGET, HEARD) == raised
    assert at_edge(raised, 13, 3.0, TARGET, HEARD).level == 4


@given(st.lists(st.floats(0.0, 1_000.0), max_size=40), st.floats(0.01, 1.0))
def test_it_stays_within_its_bounds(loads: list[float], target: float) -> None:
    budget = Budget()
    for pane, load in enumerate(loads):
        budget = at_edge(budget, 10 * pane, load, target, HEARD)
        assert 0 <= budget.level <= LOAD_MAX
        assert -1.0 <= budget.x <= LOAD_MAX


@given(st.floats(0.1, 400.0), st.floats(0.1, 1.0))
def test_any_steady_traffic_comes_to_rest_within_the_budget(per_s: float, target_share: float) -> None:
    plant = Plant(judge_s=0.05 * target_share)
    plant.run(60, per_s)
    assert plant.loads[-1] <= TARGET
    assert len(set(plant.levels[-20:])) == 1


def test_work_that_waits_is_load_too() -> None:
    assert Work(30.0, 100, 100).load(60.0) == 0.5
    assert Work(60.0, 100, 400).load(60.0) == 4.0
    assert Work(60.0, 100, 20).load(60.0) == 1.0, "working off what waited"
    assert Work(0.0, 0, 0).load(60.0) == 0.0

"""Which of the commands that ran a sweep carries on with its trainings."""

from __future__ import annotations

from trainers.run_commands import find_resume_command, list_commands

RUN = "python -m search.run space.yaml --set 'search.axes.subset.grid=[all, {name: random, size: 50%}]'"


def test_the_last_command_that_trains_carries_on_without_options_that_apply_once() -> None:
    commands = [f"{RUN} --name old", f"{RUN} --fresh --add-trials 4", "python -m search.measure results/space"]
    assert find_resume_command({"command": command} for command in commands) == RUN
    assert find_resume_command([{"command": commands[-1]}, {}]) == ""


def test_each_command_is_listed_once() -> None:
    assert list_commands([{"command": "b"}, {}, {"command": "a"}, {"command": "b"}]) == ["b", "a"]

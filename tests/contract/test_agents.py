"""Numbers that mean nothing to an environment or an agent: actions that are none, draws of no transition."""

from contract.cases import assert_works, collect, measure, prepare, prepare_inputs, setup_of
from contract.launched import refusal
from mlfleet.payload import read_outputs

PARAMS = ("INVALID_ARGUMENT", "params")
# Of each tensor a value that it cannot hold, and the words that must say so.
WRONG = {
    ("env.step", "actions"): ((2, ("actions", "2", "0 or 1")), (-1, ("actions", "-1", "0 or 1"))),
    ("dqn.update", "action"): ((2, ("action", "2", "0 or 1")), (-1, ("action", "-1", "0 or 1"))),
    ("dqn.update", "terminated"): ((2, ("terminated", "2", "0 or 1")),),
    ("dqn.update", "draws"): ((50, ("draws", "50", "0 .. 49")), (-1, ("draws", "-1", "0 .. 49"))),
}


def cases_of(offered, names):
    return [case for case in offered if case.task.name in names]


def test_values_out_of_range(launched, offered, subtests):
    for case in offered:
        for name, wrong in ((name, wrong) for (task, name), wrong in WRONG.items() if task == case.task.name):
            for value, words in wrong:
                with subtests.test(task=case.task.name, tensor=name, value=value):
                    spoilt = case.case.inputs[name].copy()
                    spoilt.flat[-1] = value
                    inputs = {**case.case.inputs, name: spoilt}
                    found = refusal(lambda: prepare_inputs(launched, case, inputs))  # noqa: B023
                    assert found.kind == PARAMS, found
                    assert all(word in found.message for word in words), found.message
                    assert_works(launched, case)


def test_empty_tensors(launched, offered, subtests):
    for case in cases_of(offered, {"env.step", "dqn.update"}):
        for name in [name for name in case.case.inputs if "." not in name]:
            with subtests.test(task=case.task.name, tensor=name):
                inputs = {**case.case.inputs, name: case.case.inputs[name][:0]}
                found = refusal(lambda: prepare_inputs(launched, case, inputs))  # noqa: B023
                assert found.kind == PARAMS, found
                assert "awaited" in found.message or "rows" in found.message


def test_schedules_that_cannot_be(launched, offered, subtests):
    changes = ({"start": 150}, {"epsilon": 1.5}, {"gamma": 1.5})
    for case in cases_of(offered, {"dqn.train", "dqn.update", "reinforce.train"}):
        for change in (change for change in changes if change.keys() <= case.case.params.keys()):
            with subtests.test(task=case.task.name, **change):
                setup = setup_of(case, params={**case.case.params, **change})
                found = refusal(lambda: prepare(launched, setup, case.data))  # noqa: B023
                assert found.kind == PARAMS, found
                assert all(str(word) in found.message for word in (*change, *change.values())), found.message


def test_one_seed_one_agent(launched, offered):
    """The seed decides; nothing is left over from an iteration or a job before."""
    for case in cases_of(offered, {"dqn.train", "reinforce.train"}):
        found = [outputs_of(launched, case, seed, iterations) for seed, iterations in ((1, 1), (2, 1), (1, 2))]
        same = [all((found[0][name] == other[name]).all() for name in found[0]) for other in found]
        assert same == [True, False, True], case.task.name


def outputs_of(launched, case, seed, iterations):
    prepare(launched, setup_of(case, seed=seed), case.data)
    measure(launched, [1] * iterations)
    return read_outputs(collect(launched))[0]

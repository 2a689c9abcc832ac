from __future__ import annotations

from zero_dce.train.loggers.mlflow_parameters import parameters_of

SETTINGS = {"seed": "0", "loss.name": "paper", "loss.weights.exp": "3.0", "loss.weights.tv": "20.0", "resume": "x"}


def test_options_that_are_named_and_those_that_were_chosen() -> None:
    assert parameters_of(SETTINGS, ["seed", "loss.weights"], []) == {
        "seed": "0",
        "loss.weights.exp": "3.0",
        "loss.weights.tv": "20.0",
    }
    chosen = ["loss=paper", "+loss.weights.exp=3", "hydra.run.dir=x", "resume=x", "callbacks.samples=null", "~other"]
    assert parameters_of(SETTINGS, [], chosen) == {"loss.weights.exp": "3.0", "loss": "paper"}


def test_choices_that_leave_no_name_in_the_configuration() -> None:
    chosen = ["+sweep=loss_weights", "experiment=quick", "report_page=false"]
    assert parameters_of(SETTINGS, [], chosen) == {"sweep": "loss_weights", "experiment": "quick"}

"""The environment that a result depends on."""

from __future__ import annotations

from zero_dce.records.environment import describe_environment


def test_environment_names_what_a_result_depends_on() -> None:
    environment = describe_environment("abc")
    assert environment["data_fingerprint"] == "abc"
    assert all(environment["versions"][name] for name in ("torch", "lightning", "hydra-core", "zero_dce"))
    assert environment["hardware"]["cores"] >= 1

"""The decorator of scenarios."""

from collections.abc import Callable, Coroutine
from typing import Any

from scenarios.scene import Scene

Scenario = Callable[[Scene], Coroutine[Any, Any, None]]


def dialled(*, quick: bool = False) -> Callable[[Scenario], Callable[[Any], None]]:
    """A test of a coroutine that gets a `Scene`. `quick`: it is in the subset that `make test` runs."""

    def wrap(scenario: Scenario) -> Callable[[Any], None]:
        def test(runner: Any) -> None:
            runner.outcomes[scenario].result(600)

        test.__name__, test.__doc__, test.__module__ = scenario.__name__, scenario.__doc__, scenario.__module__
        test.scenario, test.is_quick = scenario, quick  # type: ignore[attr-defined]
        return test

    return wrap

"""Scenarios run at the same time, on one server: a test waits for the outcome of its own.

@dialled()
async def test_greeting(scene: Scene) -> None: ...

The first test that asks starts them all (those that were selected), a few at once; so a set of forty calls takes minutes, not an hour.
"""

import asyncio
import concurrent.futures
import os
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from scenarios.scene import Scene
from scenarios.stack import Stack

AT_ONCE = int(os.environ.get("TALKPATH_SCENARIOS_AT_ONCE", "5"))
TRIES = int(os.environ.get("TALKPATH_SCENARIOS_TRIES", "2"))
LONGEST_S = 100.0


class Runner:
    """Runs scenarios in a thread with a loop."""

    def __init__(self, functions: Sequence[Callable[[Scene], Coroutine[Any, Any, None]]], folder: Path) -> None:
        self._folder = folder
        self.outcomes: dict[Any, concurrent.futures.Future[None]] = {
            function: concurrent.futures.Future() for function in functions
        }
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.status: int | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="scenarios", daemon=True)
        self._thread.start()

    async def _run(self) -> None:
        self._stop, self._loop = asyncio.Event(), asyncio.get_running_loop()
        stack = Stack(self._folder, {"TALKPATH_LOGS": "1"})  # every call writes one
        try:
            await stack.start()
        except BaseException as problem:
            for outcome in self.outcomes.values():
                outcome.set_exception(problem)
            return
        at_once = asyncio.Semaphore(AT_ONCE)
        tasks = [asyncio.create_task(self._scenario(function, stack, at_once)) for function in self.outcomes]
        stopping = asyncio.create_task(self._stop.wait())
        await stopping
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.status = await stack.aclose()

    async def _scenario(self, function: Any, stack: Stack, at_once: asyncio.Semaphore) -> None:
        """Once more after a failure: these are real-time calls, and a machine that stands still for a second fails the best server."""
        async with at_once:
            for attempt in range(TRIES):
                scene = Scene(stack, function.__name__.removeprefix("test_").replace("_", "-"))
                try:
                    await asyncio.wait_for(function(scene), LONGEST_S)
                    scene.verify()
                    self.outcomes[function].set_result(None)
                    return
                except BaseException as problem:
                    self._tell(scene, problem)
                    if attempt + 1 < TRIES and isinstance(problem, Exception):
                        print(f"{function.__name__} failed, and is tried again: {problem}", file=sys.__stderr__)
                        continue
                    self.outcomes[function].set_exception(problem)
                    if not isinstance(problem, Exception):
                        raise
                finally:
                    await scene.close()

    @staticmethod
    def _tell(scene: Scene, problem: BaseException) -> None:
        """What happened, for whoever reads the failure."""
        if not isinstance(problem, Exception):
            return
        first = min((session.events[0][0] for session in scene.app.sessions if session.events), default=0.0)
        for session in scene.app.sessions:
            lines = [(at, "<", event) for at, event in session.events] + [(at, ">", sent) for at, sent in session.sent]
            told = [
                f"{at - first:8.3f} {way} {str(event)[:300]}"
                for at, way, event in sorted(lines, key=lambda line: line[0])
            ]
            problem.add_note("\n".join(["the app's socket:", *told]))
        problem.add_note(f"the server's log:\n{scene.server_log[-4000:]}")
        for request in scene.chat.requests:
            problem.add_note(f"{request.at - first:8.3f} LLM {str(request.messages[1:])[-600:]} -> {request.reply}")
        for asked in scene.voice.requests:
            problem.add_note(f"{asked['at'] - first:8.3f} TTS {asked['text']!r} cancelled={asked['cancelled']}")
        for stream in scene.hearing.streams:
            for said in stream.results:
                if said.is_final:
                    problem.add_note(f"{said.at - first:8.3f} STT {said.text!r}")
        for call in scene._calls:
            if call.is_over:
                told = [
                    f"{call.call.opened_at + e['at_s'] - first:8.3f} {e}"
                    for e in call.result.events
                    if e["event"] != "mark_played" and e["event"] != "mark"
                ]
                own = call.result.own_late.to_dict()
                problem.add_note("\n".join([f"the phone, itself late: {own}:", *told[:60]]))

    def close(self) -> None:
        """The server's end is part of the test."""
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(60)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.realtime)
            if not getattr(getattr(item, "function", None), "is_quick", False):
                item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def runner(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    functions = [
        function.scenario
        for item in request.session.items
        if hasattr(function := getattr(item, "function", None), "scenario")
    ]
    running = Runner(functions, tmp_path_factory.mktemp("agents"))
    yield running
    running.close()

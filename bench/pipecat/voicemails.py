"""A Pipecat bot leaves its message on generated voicemails: when does it begin, after the beep's end?

PYTHONPATH=src python bench/pipecat/voicemails.py --calls 100 [--before]      # pip install 'talkpath[pipecat,phone]' uvicorn scipy

before: Plivo's serializer, Silero, and Pipecat's `VoicemailDetector` (its two seconds of silence), with a classifier that always knows it
is a voicemail. after: `SpeakAfterBeep`. The bot is a process of its own, the phone is `talkpath.phone`.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "examples")]

from voicemails import RATE, Voicemail, begins_after_s, voicemail  # noqa: E402

from talkpath.phone import CallPlan, Dialer, parse_line  # noqa: E402
from talkpath.phone.script import HangUp, Say, Script, Wait  # noqa: E402
from talkpath.wav import write_wav  # noqa: E402

MESSAGE = "Your order has arrived. You can fetch it until six."
AUDIBLE = 400.0
IN_TIME_S = 0.3


# --- the bot ------------------------------------------------------------------------------------------------------------------------


def serve(port: int, *, before: bool) -> None:
    """Answers with one of the two."""
    import uvicorn
    from fastapi import FastAPI, WebSocket
    from loguru import logger
    from pipecat.classifiers.base_classifier import BaseClassifier, ChoiceResult
    from pipecat.extensions.voicemail.voicemail_detector import VoicemailDetector
    from pipecat.frames.frames import TTSSpeakFrame
    from pipecat.pipeline.pipeline import Pipeline
    from pipecat.pipeline.worker import PipelineParams, PipelineWorker
    from pipecat.processors.aggregators.llm_context import LLMContext
    from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
    from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
    from pipecat.workers.runner import WorkerRunner
    from pipecat_phone_bot import ScriptedSTT, ScriptedTTS, without_talkpath

    from talkpath import CallConfig
    from talkpath.integrations.pipecat import (
        CallEvents,
        SpeakAfterBeep,
        TalkpathSerializer,
        TalkpathVADAnalyzer,
        turn_strategies,
    )

    class Always(BaseClassifier):
        """Knows it at once."""

        async def _ask(self, *_: object, **__: object) -> tuple[dict[str, ChoiceResult], None]:
            sure = ChoiceResult(choice="voicemail", probabilities={"voicemail": 1.0}, confidence=1.0)
            return {"voicemail": sure}, None

    app = FastAPI()

    @app.websocket("/{provider}")
    async def call(websocket: WebSocket, provider: str) -> None:
        await websocket.accept()
        detector = VoicemailDetector(classifier=Always())
        if before:
            serializer, user_params = await without_talkpath(websocket)
        else:
            how = CallConfig(detection_method="audio", speaks_first="user", idle_timeout=None)
            serializer = TalkpathSerializer(websocket, config=how)
            user_params = LLMUserAggregatorParams(
                vad_analyzer=TalkpathVADAnalyzer(serializer), user_turn_strategies=turn_strategies(serializer)
            )
        params = FastAPIWebsocketParams(audio_in_enabled=True, audio_out_enabled=True, serializer=serializer)
        transport = FastAPIWebsocketTransport(websocket, params)
        user, assistant = LLMContextAggregatorPair(LLMContext(), user_params=user_params)
        own = [ScriptedSTT(), detector.detector(), user] if before else [user, SpeakAfterBeep(MESSAGE)]
        parts = [transport.input(), CallEvents(), *own, ScriptedTTS(), transport.output(), assistant]
        worker = PipelineWorker(
            Pipeline(parts), params=PipelineParams(audio_in_sample_rate=16000, audio_out_sample_rate=24000)
        )

        @detector.event_handler("on_voicemail_detected")
        async def leave_message(processor: VoicemailDetector) -> None:
            await processor.push_frame(TTSSpeakFrame(MESSAGE))

        @transport.event_handler("on_client_disconnected")
        async def end(*_: object) -> None:
            await worker.cancel()

        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(worker)
        await runner.run()

    logger.remove()
    uvicorn.run(app, port=port, log_level="error", ws_per_message_deflate=False)


# --- the phone ----------------------------------------------------------------------------------------------------------------------


async def dial(url: str, mail: Voicemail, line: str, number: int, folder: Path, wait_s: float) -> dict[str, float]:
    """One machine: when the message begins, and how long it is."""
    path = folder / f"{number}.wav"
    write_wav(path, mail.pcm, RATE)
    script = Script((Wait(0.5), Say((path,)), Wait(wait_s), HangUp()))
    plan = CallPlan(provider="plivo", caller=script, line=parse_line(line), duration_s=60, record=True)
    dialer = Dialer(url, plan, seed=number + 1)
    result = (await dialer.run())[0]
    if not dialer.calls:
        raise SystemExit(f"call {number}: {result.refused}")
    sent, heard = np.asarray(dialer.calls[0].sent), np.asarray(dialer.calls[0].heard)
    after_s = begins_after_s(mail, sent, heard, AUDIBLE)
    loud = np.flatnonzero(np.abs(heard.astype(np.int32)) > AUDIBLE)
    length_s = (loud[-1] - loud[0]) / RATE if len(loud) else 0.0
    return {"after_s": np.inf if after_s is None else after_s, "length_s": length_s, "missing_ms": result.missing_ms}


async def all_of(url: str, options: argparse.Namespace, folder: Path) -> list[tuple[Voicemail, dict[str, float]]]:
    """So many at once."""
    free, mails = asyncio.Semaphore(options.together), [voicemail(options.seed, n) for n in range(options.calls)]

    async def one(number: int) -> tuple[Voicemail, dict[str, float]]:
        async with free:
            await asyncio.sleep(0.37 * (number % options.together) if number < options.together else 0)
            found = await dial(url, mails[number], options.line, number, folder, 10.0 if options.before else 6.0)
            return mails[number], found

    return list(await asyncio.gather(*(one(n) for n in range(options.calls))))


def tell(found: list[tuple[Voicemail, dict[str, float]]], *, before: bool) -> None:
    """The table; every failure by itself."""
    delays = [one["after_s"] for _, one in found]
    good = sum(0 <= delay <= IN_TIME_S for delay in delays)
    said = [delay for delay in delays if np.isfinite(delay)]
    whole_s = median(one["length_s"] for _, one in found)
    for n, (mail, one) in enumerate(found):
        if not before and (not 0 <= one["after_s"] <= IN_TIME_S or one["length_s"] < whole_s - 0.1):
            print(
                f"  {n}: begins {one['after_s']:+.3f} s after it, {one['length_s']:.2f} s long,"
                f" {one['missing_ms']:.0f} ms missing; {mail.described}"
            )
    print(
        f"{'before' if before else 'after '} {len(found)} voicemails: within {IN_TIME_S} s of the beep's end {good}; before it {sum(d < 0 for d in delays)};"
        f" no message {len(delays) - len(said)}; p50 {median(said or [np.inf]):.3f} s, p95 {np.percentile(said or [np.inf], 95):.3f} s;"
        f" cut short {sum(one['length_s'] < whole_s - 0.1 for _, one in found)}"
    )


def main() -> None:
    """The bot beside it, or itself."""
    from dialled import free_port, wait_for

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--together", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--line", default="landline")
    parser.add_argument("--before", action="store_true")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, before=options.before)
        return
    port = free_port()
    command = [sys.executable, __file__, "--serve", str(port), *["--before"] * options.before]
    bot = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_for(bot, port)
        begun = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            found = asyncio.run(all_of(f"ws://127.0.0.1:{port}/plivo", options, Path(folder)))
        tell(found, before=options.before)
        print(f"{time.monotonic() - begun:.0f} s, {options.together} at once, line {options.line}")
    finally:
        bot.terminate()
        bot.wait()


if __name__ == "__main__":
    main()

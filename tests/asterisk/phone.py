"""A SIP telephone, baresip: it dials, speaks from a file, presses keys, hangs up, and keeps what it heard."""

import asyncio
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from asterisk.install import Programs
from asterisk.system import free_ports

CONFIG = """\
module_path {modules}
module account.so
module g711.so
module aufile.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control_port}
sip_listen 127.0.0.1:{sip_port}
audio_source aufile,{said}
audio_player aufile,{heard}
audio_alert aufile,/dev/null
audio_srate 8000
audio_channels 1
audio_buffer 100-1000
jitter_buffer_type fixed
jitter_buffer_delay 2-50
net_interface 127.0.0.1
"""
ACCOUNT = "<sip:tests@127.0.0.1:{sip_port}>;regint=0\n"


class Phone:
    """A telephone that speaks `said` (WAV, 8 kHz) once a call is up."""

    def __init__(self, programs: Programs, folder: Path, said: Path) -> None:
        self.heard = folder / "heard.wav"
        self.events: list[dict[str, Any]] = []
        (self._control_port,) = free_ports(1)
        values = {"modules": programs.phone_modules, "control_port": self._control_port, "sip_port": 0, "said": said}
        (folder / "config").write_text(CONFIG.format(heard=self.heard, **values))
        (folder / "accounts").write_text(ACCOUNT.format(sip_port=0))
        self._command = programs.command("usr/bin/baresip", "-f", folder)
        self._output = (folder / "output.txt").open("w")
        self._news = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stdout=self._output, stderr=subprocess.STDOUT
        )
        for _ in range(100):
            try:
                self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._control_port)
                break
            except OSError:
                await asyncio.sleep(0.1)
        else:
            raise RuntimeError("the telephone does not start")
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        self._writer.close()
        self._process.terminate()
        try:
            await asyncio.to_thread(self._process.wait, 5)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._output.close()

    def tell(self, command: str, parameters: str = "") -> None:
        """A command of baresip's menu: dial, sndcode, hangup."""
        text = json.dumps({"command": command, "params": parameters}).encode()
        self._writer.write(b"%d:%b," % (len(text), text))

    async def wait(
        self, kind: str, where: Callable[[dict[str, Any]], bool] = lambda _: True, timeout: float = 15
    ) -> None:
        """Until it has told of this: CALL_ESTABLISHED, CALL_CLOSED."""

        def is_there() -> bool:
            return any(e.get("type") == kind and where(e) for e in self.events)

        async with self._news:
            await asyncio.wait_for(self._news.wait_for(is_there), timeout)

    async def _read(self) -> None:
        while size := (await self._reader.readuntil(b":"))[:-1]:
            text = await self._reader.readexactly(int(size))
            await self._reader.readexactly(1)
            async with self._news:
                self.events.append(json.loads(text))
                self._news.notify_all()

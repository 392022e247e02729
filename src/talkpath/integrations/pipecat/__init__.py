"""talkpath in Pipecat: the call in a serializer, what follows from it in Pipecat's own slots. Needs `talkpath[pipecat]`; docs/pipecat.md.

serializer = TalkpathSerializer(websocket)                     # of FastAPIWebsocketParams, for every provider
strategies = turn_strategies(serializer)                       # of LLMUserAggregatorParams
pipeline = Pipeline([transport.input(), CallEvents(), stt, …])  # keys, beeps and tones as frames
"""

from talkpath.integrations.pipecat.plug_points import check

check()

from talkpath.integrations.pipecat.events import CallEvents, SpeakAfterBeep  # noqa: E402
from talkpath.integrations.pipecat.frames import (  # noqa: E402
    AgentHeardFrame,
    AnsweredByFrame,
    BeepFrame,
    CallAudioFrame,
    LineToneFrame,
)
from talkpath.integrations.pipecat.heard import AgentHeard  # noqa: E402
from talkpath.integrations.pipecat.parts import (  # noqa: E402
    EchoFilters,
    NoiseFilter,
    TalkpathMixer,
    TalkpathResampler,
)
from talkpath.integrations.pipecat.serializer import TalkpathSerializer  # noqa: E402
from talkpath.integrations.pipecat.turns import (  # noqa: E402
    CallTurnStartStrategy,
    CallTurnStopStrategy,
    turn_strategies,
)
from talkpath.integrations.pipecat.vad import TalkpathVADAnalyzer  # noqa: E402

__all__ = [
    "AgentHeard",
    "AgentHeardFrame",
    "AnsweredByFrame",
    "BeepFrame",
    "CallAudioFrame",
    "CallEvents",
    "CallTurnStartStrategy",
    "CallTurnStopStrategy",
    "EchoFilters",
    "LineToneFrame",
    "NoiseFilter",
    "SpeakAfterBeep",
    "TalkpathMixer",
    "TalkpathResampler",
    "TalkpathSerializer",
    "TalkpathVADAnalyzer",
    "turn_strategies",
]

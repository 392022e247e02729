"""Every threshold of the measures. docs/scan.md says them to the user ("How it is measured"); a test compares."""

RATE_HZ = 8000  # everything is judged as a telephone carries it
FRAME_MS = 20
FRAME = RATE_HZ * FRAME_MS // 1000

# Speech, on either side.
SPEECH_PROBABILITY = 0.5  # of the voice activity detector, frame by frame
BRIDGED_MS = 300  # pauses up to this belong to the speech around them
SHORTEST_SPEECH_MS = 80  # what is shorter is no speech
# A detector lags: so much at either end of speech is cut off where it is within 10 dB of the noise, and so far below the speech.
EDGE_MS, EDGE_DB = 160, 20.0
ALONE_MS = 200  # so much of the caller's speech without the agent's, and only that says how loud the caller is

ABOVE_NOISE_DB = 10.0  # what sounds is so much above the noise floor
# Sound that is no speech, music, noises: half of the frames of a block are above the noise, and louder than this.
SOUND_DBOV, SOUND_BLOCK_MS = -45.0, 200

NOISE_PERCENT = 10  # of the frames that are not digital silence: the noise floor
NOISE_LEAST_MS = 500  # of frames without speech; where there is less, all frames count

CLIPPED = (
    32000 / 32768
)  # a sample from here on is clipped; the loudest codes of µ-law (32124) and A-law (32256) are, the next ones are not

DEAD_AIR_MS = 2000  # nobody speaks and nothing sounds for longer than this
KEY_MS = 500  # a key, and the way to the next one: somebody is there
TALK_OVER_MS = 300  # both speak; shorter overlaps count for the share, and are no event
# One-way audio: in a call of this length, one side speaks so long, and the other not even so long.
ONE_WAY_CALL_MS, ONE_WAY_TALK_MS, ONE_WAY_SILENT_MS = 5000, 1500, 300

ECHO_S = 120  # the echo is judged by so much of the beginning
ECHO_SURE = 0.5  # likelihood, and confidence of the delay

# A recorded side of the agent's that is said to a call again: louder than this is said, and goes on over pauses up to this. Nothing is judged by it.
SAID_DBOV, SAID_GAP_MS = -55.0, 400

"""What talkpath raises. Every C status code maps to exactly one class."""


class TalkpathError(Exception):
    """Base of all errors that talkpath raises on purpose."""


class ConfigError(TalkpathError, ValueError):
    """A parameter is out of its range; the message names the field, the value and what is allowed."""


class FormatError(TalkpathError, ValueError):
    """Data is not what its format promises; the message gives the byte offset where that is known."""


class NoBufferError(FormatError, TypeError):
    """Samples or bytes were expected, and what came is neither: None, a list, a str."""


class LengthError(FormatError):
    """A buffer has the wrong length. Nothing was processed: the stream can go on."""


class StateError(TalkpathError, RuntimeError):
    """The call is not possible in the object's present state."""


#: C status code -> class
BY_STATUS: dict[int, type[TalkpathError]] = {-1: ConfigError, -2: FormatError, -3: LengthError, -4: StateError}

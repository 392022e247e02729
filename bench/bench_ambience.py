"""Built-in backgrounds: the time to make one, once for all calls of a process."""

import pytest

from talkpath import ambience


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("name", ambience.NAMES)
def test_generate(benchmark, name, rate):
    benchmark.group = f"make a background, {name}, {rate} Hz"
    benchmark.pedantic(ambience.ambience_generate, args=(ambience.NAMES.index(name), rate), rounds=5)

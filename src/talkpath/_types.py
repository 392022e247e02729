"""Names for annotations."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Buffer: TypeAlias = bytes | bytearray | memoryview | npt.NDArray[Any]
"""Any C-contiguous buffer; the docstring says of what."""

Samples: TypeAlias = npt.NDArray[np.int16]
"""int16 PCM, mono, shape (n,)."""

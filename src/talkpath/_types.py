"""Names for annotations."""

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from typing_extensions import Buffer
else:  # collections.abc.Buffer is Python 3.12's
    Buffer = object

Samples: TypeAlias = npt.NDArray[np.int16]
"""int16 PCM, mono, shape (n,)."""

__all__ = ["Buffer", "Samples"]

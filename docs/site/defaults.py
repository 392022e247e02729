"""Defaults of a call's configuration, as the reference shows them: the values, which the C core has, for the expressions that fetch them."""

from dataclasses import MISSING, fields
from typing import Any

import griffe

from talkpath.call.config import CallConfig, SemanticVad

_CLASSES = {f"{kind.__module__}.{kind.__name__}": kind for kind in (CallConfig, SemanticVad)}


class Defaults(griffe.Extension):
    """Before the signature of the dataclass is made."""

    def on_attribute_instance(self, *, attr: griffe.Attribute, **_: Any) -> None:
        kind = _CLASSES.get(attr.parent.path if attr.parent is not None else "")
        if kind is None or not str(attr.value or "").count("_"):
            return
        default = {field.name: field.default for field in fields(kind)}.get(attr.name, MISSING)
        if default is not MISSING:
            attr.value = repr(round(default, 3) if isinstance(default, float) else default)

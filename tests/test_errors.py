"""Status codes and exceptions are one to one."""

import re

import pytest
from conftest import CSRC

import talkpath as tp
from talkpath import _core, errors


def test_every_status_has_its_own_exception_and_text() -> None:
    header = (CSRC / "include/talkpath/talkpath.h").read_text(encoding="utf-8")
    codes = {int(value): name for name, value in re.findall(r"(TP_E\w+) = (-\d+)", header)}
    assert set(codes) == set(errors.BY_STATUS)
    classes = list(errors.BY_STATUS.values())
    assert len(set(classes)) == len(classes)
    for code, cls in errors.BY_STATUS.items():
        assert issubclass(cls, tp.TalkpathError)
        assert codes[code].removeprefix("TP_E").lower() == cls.__name__.removesuffix("Error").lower()
    texts = _core._statuses()
    assert set(texts) == set(codes)
    assert len(set(texts.values())) == len(codes)
    assert "unknown status" not in texts.values()


def test_builtin_bases() -> None:
    assert issubclass(tp.ConfigError, ValueError)
    assert issubclass(tp.FormatError, ValueError)
    assert issubclass(tp.LengthError, tp.FormatError)
    assert issubclass(tp.StateError, RuntimeError)


def test_versions_agree() -> None:
    header = (CSRC / "include/talkpath/talkpath.h").read_text(encoding="utf-8")
    assert f'#define TP_VERSION "{tp.__version__}"' in header
    pyproject = (CSRC.parent / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{tp.__version__}"' in pyproject


def test_no_object_without_a_state() -> None:
    """`__new__` alone must not give an object whose methods would follow a null pointer."""
    for name in tp.__all__:
        cls = getattr(tp, name)
        if isinstance(cls, type) and issubclass(cls, _core._State):
            if cls is tp.Resampler:
                with pytest.raises(TypeError):
                    cls.__new__(cls)
                continue
            made = cls.__new__(cls)
            made.reset()
            assert repr(made) == repr(cls())
            with pytest.raises(TypeError):
                type("Sub", (cls,), {})  # final: a subclass could leave the state half made

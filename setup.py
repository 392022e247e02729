"""Builds the C core as one static library and the Cython module on top of it. Everything else is in pyproject.toml.

Switches (environment):
    TALKPATH_DEBUG=1                        -O0 -g, assertions on
    TALKPATH_SANITIZE=address,undefined     with these sanitizers (run Python with their runtime preloaded: `make sanitize`)
    TALKPATH_COVERAGE=1                     gcov counters
    TALKPATH_STRICT=1                       the warnings of `make lint`, as errors, on the C core
"""

import os
import sys
import sysconfig
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup

MSVC = sys.platform == "win32"
ABI3 = not sysconfig.get_config_var("Py_GIL_DISABLED")  # the stable ABI and free threading exclude each other

STRICT = ["-Wall", "-Wextra", "-Wconversion", "-Wdouble-promotion", "-Wvla", "-Wstrict-prototypes", "-Werror"]


def flags() -> tuple[list[str], list[str]]:
    """Compiler and linker flags."""
    if MSVC:
        return ["/O2", "/std:c11", "/utf-8"], []
    # Contraction off: the plain C paths then give the same floats on every machine. Nobody reads errno or the exception flags after
    # arithmetic; without them GCC may turn `a < b ? a : b` into a minimum, and so vectorise. No result changes.
    compile_flags = [
        "-std=c11",
        "-O3",
        "-g0",
        "-ffp-contract=off",
        "-fno-math-errno",
        "-fno-trapping-math",
        "-fvisibility=hidden",
    ]
    link_flags: list[str] = []
    instrumented = False
    if os.environ.get("TALKPATH_DEBUG"):
        compile_flags += ["-O0", "-g", "-UNDEBUG"]
        instrumented = True
    if sanitizers := os.environ.get("TALKPATH_SANITIZE"):
        compile_flags += [
            f"-fsanitize={sanitizers}",
            "-fno-sanitize-recover=all",
            "-fno-omit-frame-pointer",
            "-O1",
            "-g",
        ]
        link_flags += [f"-fsanitize={sanitizers}"]
        instrumented = True
    if os.environ.get("TALKPATH_COVERAGE"):
        compile_flags += ["--coverage", "-O0"]
        link_flags += ["--coverage"]
        instrumented = True
    if not instrumented:  # small: what is not called goes, and nothing here unwinds a stack
        compile_flags += [
            "-ffunction-sections",
            "-fdata-sections",
            "-fno-asynchronous-unwind-tables",
            "-fno-unwind-tables",
        ]
    if sys.platform != "darwin" and not instrumented:
        link_flags += ["-Wl,--gc-sections", "-Wl,-s"]
    return compile_flags, link_flags


compile_flags, link_flags = flags()
core_sources = sorted(p.as_posix() for p in Path("csrc").rglob("*.c") if "fuzz" not in p.parts)
core_headers = sorted(p.as_posix() for p in Path("csrc").rglob("*.h"))
core_library = (
    "talkpath_core",
    {
        "sources": core_sources,
        "depends": core_headers,
        "obj_deps": {"": core_headers},
        "include_dirs": ["csrc", "csrc/include"],
        "cflags": [
            *compile_flags,
            *([] if MSVC else ["-fPIC"]),
            *(STRICT if os.environ.get("TALKPATH_STRICT") else []),
        ],
    },
)
core_module = Extension(
    "talkpath._core",
    ["src/talkpath/_core.pyx"],
    depends=[
        *map(str, Path("src/talkpath").rglob("*.pxi")),
        *core_headers,
        *core_sources,
        "src/talkpath/_numpy.h",
        "src/talkpath/_slab.h",
    ],
    include_dirs=["csrc", "csrc/include", "src/talkpath", numpy.get_include()],
    # The wrapper is glue: small beats fast.
    extra_compile_args=[*compile_flags, *([] if MSVC else ["-Os", "-Wno-unused-function"])],
    extra_link_args=link_flags,
    libraries=[] if MSVC else ["m"],
    define_macros=[("CYTHON_CLINE_IN_TRACEBACK", "0"), *([("Py_LIMITED_API", "0x030B0000")] if ABI3 else [])],
    py_limited_api=ABI3,
)

setup(
    libraries=[core_library],
    ext_modules=cythonize([core_module], compiler_directives={"language_level": 3}),
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if ABI3 else {},
)

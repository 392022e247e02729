#!/bin/sh
# The fuzz targets on NEON: built for aarch64 with zig (`pip install ziglang`) and UBSan's traps, run by qemu-user-static.
#     csrc/fuzz/neon.sh [changes of each seed] [target …]     # PYTHON names the interpreter that has ziglang
# libFuzzer is not to be had there: replay.c goes through the seeds and so many changes of each.
set -eu
cd "$(dirname "$0")/../.."
changes=${1:-5}
[ $# -gt 0 ] && shift
qemu=$(command -v qemu-aarch64-static || command -v qemu-aarch64) || { echo 'qemu-user-static is not installed, skipped'; exit 0; }
zig="${PYTHON:-python3} -m ziglang"
$zig version >/dev/null 2>&1 || { echo 'ziglang is not installed, skipped'; exit 0; }
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN)}
compile="$zig cc -target aarch64-linux-musl -std=gnu11 -O2 -g0 -ffp-contract=off -fsanitize=undefined -fsanitize-trap=undefined -Icsrc -Icsrc/include"
rm -rf build/fuzz-neon && mkdir -p build/fuzz-neon/objects
find csrc -name '*.c' -not -path '*/fuzz/*' | xargs -P "$jobs" -I{} sh -c "$compile -c {} -o build/fuzz-neon/objects/\$(basename {} .c).o"
for source in csrc/fuzz/fuzz_*.c; do
    name=$(basename "$source" .c)
    case " $* " in "  " | *" ${name#fuzz_} "*) echo "${name#fuzz_}" ;; esac
done | xargs -P "$jobs" -I{} sh -c "$compile csrc/fuzz/fuzz_{}.c csrc/fuzz/replay.c build/fuzz-neon/objects/*.o -lm -static -o build/fuzz-neon/{} \
    && found=\$(TALKPATH_FUZZ_VARIANT=neon $qemu build/fuzz-neon/{} $changes csrc/fuzz/seeds/{}) \
    && printf '%-20s neon    %s\n' {} \"\$found\" || { echo '{} failed'; exit 255; }"
echo 'fuzz on NEON: nothing found'

#!/bin/sh
# Builds and runs every fuzz target under ASan and UBSan, once for each variant of the loops that this machine has: plain, AVX2, AVX-512.
#     csrc/fuzz/run.sh [seconds a target, for all variants together] [target …]
# As many at once as there are processors (JOBS says otherwise). Each begins with csrc/fuzz/seeds (seeds.py makes them) and with what was
# found before (build/fuzz/corpus_*). On AVX2 inputs grow from short ones, elsewhere they are long at once: left alone, libFuzzer keeps them so
# short for minutes that a call is four frames long. A target that fails leaves its input in build/fuzz.
set -eu
cd "$(dirname "$0")/../.." && self=csrc/fuzz/run.sh
checks="-fsanitize=address,undefined -fno-sanitize-recover=all"
compile="${CLANG:-clang} -std=gnu11 -g -O1 -Icsrc -Icsrc/include"
variants="plain avx2 avx512"

case "${1:-}" in
--object)
    exec $compile $checks -fsanitize=fuzzer-no-link -c "$2" -o "build/fuzz/objects/$(basename "$2" .c).o" ;;
--target) # seconds, file
    name=$(basename "$3" .c)
    $compile $checks -fsanitize=fuzzer "$3" build/fuzz/objects/*.o -lm -o "build/fuzz/$name"
    mkdir -p "build/fuzz/corpus_$name" "csrc/fuzz/seeds/${name#fuzz_}"
    for variant in $variants; do
        control=0 && [ "$variant" = avx2 ] && control=100
        log=build/fuzz/$name.$variant.log
        TALKPATH_FUZZ_VARIANT=$variant "build/fuzz/$name" -max_total_time="$2" -max_len=8192 -len_control=$control -print_final_stats=1 \
            -artifact_prefix="build/fuzz/$name-" "build/fuzz/corpus_$name" "csrc/fuzz/seeds/${name#fuzz_}" >"$log" 2>&1 \
            || { tail -n 40 "$log"; echo "$name failed on $variant"; exit 255; }
        grep -q 'not on this machine' "$log" && continue
        awk -v name="${name#fuzz_}" -v variant="$variant" \
            '/number_of_executed_units/ { n += $2 } / cov: / { for (i = 1; i < NF; i++) if ($i == "cov:") cov = $(i + 1) }
             END { printf "%-20s %-7s %9d inputs, %5d edges\n", name, variant, n, cov }' "$log"
    done
    exit 0 ;;
esac

seconds=${1:-60}
[ $# -gt 0 ] && shift
jobs=${JOBS:-$(getconf _NPROCESSORS_ONLN)}
rm -rf build/fuzz/objects && mkdir -p build/fuzz/objects
find csrc -name '*.c' -not -path '*/fuzz/*' | xargs -P "$jobs" -I{} "$self" --object {}
for source in csrc/fuzz/fuzz_*.c; do
    name=$(basename "$source" .c)
    case " $* " in "  " | *" ${name#fuzz_} "*) echo "$source" ;; esac
done | xargs -P "$jobs" -I{} "$self" --target $(((seconds + 2) / 3)) {}
echo 'fuzz: nothing found'

#!/bin/sh
# Builds and runs every fuzz target under ASan and UBSan.   csrc/fuzz/run.sh [seconds each] [target …]
# Half of the time on short inputs, half on long ones: left alone, libFuzzer keeps them so short for minutes that a call is
# four frames long.
# The kernels are compiled once; a target that fails leaves its input in build/fuzz.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-60}
[ $# -gt 0 ] && shift
mkdir -p build/fuzz/objects
checks="-fsanitize=address,undefined -fno-sanitize-recover=all"
compile="${CLANG:-clang} -std=gnu11 -g -O1 -Icsrc -Icsrc/include"
objects=
for source in $(find csrc -name '*.c' -not -path '*/fuzz/*'); do
    object=build/fuzz/objects/$(basename "$source" .c).o
    $compile $checks -fsanitize=fuzzer-no-link -c "$source" -o "$object"
    objects="$objects $object"
done
for source in csrc/fuzz/fuzz_*.c; do
    name=$(basename "$source" .c)
    case " $* " in "  " | *" ${name#fuzz_} "*) ;; *) continue ;; esac
    $compile $checks -fsanitize=fuzzer "$source" $objects -lm -o "build/fuzz/$name"
    echo "== $name"
    mkdir -p "build/fuzz/corpus_$name"
    for control in 100 0; do
        "build/fuzz/$name" -max_total_time=$(((seconds + 1) / 2)) -max_len=8192 -len_control=$control -print_final_stats=1 \
            -artifact_prefix=build/fuzz/ "build/fuzz/corpus_$name" >"build/fuzz/$name.log" 2>&1 \
            || { tail -n 40 "build/fuzz/$name.log"; exit 1; }
        grep stat::number_of_executed_units "build/fuzz/$name.log"
    done
done

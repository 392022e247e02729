#!/bin/sh
# Builds and runs every fuzz target under ASan and UBSan.   csrc/fuzz/run.sh [seconds each] [target …]
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-60}
[ $# -gt 0 ] && shift
mkdir -p build/fuzz
for source in csrc/fuzz/fuzz_*.c; do
    name=$(basename "$source" .c)
    case " $* " in "  " | *" ${name#fuzz_} "*) ;; *) continue ;; esac
    ${CLANG:-clang} -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -Icsrc -Icsrc/include \
        "$source" $(find csrc -name '*.c' -not -path '*/fuzz/*') -lm -o "build/fuzz/$name"
    echo "== $name"
    mkdir -p "build/fuzz/corpus_$name"
    "build/fuzz/$name" -max_total_time="$seconds" -max_len=8192 -verbosity=0 -print_final_stats=1 "build/fuzz/corpus_$name" 2>&1 |
        grep -E 'stat::number_of_executed_units|ERROR|SUMMARY|runtime error' || { echo "$name failed"; exit 1; }
done

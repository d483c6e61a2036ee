#!/bin/bash
# Builds the native library with AddressSanitizer and UndefinedBehaviorSanitizer and runs the op's tests on it;
# any finding ends the run with an error. PYTHON names the interpreter.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}
compiler=${CXX:-g++}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# The preloaded runtime must be that of the compiler; Python and TensorFlow themselves are not instrumented, so
# leaks are not looked for, and type checks (vptr) would need their type information. Instrumented code brings
# warnings that the real build has not. Checks of null pointers make constants of TensorFlow's headers unconstant
# (GCC bug 71962).
"$python" -c '
import sys
from pathlib import Path
sys.path.insert(0, "tfmed/ops")
import build
build.WARNINGS = []
build.OPTIMISE = ["-O1", "-g", "-fno-omit-frame-pointer", "-fno-math-errno", "-fno-trapping-math"]
without = "vptr,null,nonnull-attribute,returns-nonnull-attribute"
checks = ["-fsanitize=address,undefined", f"-fno-sanitize={without}", "-fno-sanitize-recover=undefined"]
build.build(Path(sys.argv[1]), checks)
' "$folder/libtfmed_ops.so"

runtimes="$($compiler -print-file-name=libasan.so):$($compiler -print-file-name=libubsan.so)"
# pytest must not capture the output (-s): a finding ends the process, and its report with it.
sets="avx2 baseline"
if grep -qw avx512vl /proc/cpuinfo; then sets="avx512 $sets"; fi
for isa in $sets; do
  echo "Sanitizers: $isa"
  LD_PRELOAD=$runtimes ASAN_OPTIONS=detect_leaks=0:halt_on_error=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
    TFMED_OPS_LIBRARY=$folder/libtfmed_ops.so TFMED_OPS_ISA=$isa TF_CPP_MIN_LOG_LEVEL=3 \
    "$python" -m pytest -q -s -p no:cacheprovider tests/ops/test_l2_norm_pool.py
done

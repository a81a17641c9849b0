# Sourced by the scripts beside it: one place for what they share. Needs bash.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly ROOT

say() { printf '%s\n' "$*" >&2; }

die() { # die EXIT_CODE SENTENCE
  local code=$1
  shift
  say "${0##*/}: $*"
  exit "$code"
}

# The comment block at the head of a script is its help text.
print_help() {
  sed -n '2,/^[^#]/{/^#/!d;s/^# \{0,1\}//;p}' "$0"
}

# Compilers at once: one a core, but no more than the free memory bears at 1.5 GiB each.
build_jobs() {
  local cores free_kib by_memory
  cores=$(nproc)
  free_kib=$(awk '/^MemAvailable:/ {print $2}' /proc/meminfo)
  by_memory=$((free_kib / (1536 * 1024)))
  ((by_memory < 1)) && by_memory=1
  echo $((cores < by_memory ? cores : by_memory))
}

# ccache, where it is installed, shares objects between checkouts: hence paths relative to this one.
use_ccache() {
  command -v ccache >/dev/null || return 0
  export CMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER-ccache}
  export CCACHE_BASEDIR=$ROOT CCACHE_NOHASHDIR=1
}

# Runs a command with its output in a log, which is shown only if the command fails.
quietly() { # quietly LOG COMMAND...
  local log=$1 status=0
  shift
  "$@" >"$log" 2>&1 || status=$?
  if ((status)); then
    cat "$log" >&2
    say "failed ($status): $*"
  fi
  return "$status"
}

# Configures and builds one preset; "$2"... are targets, none means all.
build_preset() { # build_preset PRESET [TARGET...]
  local preset=$1 dir=$ROOT/build/$1
  shift
  use_ccache
  mkdir -p "$dir"
  say "configuring and building preset $preset in build/$preset"
  (cd "$ROOT" && quietly "$dir/configure.log" cmake --preset "$preset" ${PROPHET_WERROR:+"-DPROPHET_WERROR=$PROPHET_WERROR"})
  quietly "$dir/build.log" cmake --build "$dir" -j "$(build_jobs)" ${1:+--target "$@"}
}

# Runs ctest in a built preset; leaves ctest.log and junit.xml in its build directory.
run_ctest() { # run_ctest PRESET [CTEST ARGUMENT...]
  local preset=$1 dir=$ROOT/build/$1 status=0
  shift
  rm -f "$dir/junit.xml"
  ctest --test-dir "$dir" -j "$(nproc)" --output-on-failure --no-tests=error \
    --output-junit "$dir/junit.xml" "$@" </dev/null 2>&1 | tee "$dir/ctest.log" || status=$?
  return "$status"
}

#!/usr/bin/env bash
# Lints the models' SQL as dbt compiles it over a small made-up company. `make lint` runs it.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
home="$(mktemp -d)"
trap 'rm -rf "$home"' EXIT
export ALMANAC_HOME="$home" DBT_TARGET_PATH="$home/target" DBT_LOG_PATH="$home/logs"
unset ALMANAC_RAW

ml simulate --customers 100 --months 4 >"$home/simulate.log"
dbt compile --quiet --exclude resource_type:test resource_type:unit_test

cd "$DBT_TARGET_PATH/compiled/almanac"
sqlfluff lint --config "$root/.sqlfluff" models

# sqlfluff can ask for a trailing comma of every select or of none; a select of one line has none here.
find models -name '*.sql' -exec awk '
    FNR == 1 { before = "" }
    /^ *from / && before !~ /(^ *select .*|,)$/ {
        print FILENAME ":" FNR ": no comma after the last column of a select of several lines"
        found = 1
    }
    NF { before = $0 }
    END { exit found }
' {} +

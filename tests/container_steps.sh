#!/usr/bin/env bash
# Takes the Dockerfile's steps without Docker: its copies, its pip install in a bare environment, its command, on the workspace
# that ALMANAC_HOME names. Prints what /health and /v1/targets answer, then ends.
set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
workspace=${ALMANAC_HOME:?the workspace to serve}
app=$(mktemp -d)
trap 'rm -rf "$app"' EXIT
cd "$app"
grep '^COPY' "$repository/Dockerfile" | while read -r _ files; do
    # The last word is where they go.
    set -- $files
    for file in "${@:1:$#-1}"; do cp -r "$repository/$file" "${!#}"; done
done
python3 -m venv env
install=$(sed -n 's/^RUN pip //p' "$repository/Dockerfile")
eval "env/bin/pip --quiet --disable-pip-version-check $install"
command=$(sed -n 's/^CMD //p' "$repository/Dockerfile" | tr -d '[],"')
# No key is made here: it listens on this machine only.
command=${command/0.0.0.0/127.0.0.1}
chmod -R a-w "$app/ml" "$app/feature_repo" "$app/dbt_project"
ALMANAC_HOME=$workspace DBT_TARGET_PATH=$workspace/target PYTHONDONTWRITEBYTECODE=1 PATH=$app/env/bin:$PATH $command --port 8766 &
server=$!
trap 'kill $server; wait $server; chmod -R u+w "$app"; rm -rf "$app"' EXIT
for path in health v1/targets; do
    curl --silent --fail --retry 60 --retry-connrefused --retry-delay 1 "127.0.0.1:8766/$path"
    echo
done

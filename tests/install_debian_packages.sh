#!/bin/sh
# Installs the Debian packages that some tests need: a browser for the report's page, a Redis server,
# and Java for Spark.
# Run it as root on Debian; elsewhere, or when they are there, it says so and does nothing.
set -eu

packages="chromium redis-server openjdk-17-jre-headless"

missing=""
for package in $packages; do
    case $package in
        openjdk-*) program=java ;;
        *) program=$package ;;
    esac
    command -v "$program" >/dev/null 2>&1 || missing="$missing $package"
done

if [ -z "$missing" ]; then
    echo "Already installed: $packages."
elif ! grep -q '^ID=debian' /etc/os-release 2>/dev/null || ! command -v apt-get >/dev/null 2>&1; then
    echo "Not installed:$missing. This is not Debian; tests that need them are skipped."
elif [ "$(id -u)" -ne 0 ]; then
    echo "Not installed:$missing. Run this as root to install; tests that need them are skipped."
else
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    # shellcheck disable=SC2086 # one word a package
    apt-get install -y -qq --no-install-recommends $missing >/dev/null
    echo "Installed:$missing."
fi

#!/usr/bin/env bash
# prom-client 15.1.3: three of its own default metrics are gauges whose names end in _total, a suffix that Prometheus keeps for
# counters. `promtool check metrics` therefore objects to every program that only calls collectDefaultMetrics().
# Seen: nodejs_active_resources_total, nodejs_active_handles_total and nodejs_active_requests_total are gauges.
# Here: /metrics leaves them out; it has the same numbers by kind, as nodejs_active_resources and so on.
set -euo pipefail
dir="$(mktemp -d)"
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund prom-client@15.1.3
cat >probe.mjs <<'JS'
import { collectDefaultMetrics, register } from 'prom-client';

collectDefaultMetrics();
const types = (await register.metrics()).match(/^# TYPE .*_total gauge$/gm) ?? [];
console.log(types.map((line) => line.split(' ')[2]).sort().join('\n'));
process.exit(0);
JS
seen="$(timeout 30 node probe.mjs)"
printf '%s\n' "$seen"
want=$'nodejs_active_handles_total\nnodejs_active_requests_total\nnodejs_active_resources_total'
[ "$seen" = "$want" ] || { echo 'CHANGED: other gauges end in _total, or none' >&2; exit 1; }

#!/usr/bin/env bash
# @eventstore/db-client 6.2.1 warns of a parameter that it does not know, and of tlsVerifyCert=false, with the whole connection
# string on the console, the password in it. It misreads others in silence: it cuts a password at a raw ":", and takes a user
# without a password for a part of the host.
# Seen: "unknown: printed", "tlsVerifyCert: printed", "raw colon: hun", "no password: ann@127.0.0.1:1".
# Here: src/infrastructure/eventstore/esdb-url.ts reads the string completely, and connect.ts gives the client values only.
set -euo pipefail
dir="$(mktemp -d)"
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund @eventstore/db-client@6.2.1
cat >probe.cjs <<'JS'
const { EventStoreDBClient } = require('@eventstore/db-client');
const { parseConnectionString } = require('@eventstore/db-client/dist/Client/parseConnectionString');

let warned = '';
console.warn = (text) => (warned += text);
const printed = (url) => {
  warned = '';
  EventStoreDBClient.connectionString(url);
  return warned.includes('hunter2') ? 'printed' : 'not printed';
};
const { defaultCredentials } = parseConnectionString('esdb://ann:hun:ter2@127.0.0.1:1');
const [{ address, port }] = parseConnectionString('esdb://ann@127.0.0.1:1').hosts;
console.log(`unknown: ${printed('esdb://ann:hunter2@127.0.0.1:1?retries=3')}`);
console.log(`tlsVerifyCert: ${printed('esdb://ann:hunter2@127.0.0.1:1?tlsVerifyCert=false')}`);
console.log(`raw colon: ${defaultCredentials.password}`);
console.log(`no password: ${address}:${port}`);
JS
seen="$(timeout 60 node probe.cjs)"
printf '%s\n' "$seen"
expected=$'unknown: printed\ntlsVerifyCert: printed\nraw colon: hun\nno password: ann@127.0.0.1:1'
[ "$seen" = "$expected" ] || { echo 'CHANGED: the client reads connection strings otherwise now' >&2; exit 1; }

#!/usr/bin/env bash
# pg 8.23.1: `statement_timeout`, `lock_timeout` and `idle_in_transaction_session_timeout` of the configuration do not become
# SET statements. They travel in the startup packet, which poolers that know only some parameters refuse before
# authentication: PgBouncer says "unsupported startup parameter" and drops the connection, in session mode too.
# Seen: the packet holds statement_timeout=5000, lock_timeout=100 and idle_in_transaction_session_timeout=7000.
# Here: src/infrastructure/postgres/session/pg-client.ts sets them by a statement after connecting.
set -euo pipefail
dir="$(mktemp -d)"
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund pg@8.23.1
cat >probe.mjs <<'JS'
import { createServer } from 'node:net';
import pg from 'pg';

const server = createServer((socket) =>
  socket.once('data', (packet) => {
    const words = packet.subarray(8).toString().split('\0');
    for (let at = 0; at + 1 < words.length && words[at]; at += 2) console.log(`${words[at]}=${words[at + 1]}`);
    socket.destroy();
  }),
);
server.listen(0, '127.0.0.1', async () => {
  const { port } = server.address();
  const times = { statement_timeout: 5000, lock_timeout: 100, idle_in_transaction_session_timeout: 7000 };
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'ann', database: 'work', ...times });
  await client.connect().catch(() => undefined);
  server.close();
});
JS
seen="$(timeout 30 node probe.mjs)"
printf '%s\n' "$seen"
for line in statement_timeout=5000 lock_timeout=100 idle_in_transaction_session_timeout=7000; do
  grep -qx "$line" <<<"$seen" || { echo "CHANGED: $line is not in the startup packet" >&2; exit 1; }
done

#!/usr/bin/env bash
# body-parser 2.4.0 does not refuse a body without a Content-Length when the body passes the limit. The error
# comes only after the client has sent the last byte: a client that never sends it gets no 413 and keeps its connection, and the
# server reads everything that it sends meanwhile.
# Seen: with a limit of 1 KB, the client sends 64 KB in chunks and gets no answer within 2 s; the 413 comes with the last chunk.
# Here: src/interfaces/http/server/json-body.ts answers at the first byte over the limit.
set -euo pipefail
dir="$(mktemp -d)"
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund body-parser@2.4.0
cat >probe.mjs <<'JS'
import { createServer, request } from 'node:http';
import parser from 'body-parser';

const parse = parser.json({ limit: 1024 });
const server = createServer((incoming, answer) => {
  parse(incoming, answer, (error) => {
    answer.statusCode = error?.status ?? 200;
    answer.end();
  });
});
server.listen(0, '127.0.0.1', async () => {
  const { port } = server.address();
  const headers = { 'content-type': 'application/json', 'transfer-encoding': 'chunked' };
  const client = request({ host: '127.0.0.1', port, method: 'POST', headers });
  const answered = new Promise((resolve) => client.on('response', ({ statusCode }) => resolve(statusCode)));
  client.write(`"${'a'.repeat(64 * 1024)}`);
  const pause = new Promise((resolve) => setTimeout(() => resolve('nothing'), 2000));
  console.log(`before the end: ${await Promise.race([answered, pause])}`);
  client.end('"');
  console.log(`after the end: ${await answered}`);
  process.exit(0);
});
JS
seen="$(timeout 30 node probe.mjs)"
printf '%s\n' "$seen"
[ "$seen" = $'before the end: nothing\nafter the end: 413' ] || { echo 'CHANGED: it is refused at another moment' >&2; exit 1; }

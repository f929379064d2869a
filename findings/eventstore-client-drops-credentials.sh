#!/usr/bin/env bash
# @eventstore/db-client 6.2.1 never sends credentials over a connection without TLS, whether its user gives them in the
# connection string, as the client's default, or with the call. It throws nothing and warns of nothing; only its debug log says so.
# A server on loopback that asks for credentials therefore answers UNAUTHENTICATED to a client that has the right ones.
# Seen: "connection string: none", "default: none", "call: none".
# Here: src/infrastructure/eventstore/connect.ts sends them by an interceptor of its own.
set -euo pipefail
dir="$(mktemp -d)"
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund @eventstore/db-client@6.2.1 @grpc/grpc-js@1.14.7 google-protobuf@3.21.4
cat >probe.cjs <<'JS'
const grpc = require('@grpc/grpc-js');
const { EventStoreDBClient } = require('@eventstore/db-client');
const { StreamsService } = require('@eventstore/db-client/generated/streams_grpc_pb');

const given = { username: 'ann', password: 'correct' };
let header;
const read = (call) => {
  header = call.metadata.get('authorization')[0];
  call.end();
};
const unary = (_call, answer) => answer({ code: grpc.status.UNIMPLEMENTED });
const server = new grpc.Server();
server.addService(StreamsService, { read, append: unary, delete: unary, tombstone: unary, batchAppend: (call) => call.end() });
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), async (error, port) => {
  if (error) throw error;
  const at = `127.0.0.1:${port}`;
  const clients = {
    'connection string': [EventStoreDBClient.connectionString(`esdb://ann:correct@${at}?tls=false`), {}],
    default: [new EventStoreDBClient({ endpoint: at }, { insecure: true }, given), {}],
    call: [EventStoreDBClient.connectionString(`esdb://${at}?tls=false`), { credentials: given }],
  };
  for (const [name, [client, options]] of Object.entries(clients)) {
    header = undefined;
    for await (const _event of client.readStream('stream', options)) throw new Error('no event was sent');
    console.log(`${name}: ${header ?? 'none'}`);
    await client.dispose();
  }
  server.forceShutdown();
});
JS
seen="$(timeout 60 node probe.cjs)"
printf '%s\n' "$seen"
[ "$seen" = $'connection string: none\ndefault: none\ncall: none' ] || { echo 'CHANGED: credentials are sent now' >&2; exit 1; }

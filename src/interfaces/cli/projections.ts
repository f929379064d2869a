/** `npm run projections`: what operators do with the read tables. An instance without an API, beside others or alone. */
import { userInfo } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { RebuildOrder } from '../../application/commands/order-rebuild.js';
import { projections } from '../../application/projections/index.js';
import type { ProjectionTools } from '../../composition/read-tables.js';
import { runUntilSignal } from '../../composition/run-until-signal.js';
import { type Checked, verifyAll, verifySample } from '../../application/projections/drift/check-execution.js';
import { DEFAULT_DRIFT_LIMITS, noteDrift } from '../../application/projections/drift/drift-watch.js';
import {
  poisonLines,
  rebuildLines,
  statusLines,
  differenceLines,
  ProgressBar,
  readArguments,
  type Arguments,
} from './projections-output.js';

const FOLLOW_EVERY_MS = 250;
const UNDER_WAY: ReadonlySet<unknown> = new Set(['building', 'accepted', 'rolling_back']);
const GOOD: ReadonlySet<unknown> = new Set(['swapped', 'rolled_back']);

/**
 * Shows how far rebuilds are until none is under way.
 * @param approved asked once for each that differs from the live table; true: it goes on
 * @returns 0 where all ended in a table that is live, 1 otherwise
 */
const followRebuilds = async (
  { admin, log }: ProjectionTools,
  tables: readonly string[],
  approved: (table: string, rebuildId: string) => Promise<boolean>,
  write: (line: string) => void,
  signal: AbortSignal,
): Promise<number> => {
  const bar = new ProgressBar(process.stdout);
  const open = new Set(tables);
  let failed = false;
  while (open.size > 0 && !signal.aborted) {
    const head = await log.head();
    for (const table of open) {
      const view = await admin.rebuilds.view(table);
      const { rebuild, building } = view;
      if (UNDER_WAY.has(rebuild?.phase)) {
        const done = Number(building?.position ?? 0);
        const work = { done, total: head === 'start' ? 0 : Number(head), events: building?.events ?? null };
        bar.show({ label: `${table}: ${rebuild?.phase}`, ...work });
        continue;
      }
      bar.end();
      for (const line of rebuildLines(view)) write(`${table}: ${line}`);
      if (rebuild?.phase === 'refused' && (await approved(table, rebuild.id))) continue;
      failed ||= !GOOD.has(rebuild?.phase);
      open.delete(table);
    }
    if (open.size > 0) await delay(FOLLOW_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
  if (signal.aborted)
    write('Interrupted. The rebuild is not lost: a running application goes on with it, or this command again.');
  return failed || signal.aborted ? 1 : 0;
};

/** Shown of each execution; the last line has the number of all. */
const LINES = 20;

/** @returns 1 where something differs. Health and status show each difference until it is gone. */
const verify = async (
  { admin, log, clock, ids }: ProjectionTools,
  tables: readonly string[],
  sample: number | null,
  write: (line: string) => void,
  signal: AbortSignal,
): Promise<number> => {
  const bar = new ProgressBar(process.stdout);
  const head = await log.head();
  let [executions, differing] = [0, 0];
  const onChecked = async (checked: readonly Checked[]) => {
    executions++;
    const wrong = checked.filter(({ differences }) => differences.length > 0);
    if (wrong.length > 0) differing++;
    for (const each of checked) await noteDrift(admin.records, each, clock.now(), DEFAULT_DRIFT_LIMITS.samples);
    if (wrong.length === 0) return;
    bar.end();
    for (const each of wrong) for (const line of differenceLines(each).slice(0, LINES)) write(line);
  };
  const onPosition = (position: bigint) =>
    bar.show({ label: `${executions} executions`, done: Number(position), total: Number(head), events: null });
  const chosen = projections.filter(({ table }) => tables.includes(table));
  const verification = { log, rows: admin.rows, projections: chosen, signal, onChecked, onPosition };
  if (sample === null) await verifyAll(verification);
  else await verifySample(verification, sample, () => ids.uuid());
  bar.end();
  const what = `${executions} executions compared in ${tables.join(', ')}`;
  if (signal.aborted) write('Interrupted before the end: what follows is about a part of them');
  write(differing === 0 ? `${what}: all rows are those of their events` : `${what}: ${differing} of them differ`);
  return differing === 0 && !signal.aborted ? 0 : 1;
};

const RATE_OVER_MS = 1_000;
const LISTED = 1_000;
const LOOK_EVERY_MS = 100;

const write = (line: string) => void process.stdout.write(`${line}\n`);
const names = projections.map(({ table }) => table);
const caller = (reason: string) => ({
  actor: { type: 'user', id: userInfo().username } as const,
  ...{ reason, idempotencyKey: null, traceparent: null },
});

const main = async (signal: AbortSignal): Promise<number> => {
  const given = readArguments(process.argv.slice(2), names);
  if (!given) return 0;
  const { openProjectionTools } = await import('../../composition/read-tables.js');
  const tools = await openProjectionTools();
  try {
    return await run(given, tools, signal);
  } finally {
    await tools.close();
  }
};

const run = (given: Arguments, tools: ProjectionTools, signal: AbortSignal): Promise<number> => {
  const { command, name } = given;
  switch (command) {
    case 'status':
      return status(tools, name);
    case 'poisoned':
      return poisoned(tools, name);
    case 'verify':
      return verify(tools, name === 'all' ? names : [name], given.sample, write, signal);
    case 'retry':
    case 'skip':
      return treat(tools, given, command, signal);
    case 'rebuild':
    case 'approve':
    case 'abandon':
    case 'rollback':
    case 'drop':
      return rebuild(tools, given, signal);
  }
};

const status = async ({ admin }: ProjectionTools, name: string): Promise<number> => {
  await admin.statuses.sample();
  await delay(RATE_OVER_MS);
  const found = await admin.statuses.look(name === 'all' ? null : name, 0);
  for (const line of found.flatMap(statusLines)) write(line);
  return 0;
};

const poisoned = async ({ admin }: ProjectionTools, name: string): Promise<number> => {
  const found = await admin.statuses.look(name === 'all' ? null : name, LISTED);
  const lines = found.flatMap(poisonLines);
  for (const line of lines.length > 0 ? lines : ['No execution is held back, and no event was skipped']) write(line);
  return 0;
};

const treat = async (
  { admin, log, clock, ids, lead }: ProjectionTools,
  { name, execution, reason }: Arguments,
  action: 'retry' | 'skip',
  signal: AbortSignal,
): Promise<number> => {
  const { TreatPoison, TreatPoisonHandler } = await import('../../application/commands/treat-poison.js');
  const handler = new TreatPoisonHandler(log, admin.records, admin.orders, ids, clock);
  const { order } = await handler.execute(new TreatPoison(name, execution, action, reason, caller(reason)));
  // Nothing proves who works on the machine, so nobody has to confirm it: see docs/access.md.
  if (!order) throw new Error('Expected an order, got a proposal');
  lead();
  for (;;) {
    const now = await admin.orders.find(order.id);
    if (now?.doneAt) {
      write(`${name}: ${execution}: ${action}: ${now.outcome}`);
      return (await admin.records.poison(name, execution)) ? 1 : 0;
    }
    await delay(LOOK_EVERY_MS, undefined, { signal });
  }
};

const rebuild = async (tools: ProjectionTools, given: Arguments, signal: AbortSignal): Promise<number> => {
  const { admin, clock, ids } = tools;
  const { name, reason, approve } = given;
  const { OrderRebuild, OrderRebuildHandler } = await import('../../application/commands/order-rebuild.js');
  const handler = new OrderRebuildHandler(admin.rebuilds, ids, clock);
  const chosen = name === 'all' ? names : [name];
  const ask = (table: string, order: RebuildOrder, why: string) =>
    handler.execute(new OrderRebuild(table, order, caller(why)));
  for (const table of chosen) await ask(table, await orderOf(tools, table, given), reason);
  if (given.command === 'drop' || given.command === 'abandon') {
    for (const table of chosen) for (const line of rebuildLines(await admin.rebuilds.view(table))) write(line);
    return 0;
  }
  tools.lead();
  const approved = async (table: string, id: string) => {
    if (approve === null) return false;
    await ask(table, { type: 'approve', rebuildId: id }, approve);
    return true;
  };
  return followRebuilds(tools, chosen, approved, write, signal);
};

const orderOf = async (
  { admin }: ProjectionTools,
  table: string,
  { command, require }: Arguments,
): Promise<RebuildOrder> => {
  if (command === 'rollback') return { type: 'rollback' };
  if (command === 'drop') return { type: 'drop-previous' };
  if (command === 'rebuild') return { type: 'request', require };
  const { rebuild: latest } = await admin.rebuilds.view(table);
  if (!latest) throw new Error(`${table} was never rebuilt: there is nothing to ${command}`);
  return { type: command === 'approve' ? 'approve' : 'abandon', rebuildId: latest.id };
};

runUntilSignal(main);

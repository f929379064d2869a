import { projectionStream } from '../../domain/projection/events.js';
import { isOpen } from '../../domain/projection/rebuild.js';
import type { Clock } from '../runtime/clock.js';
import type { CommandContext } from '../log/envelope.js';
import { commandIdFor } from '../log/ids.js';
import type { Projection } from '../projections/projection.js';
import type { RebuildStore } from './rebuild-store.js';
import type { Rebuilds } from './rebuilds.js';

type Ports = Readonly<{ store: RebuildStore; rebuilds: Rebuilds; clock: Clock }>;

/**
 * Has the tables rebuilt that an earlier version of their mapping made, and those that are new beside a log that is not.
 * Each version is asked for once: where an operator abandons it, or takes it back, it stays so. Tables of a later version
 * are left to the instances that know it.
 */
export const rebuildOutdated = async (
  { store, rebuilds, clock }: Ports,
  projections: readonly Projection[],
): Promise<void> => {
  const live = await store.live();
  if (live.size === 0) return;
  for (const { table, version } of projections) {
    const present = live.get(table);
    if (present && present.version >= version) continue;
    const { rebuild } = (await rebuilds.life(table)).state;
    if (rebuild && isOpen(rebuild)) {
      // What is on its way back, or swapped in and only not recorded, is finished first.
      const isEnding = rebuild.phase === 'rolling_back' || present?.rebuildId === rebuild.id;
      if (rebuild.version >= version || isEnding) continue;
      const asked = contextOf(table, 'superseded', rebuild.id, clock, `The mapping has version ${version} now`);
      await rebuilds.abandon(table, rebuild.id, asked);
    }
    const reason = present ? `The table is of version ${present.version}, the mapping of ${version}` : 'It is new';
    const asked = contextOf(table, 'version', String(version), clock, reason);
    await rebuilds.request(table, { require: 'none', cause: 'version' }, asked);
  }
};

/** The same wish of several instances is one command. */
const contextOf = (table: string, verb: string, of: string, clock: Clock, reason: string): CommandContext => {
  const commandId = commandIdFor(projectionStream(table), verb, of);
  const actor = { type: 'system', id: 'rebuilder' } as const;
  return { commandId, at: clock.now(), actor, reason, causationId: null, traceparent: null };
};

import type { Sendable } from '../wire/encode-event.js';
import { visibleOf } from './log-reads.js';
import type { Reader } from '../storage/reader.js';
import { DELETED, LINK_TYPE, originalOf, type StoredEvent } from '../wire/records.js';

/** Puts the events that links point to beside the links. A link whose target cannot be read stays alone. */
export async function resolveLinks(reader: Reader, events: readonly StoredEvent[]): Promise<readonly Sendable[]> {
  const targets = new Map(events.filter(({ type }) => type === LINK_TYPE).map((link) => [link, targetOf(link)]));
  const wanted = [...targets.values()].filter((target) => target !== undefined);
  if (targets.size === 0) return events.map((event) => ({ event }));
  const found = new Map<string, StoredEvent>();
  const states = await reader.states([...new Set(wanted.map(({ stream }) => originalOf(stream)))]);
  for (const event of await reader.places(wanted)) {
    const state = states.get(originalOf(event.stream));
    if (!state || state.tombstoned || state.truncateBefore === DELETED) continue;
    const { first, since } = visibleOf(state, Date.now());
    if (originalOf(event.stream) !== event.stream || (event.revision >= first && event.created >= since))
      found.set(keyOf(event), event);
  }
  return events.map((event) => {
    if (event.type !== LINK_TYPE || !POINTS.test(text(event))) return { event };
    const target = targets.get(event);
    return { event: target && found.get(keyOf(target)), link: event };
  });
}

/** What does not begin like a link is an event as any other, whatever its type says. */
const POINTS = /^\s*[+-]?\d+\s*(@|$)/;
const text = (link: StoredEvent) => Buffer.from(link.data).toString('utf8');

/** A link's data are `<revision>@<stream>`. */
function targetOf(link: StoredEvent): { stream: string; revision: bigint } | undefined {
  const [, revision, stream] = /^(\d{1,19})@(.+)$/s.exec(text(link)) ?? [];
  if (revision === undefined || stream === undefined || stream.includes('\0')) return undefined;
  return BigInt(revision) > DELETED ? undefined : { stream, revision: BigInt(revision) };
}

const keyOf = ({ stream, revision }: { stream: string; revision: bigint }) => `${revision}@${stream}`;

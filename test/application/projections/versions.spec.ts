/** What each version of a mapping makes of the recorded histories. A mapping that gives something else is another version. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { projections } from '../../../src/application/projections/index.js';
import type { Projection } from '../../../src/application/projections/projection.js';
import { readEvent } from '../../../src/application/projections/read-event.js';
import type { RecordedEvent } from '../../../src/application/log/event-log.js';
import { EXECUTION_ID, iso, dateAt } from '../../support/histories.js';

type Fingerprints = Readonly<Record<string, string>>;
type Stored = readonly Readonly<{ type: string; data: unknown }>[];

const histories = new URL('../../histories/', import.meta.url);
const folder = new URL('../../projections/', import.meta.url);

const recorded = ({ type, data }: Stored[number], index: number): RecordedEvent => ({
  id: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
  ...{ type, data },
  metadata: {
    commandId: `command-${index}`,
    $correlationId: EXECUTION_ID,
    $causationId: `cause-${index}`,
    actor: { type: 'user', id: 'ann' },
    reason: 'why',
    occurredAt: iso(index),
    traceparent: null,
    summary: { state: 'running', step: 'a', nextStep: 'b', percentComplete: 40, nextActionAt: iso(60_000) },
  },
  stream: `workflow-${EXECUTION_ID}`,
  revision: BigInt(index),
  position: BigInt(100 + index),
  recordedAt: dateAt(index + 1),
});

const asText = (value: unknown) =>
  JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? String(each) : each));

/** By history: a digest of all changes that its events lead to, an event of an unknown type after them included. */
const fingerprintsOf = (projection: Projection): Fingerprints =>
  Object.fromEntries(
    readdirSync(histories)
      .filter((name) => name.endsWith('.json'))
      .sort()
      .map((name) => {
        const { events } = JSON.parse(readFileSync(new URL(name, histories), 'utf8')) as { events: Stored };
        const stored = [...events, { type: 'OfAnotherVersion', data: { n: 1 } }];
        const changes = stored.map((event, index) => projection.project(readEvent(recorded(event, index))));
        return [name, createHash('sha256').update(asText(changes)).digest('hex')];
      }),
  );

const fileOf = ({ table, version }: Projection) => new URL(`${table}.v${version}.json`, folder);

const known = (projection: Projection): Fingerprints => {
  const file = fileOf(projection);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Fingerprints) : {};
};

/** `FINGERPRINTS=write`: adds what is not there yet. What was released is never written over. */
const addMissing = (projection: Projection): void => {
  const all = { ...fingerprintsOf(projection), ...known(projection) };
  writeFileSync(fileOf(projection), `${JSON.stringify(all, Object.keys(all).sort(), 2)}\n`);
};

describe.each(projections.map((projection) => ({ table: projection.table, projection })))(
  '$table',
  ({ projection }) => {
    const { table, version } = projection;
    if (process.env.FINGERPRINTS === 'write') addMissing(projection);
    const [before, now] = [known(projection), fingerprintsOf(projection)];

    test('gives what it gave under this version', () => {
      const changed = Object.keys(now).filter((name) => name in before && before[name] !== now[name]);
      if (changed.length === 0) return;
      throw new Error(
        `The mapping of ${table} gives something else than version ${version} did, for ${changed.join(', ')}. ` +
          `If that is meant, raise \`version\` in src/application/projections to ${version + 1} (instances build the table ` +
          `anew when they start) and run this test once with FINGERPRINTS=write; if not, mend the mapping`,
      );
    });

    test('has a fingerprint for each history', () => {
      const missing = Object.keys(now).filter((name) => !(name in before));
      if (missing.length === 0) return;
      throw new Error(
        `test/projections/${table}.v${version}.json has no fingerprint for ${missing.join(', ')}: ` +
          `run this test once with FINGERPRINTS=write, and commit the file`,
      );
    });
  },
);

test('whatever a mapping makes of an event, the fingerprint tells', () => {
  const [first] = projections;
  const other: Projection = { ...first!, project: (event) => first!.project(event).slice(1) };
  const [ours, theirs] = [fingerprintsOf(first!), fingerprintsOf(other)];
  for (const name of Object.keys(ours)) expect(theirs[name]).not.toBe(ours[name]);
});

/** The result of a trial as a table, and whether the trial shows anything. */
import type { Streams } from './check-world.js';
import type { Clients } from './clients.js';
import type { Ledger } from './ledger.js';
import type { Life } from './processes.js';
import type { TakeOvers } from './take-overs.js';

export type Found = Readonly<{
  streams: Streams;
  ledger: Ledger;
  clients: Clients;
  fired: ReadonlyMap<string, number>;
  lives: readonly Life[];
  taken: TakeOvers;
  recoveryMs: number;
  stillPaused: number;
  cutShort: number;
  minutes: number;
  violations: readonly string[];
}>;

const seconds = (ms: number | undefined) => (ms === undefined ? '-' : `${(ms / 1_000).toFixed(1)} s`);
const times = (sorted: readonly number[]) =>
  `p50 ${seconds(sorted[Math.floor(sorted.length / 2)])}, max ${seconds(sorted.at(-1))} (${sorted.length})`;
const countBy = <Item>(items: Iterable<Item>, nameOf: (item: Item) => string): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(nameOf(item), (counts.get(nameOf(item)) ?? 0) + 1);
  return counts;
};
const listed = (counts: ReadonlyMap<string, number>) =>
  [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');

const kills = ({ lives }: Found) => lives.filter(({ endedBy }) => endedBy === 'SIGKILL').length;
const acceptedStarts = ({ clients }: Found) => clients.acknowledged.filter(({ action }) => action === 'start').length;
const agentFaults = ({ ledger }: Found) =>
  countBy(
    ledger.flatMap(({ calls }) => calls),
    ({ fault }) => fault,
  );

export const summary = (found: Found): string => {
  const { streams, ledger, clients, fired, lives, taken, violations } = found;
  const events = [...streams.values()].flat();
  const interruptions = events.filter(({ type }) => type === 'StepInterrupted').length;
  const calls = ledger.flatMap((entry) => entry.calls);
  const rows: readonly (readonly [string, string | number])[] = [
    ['workflows', `${streams.size}, ${events.length} events`],
    ['they ended', listed(countBy(streams.values(), (events) => String(lastState(events))))],
    ['starts accepted', `${acceptedStarts(found)} of ${clients.startsTried}`],
    ['commands acknowledged', listed(countBy(clients.acknowledged, ({ action }) => action))],
    ['answers', listed(clients.answers)],
    [
      'agent calls',
      `${calls.length} under ${ledger.length} keys, ${calls.filter(({ besides }) => besides > 0).length} beside another`,
    ],
    ['agent faults', listed(agentFaults(found))],
    ['processes ended', listed(countBy(lives, ({ endedBy }) => endedBy))],
    ['faults', `${[...fired.values()].reduce((sum, each) => sum + each, 0)}: ${listed(fired)}`],
    ['steps interrupted', interruptions],
    ['take-over after a kill', times(taken.attended)],
    ['  with no other instance', times(taken.unattended)],
    ['slowest recovery', seconds(found.recoveryMs)],
    ['left paused', found.stillPaused],
    ['shutdowns cut short', found.cutShort],
    ['violations', violations.length],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
};

const lastState = (events: Streams extends ReadonlyMap<string, infer Stream> ? Stream : never): unknown =>
  (events.at(-1)?.metadata as { summary?: { state?: string } }).summary?.state;

/** The reasons for which a trial without violations would still show nothing. */
export const vacuous = (found: Found): readonly string[] => {
  const { clients, minutes, streams, fired } = found;
  const all = [...fired.values()].reduce((sum, each) => sum + each, 0);
  const checks: readonly (readonly [boolean, string])[] = [
    [kills(found) >= minutes, `${kills(found)} kills in ${minutes} min`],
    [all >= 8 * minutes, `${all} faults in ${minutes} min`],
    [
      acceptedStarts(found) >= 0.9 * clients.startsTried,
      `${acceptedStarts(found)} of ${clients.startsTried} starts accepted`,
    ],
    [streams.size >= 30 * minutes, `${streams.size} workflows in ${minutes} min`],
    [agentFaults(found).size >= (minutes >= 1 ? 15 : 5), `${agentFaults(found).size} kinds of agent faults`],
  ];
  return checks.flatMap(([holds, text]) => (holds ? [] : [text]));
};

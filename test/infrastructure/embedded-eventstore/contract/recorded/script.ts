/** The recorded cases, as they stand in the files beside this one: steps, and what EventStoreDB 23.10.8 answered to each. */
import { readFileSync } from 'node:fs';

/** An event: a label, which its id is made of, or what differs from `{ type: 'T', data: { label } }`. */
export type EventSpec =
  | string
  | Readonly<{
      id?: string;
      /** An id in the form in which it is sent. */
      rawId?: string;
      type?: string;
      data?: unknown;
      meta?: unknown;
      /** Binary data: a text, or so many bytes. */
      bytes?: string;
      size?: number;
    }>;

export type FilterSpec = Readonly<{
  on: 'stream' | 'type' | 'noSystem';
  prefixes?: readonly string[];
  regex?: string;
  interval?: number;
  window?: number;
}>;

/**
 * One thing that a case does. `~` stands for a word of the case's own, `x*2000` for 2,000 times the letter x, `e0..e9` for ten
 * labels, `7n` for a number that the client gets as a `bigint`.
 */
export type Step = Readonly<
  Partial<{
    append: string;
    events: readonly EventSpec[] | string;
    options: object;
    /** By a call of its own instead of the batch stream. */
    unary: boolean;
    read: string;
    readAll: boolean;
    del: string;
    tomb: string;
    setMeta: string;
    getMeta: string;
    sub: string;
    psub: string;
    group: string;
    bufferSize: number;
    /** What a subscription brought since the last such step, after so many milliseconds. */
    heard: string;
    after: number;
    leave: string;
    ack: string;
    numbers: readonly number[];
    nack: 'park' | 'retry' | 'skip' | 'stop' | 'unknown';
    /** A method of the client, with its arguments, and what is kept of its result. */
    call: string;
    args: readonly unknown[];
    pick: readonly string[];
    /** A call of the protocol, with the bytes of its request. */
    rpc: string;
    hex: string;
    streamed: boolean;
    http: string;
    headers: Record<string, string>;
    body: string;
    together: readonly Step[];
    wait: number;
    exp: string;
    meta: unknown;
    deadline: number;
    from: unknown;
    dir: 'forwards' | 'backwards';
    max: number | string;
    links: boolean;
    filter: FilterSpec;
    /** Contents too, or positions too, or the number of events alone, or those of this case alone. */
    full: boolean;
    positions: boolean;
    count: boolean;
    mine: boolean;
    /** The name under which a position or a subscription is kept for later steps. */
    as: string;
  }>
>;

/** With a step, its answer; without one where the server did not answer the same each time, or where there is none. */
type Recorded = readonly [step: Step] | readonly [step: Step, answer: unknown];

export type RecordedCase = Readonly<{
  name: string;
  /** Needs a log to which no other case writes, and a process in which none has calls under way. */
  quiet?: boolean;
  /** EventStoreDB's answer makes the client throw outside of any call: played against the embedded node alone. */
  breaksClient?: boolean;
  /** More of the connection string. */
  connection?: string;
  steps: readonly Recorded[];
}>;

const FILES = ['appends', 'content', 'reads', 'subscriptions', 'metadata', 'unserved'];
const read = (file: string): unknown => JSON.parse(readFileSync(new URL(`./${file}.json`, import.meta.url), 'utf8'));

export const recordedCases = (): readonly RecordedCase[] => [
  ...everyState(read('every-state') as EveryState),
  ...FILES.flatMap((file) => read(file) as RecordedCase[]),
];

/** What is done, the state of a stream before it, the expected revisions that all were answered alike, and those answers. */
type EveryState = Record<string, Record<string, Record<string, readonly unknown[]>>>;

const append = (stream: string, ...labels: readonly string[]): Step => ({ append: stream, events: labels });
const SETTLED: Recorded = [{ wait: 500 }];

const BEFORE: Record<string, (stream: string) => readonly Step[]> = {
  absent: () => [],
  'with two events': (stream) => [append(stream, `${stream}-0`, `${stream}-1`)],
  'soft-deleted': (stream) => [append(stream, `${stream}-0`, `${stream}-1`), { del: stream }],
  'soft-deleted, written to again': (stream) => [
    append(stream, `${stream}-0`, `${stream}-1`),
    { del: stream },
    append(stream, `${stream}-2`),
  ],
  tombstoned: (stream) => [append(stream, `${stream}-0`, `${stream}-1`), { tomb: stream }],
  'tombstoned before it was written': (stream) => [{ tomb: stream }],
  'with metadata only': (stream) => [{ setMeta: stream, meta: { maxCount: 5 } }],
};

const DONE: Record<string, (stream: string, exp: string) => Step> = {
  append: (stream, exp) => ({ ...append(stream, `${stream}-new`), exp }),
  'append by the single call': (stream, exp) => ({ ...append(stream, `${stream}-new`), exp, unary: true }),
  delete: (stream, exp) => ({ del: stream, exp }),
  tombstone: (stream, exp) => ({ tomb: stream, exp }),
};

/** Each thing done to a stream in each state at each expected revision; then the stream is looked at, and appended to. */
function everyState(answers: EveryState): readonly RecordedCase[] {
  return Object.entries(answers).flatMap(([what, states]) =>
    Object.entries(states).map(([state, rows]) => {
      const streams = Object.entries(rows).flatMap(([revisions, row]) =>
        revisions.split(' ').map((revision) => {
          const stream = `~-${revision}`;
          const filled = JSON.stringify(row).replaceAll('~', stream).replaceAll('%', revision);
          const steps = stepsTo(stream, /^\d+$/.test(revision) ? `${revision}n` : revision, what, state);
          const given = JSON.parse(filled) as unknown[];
          let at = 0;
          return steps.map((part) => part.map((step): Recorded => [step, given[at++]]));
        }),
      );
      const part = (number: number) => streams.flatMap((steps) => steps[number] ?? []);
      return {
        name: `${what}: each revision, to a stream ${state}`,
        steps: [...part(0), SETTLED, ...part(1), SETTLED, ...part(2), ...part(3)],
      };
    }),
  );
}

const stepsTo = (stream: string, exp: string, what: string, state: string): readonly (readonly Step[])[] => [
  BEFORE[state]!(stream),
  [DONE[what]!(stream, exp), { read: stream }],
  [{ read: stream }, { read: stream, dir: 'backwards', from: 'end' }, { getMeta: stream }, { read: `$$${stream}` }],
  [append(stream, `${stream}-after`), { read: stream }],
];

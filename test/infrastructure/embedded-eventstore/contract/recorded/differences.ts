/** Where the embedded node answers otherwise than EventStoreDB, on purpose. `docs/embedded-node.md` says the same in words. */

type Difference = Readonly<{
  why: string;
  /** By the names of the cases: the numbers of the steps that differ, from 0. `some`: which of them depends on the moment. */
  cases: Readonly<Record<string, readonly number[] | 'some'>>;
}>;

const UNSERVED = [
  'persistent: create, twice, info, update, delete',
  'persistent: what is not there',
  'persistent: read and acknowledge',
  'persistent: nack, park',
  'persistent: nack, retry',
  'persistent: nack, skip',
  'persistent: nack, stop',
  'persistent: nack, unknown',
  'persistent: a message that times out',
  'persistent: from end, from a revision, of an absent stream',
  'persistent: deleted while listening',
  'persistent: at most one subscriber',
  'persistent: links',
  'persistent: strategy RoundRobin',
  'persistent: strategy DispatchToSingle',
  'persistent: strategy Pinned',
  'persistent: strategy PinnedByCorrelation',
  'persistent: strategy Nonsense',
  'persistent: settings that cannot be',
  'persistent: to $all',
  'persistent: a tombstoned and a soft-deleted stream',
  'projections: list and status',
  'projections: create, state, disable, delete',
  'management: users',
  'management: features, gossip, monitoring, cluster',
  'management: operations',
  'http: what a browser or a probe may ask',
];

export const differences: readonly Difference[] = [
  {
    why: 'The node serves neither persistent subscriptions nor projections, users, operations, monitoring and HTTP: UNIMPLEMENTED.',
    cases: Object.fromEntries(UNSERVED.map((name) => [name, 'some'])),
  },
  {
    why: 'An entry of an index of Postgres holds at most 2,704 bytes, so stream names have a limit; event types have one for the memory of searches.',
    cases: {
      'name: 30,000 characters': [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12],
      'refused: a name of 100,000 characters': [0],
      'refused: a type of 70,000 characters': [0, 1],
    },
  },
  {
    why: 'Postgres cannot hold NUL characters in a text.',
    cases: { 'refused: NUL in the type': [0], 'refused: NUL in the name': [0] },
  },
  {
    why: 'Nothing is scavenged, so there is no stream of scavenges.',
    cases: { 'name: those that the server may keep for itself': [5] },
  },
  {
    why: 'A name that no trailer of HTTP can hold arrives percent-encoded; with EventStoreDB the call ends in HTTP status 500, or without an error.',
    cases: { 'name: blank': [12], 'name: unicode': [12], 'name: line break': [12] },
  },
  {
    why: 'Positions count events, so the place after an event is mostly the next one; in EventStoreDB it is an error.',
    cases: {
      '$all: from positions of events and between them': [9, 10, 11],
      'subscribe: $all from a place that is none': 'some',
    },
  },
  {
    why: 'A subscriber that is too slow falls behind and catches up; EventStoreDB ends its call.',
    cases: { 'subscribe: $all from the end, from a place and between': 'some' },
  },
  {
    why: 'A checkpoint names the last event that was looked at; EventStoreDB may name an earlier one while it catches up.',
    cases: { 'checkpoints: interval 1, window 5, catching up': [10] },
  },
];

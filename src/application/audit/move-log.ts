/** The log's move to another server: checked against all that was signed, signed itself, and taken over by all that follow the log. */
import type { EventLog, RecordedEvent } from '../log/event-log.js';
import { StreamTombstoned } from '../log/event-log.js';
import { recordedPosition } from '../log/recorded-place.js';
import type { AuditLease, AuditTree } from './audit-tree.js';
import {
  AUDITED_PREFIXES,
  leafOf,
  OWN_STREAM_PREFIXES,
  presentLog,
  presentPosition,
  type Leaf,
} from './audited-log.js';
import type { Finding } from './finding.js';
import type { TrustedKeys } from './keys.js';
import { movedSize, type SignedTreeHead } from './signed-tree-head.js';
import { TreeHeadChain, type TreeHeadDependencies } from './tree-head-chain.js';
import { Leaves, verifyLog } from './verify-log.js';
import { verifyTreeHeads } from './verify-tree-heads.js';

/** Where an event stands in the log as it is now. */
export type PresentPlace = Readonly<{ stream: string; revision: bigint; position: bigint }>;

/** What the database keeps of positions, in one transaction: all of it is moved, or nothing is. */
export interface StoredPositions {
  /** How far each follower of the log has come, in the terms of the log that it followed. */
  followers(): Promise<ReadonlyMap<string, bigint>>;
  note(places: readonly PresentPlace[]): Promise<void>;
  /** Every stored position becomes that of the places noted. @param followers null: at the start of the log */
  move(followers: ReadonlyMap<string, bigint | null>): Promise<void>;
}

export interface PositionStore {
  /** Commits when `work` resolves. */
  inTransaction<T>(work: (positions: StoredPositions) => Promise<T>): Promise<T>;
}

/** Nothing was signed and nothing was changed. */
export class MoveRefused extends Error {
  constructor(
    message: string,
    readonly findings: readonly Finding[] = [],
  ) {
    super(message);
  }
}

export type Moved = Readonly<{
  events: number;
  /** Of the last of them, in the log that recorded it or to which it was moved before, and in this one. */
  from: bigint;
  to: bigint;
  /** Number of the tree head that records it. */
  checkpoint: number;
}>;

type MoveDependencies = TreeHeadDependencies & Readonly<{ keys: TrustedKeys; positions: PositionStore }>;

/**
 * To be called with the copy as the log, while no application runs. A call that was interrupted is simply repeated.
 * @returns null where the log stands where the tree knows it
 * @throws MoveRefused where the copy is not what was signed, to its end
 */
export const moveLog = async (ports: MoveDependencies, lease: AuditLease): Promise<Moved | null> => {
  const heads = await TreeHeadChain.read(ports, lease);
  const { size } = await lease.state();
  mustBeSignedToItsEnd(heads.size, size);
  const [last] = await ports.tree.leaves(size - 1, 1);
  const present = await eventOf(ports.log, last!);
  const trusted = await mustBeACopy(ports, size);
  const covered = movedSize(trusted);
  if (present && isWhereTreeKnowsIt(present, last!) && (present.movedFrom === undefined || covered >= size))
    return null;
  return ports.positions.inTransaction(async (positions) => {
    const isThisMove = ({ move, tree_size: covers, position }: SignedTreeHead, to: bigint | undefined) =>
      move !== undefined && covers === size && position === String(to);
    const earlier = (await ports.tree.moves()).filter((head) => !isThisMove(head, present?.position));
    const reached = await takePlaces(ports, positions, size, movedSize(earlier));
    const [from, to] = [presentPosition(last!), reached.position];
    const latest = heads.latest!;
    if (!isThisMove(latest, to))
      await heads.sign(size, Buffer.from(latest.root, 'hex'), to, { move: { from: String(from) } });
    await positions.move(reached.followers);
    return { events: size, from, to, checkpoint: heads.latest!.number };
  });
};

const mustBeSignedToItsEnd = (signed: number, size: number): void => {
  if (size === 0 || signed !== size)
    throw new MoveRefused(`${size} events are in the audit tree, ${signed} of them are signed. ${SIGN_FIRST}`);
};
const SIGN_FIRST =
  'Expected a log that is signed to its end: start the application once more on the log that was copied and stop it, with ' +
  'which it signs the rest; then copy again, and run this command again';

/** @returns the tree heads of trusted keys */
const mustBeACopy = async ({ log, outside, keys, tree }: MoveDependencies, size: number) => {
  const checkpoints = await verifyTreeHeads({ log, outside, keys });
  const verified = await verifyLog({ log, tree }, checkpoints.trusted, size);
  const findings = [...verified.findings, ...checkpoints.findings];
  if (findings.length > 0 && findings.every(({ kind }) => kind === 'unsigned-move'))
    throw new MoveRefused(
      `This log holds copied events behind those that are in the audit tree. ${SIGN_FIRST}`,
      findings,
    );
  if (findings.length > 0)
    throw new MoveRefused('Expected a copy of the log that was signed, event by event and in its order', findings);
  if (verified.covered < size)
    throw new MoveRefused(
      `Expected the ${size} events of the audit tree in this log, under a checkpoint of a trusted key; ${verified.covered} are`,
    );
  return checkpoints.trusted;
};

/** Events of one statement. */
const BATCH = 1_000;

type Reached = Readonly<{ position: bigint; followers: ReadonlyMap<string, bigint | null> }>;

/** Notes where each event stands now. @param before how many events an earlier move covers */
const takePlaces = async (
  { log, tree }: Readonly<{ log: EventLog; tree: AuditTree }>,
  positions: StoredPositions,
  size: number,
  before: number,
): Promise<Reached> => {
  const leaves = new Leaves(tree, size);
  const followers = await positions.followers();
  const reached = new Map<string, bigint | null>([...followers.keys()].map((name) => [name, null]));
  let batch: PresentPlace[] = [];
  let [index, position] = [0, 0n];
  for await (const event of presentLog(log, OWN_STREAM_PREFIXES)) {
    const leaf = isAudited(event) ? await leaves.next() : undefined;
    if (isAudited(event) && !leaf) break; // recorded here since
    const former = leaf ? presentPosition(leaf) : index >= before ? recordedPosition(event) : undefined;
    for (const [name, at] of followers) if (former !== undefined && former <= at) reached.set(name, event.position);
    if (leaf) [index, position] = [index + 1, event.position];
    batch.push(event);
    if (batch.length < BATCH) continue;
    await positions.note(batch);
    batch = [];
  }
  await positions.note(batch);
  return { position, followers: reached };
};

const isAudited = ({ stream }: RecordedEvent): boolean => AUDITED_PREFIXES.some((prefix) => stream.startsWith(prefix));

/** The log is a copy of the one that was signed, and its move is not: nothing may be signed over both. */
export class LogNotMoved extends Error {}

/** @throws LogNotMoved */
export const mustStandWhereTreeKnowsIt = async (
  { log, tree }: Readonly<{ log: EventLog; tree: AuditTree }>,
  size: number,
): Promise<void> => {
  const [last] = size > 0 ? await tree.leaves(size - 1, 1) : [];
  const event = last && (await eventOf(log, last));
  if (!event || isWhereTreeKnowsIt(event, last)) return;
  throw new LogNotMoved(
    `The last event of the audit tree was expected at position ${presentPosition(last)} of the log, and stands at ` +
      `${event.position}. Where this log is a copy that \`npm run eventstore:copy\` made, stop the application and run ` +
      '`npm run audit -- move`; else run `npm run audit -- verify --all`. Nothing is signed until then',
  );
};

const isWhereTreeKnowsIt = (event: RecordedEvent, leaf: Leaf): boolean => {
  const now = leafOf(event, leaf.index);
  return now.movedTo === leaf.movedTo && presentPosition(now) === presentPosition(leaf);
};

/** Undefined where it can be read no more, or another stands in its place: the verification says why. */
const eventOf = async (log: EventLog, { stream, revision, id }: Leaf): Promise<RecordedEvent | undefined> => {
  try {
    const [event] = await log.readPage(stream, { direction: 'forwards', from: revision, limit: 1 });
    return event?.id === id ? event : undefined;
  } catch (error) {
    if (error instanceof StreamTombstoned) return undefined;
    throw error;
  }
};

import type { KeyObject } from 'node:crypto';
import type { EventLog } from '../event-log.js';
import { CHECKPOINT_STREAM } from './audited-log.js';
import {
  checkpointHash,
  isSignedBy,
  readCheckpoint,
  type OutsideCheckpoints,
  type SignedCheckpoint,
} from './checkpoint.js';
import type { Finding, FindingKind } from './finding.js';
import { presentLog } from './present-log.js';

export type TrustedKeys = ReadonlyMap<string, KeyObject>;

export type CheckpointsVerified = Readonly<{
  /** Signed by a trusted key, by number, wherever they were found. */
  trusted: readonly SignedCheckpoint[];
  inLog: number;
  /** Null where there is no file. */
  inFile: number | null;
  findings: readonly Finding[];
}>;

type Ports = Readonly<{ log: EventLog; outside: OutsideCheckpoints; keys: TrustedKeys }>;

/** Signatures, links and numbers, in the log and in the file outside; and that neither holds what the other lacks. */
export const verifyCheckpoints = async ({ log, outside, keys }: Ports): Promise<CheckpointsVerified> => {
  const findings: Finding[] = [];
  const trusted = new Map<number, SignedCheckpoint>();
  const read = async (source: AsyncIterable<unknown>, where: string) => {
    const line = new Line(where, keys, findings);
    for await (const value of source) {
      const checkpoint = line.step(value);
      if (checkpoint) trusted.set(checkpoint.number, checkpoint);
    }
    return line.hashes;
  };
  const inLog = await read(stored(log), 'the log');
  const file = await outside.all();
  const inFile = file && (await read(file, 'the file'));
  for (const [number, hash] of inFile ?? []) {
    const other = inLog.get(number);
    const at = trusted.get(number) ?? null;
    if (other === undefined)
      findings.push(finding('checkpoint-removed', number, at, 'It stands in the file outside and not in the log'));
    else if (other !== hash) findings.push(finding('checkpoint-edited', number, at, 'The log and the file differ'));
  }
  const lastInFile = [...(inFile?.keys() ?? [])].at(-1) ?? -1;
  for (const number of inFile ? inLog.keys() : [])
    if (number < lastInFile && !inFile?.has(number))
      findings.push(finding('checkpoint-removed', number, trusted.get(number) ?? null, 'The file lacks it'));
  const inOrder = [...trusted.values()].sort((a, b) => a.number - b.number);
  return { trusted: inOrder, inLog: inLog.size, inFile: inFile?.size ?? null, findings };
};

async function* stored(log: EventLog): AsyncGenerator<unknown> {
  for await (const event of presentLog(log, CHECKPOINT_STREAM)) yield event.data;
}

/** Checkpoints one after the other, as one place holds them. */
class Line {
  readonly hashes = new Map<number, string>();
  private before: SignedCheckpoint | null = null;

  constructor(
    private readonly where: string,
    private readonly keys: TrustedKeys,
    private readonly findings: Finding[],
  ) {}

  /** The checkpoint, where a trusted key has signed it. */
  step(value: unknown): SignedCheckpoint | undefined {
    const { before, where } = this;
    const next = (before?.number ?? -1) + 1;
    const tell = (kind: FindingKind, number: number, what: string) =>
      void this.findings.push(finding(kind, number, before, `In ${where}: ${what}`));
    const checkpoint = parsed(value);
    if (!checkpoint) return tell('checkpoint-edited', next, 'this is no signed checkpoint');
    const { number, key_id: keyId, previous } = checkpoint;
    this.before = checkpoint;
    this.hashes.set(number, checkpointHash(checkpoint));
    if (number !== next) tell('checkpoint-removed', next, `it is missing; number ${number} comes instead`);
    else if (previous !== (before && checkpointHash(before)))
      tell('checkpoint-edited', next, 'it names another checkpoint before it');
    const key = this.keys.get(keyId);
    if (!key) return tell('wrong-key', number, `it is signed with the key ${keyId}, which is not trusted`);
    if (isSignedBy(checkpoint, key)) return checkpoint;
    return tell('checkpoint-signature', number, 'its signature is wrong');
  }
}

const parsed = (value: unknown): SignedCheckpoint | undefined => {
  try {
    return readCheckpoint(value);
  } catch {
    return undefined;
  }
};

const finding = (kind: FindingKind, number: number, at: SignedCheckpoint | null, what: string): Finding => ({
  kind,
  position: at ? BigInt(at.position) : null,
  stream: CHECKPOINT_STREAM,
  revision: BigInt(number),
  what: `Checkpoint ${number}. ${what}`,
  checkpoint: null,
});

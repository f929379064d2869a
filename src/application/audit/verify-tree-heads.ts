import type { EventLog } from '../log/event-log.js';
import { TREE_HEAD_STREAM, presentLog } from './audited-log.js';
import { treeHeadHash, readTreeHead, type OutsideTreeHeads, type SignedTreeHead } from './signed-tree-head.js';
import type { Finding, FindingKind } from './finding.js';
import { KeyWalk, type TrustedKeys } from './keys.js';
import { Tombstones } from './chain-walk.js';

type VerifiedTreeHeads = Readonly<{
  /** Signed by a trusted key, by number, wherever they were found. */
  trusted: readonly SignedTreeHead[];
  inLog: number;
  /** Null where there is no file. */
  inFile: number | null;
  /** Lines of the file that stand there again, the same: earlier versions wrote such after a stall. They count once. */
  repeated: number;
  /** The key of the first tree head; null where there is none. */
  firstKey: string | null;
  /** Keys whose public half was not found: what they have signed could not be checked. */
  missingKeys: readonly string[];
  findings: readonly Finding[];
}>;

type Ports = Readonly<{ log: EventLog; outside: OutsideTreeHeads; keys: TrustedKeys }>;

/** Signatures, links and numbers, in the log and in the file outside; and that neither holds what the other lacks. */
export const verifyTreeHeads = async ({ log, outside, keys }: Ports): Promise<VerifiedTreeHeads> => {
  const [ofFile, ofLog] = [new Line('the file', keys, true), new Line('the log', keys, false)];
  // The file first: what is signed meanwhile is in the log before it is there.
  const file = await outside.all();
  await ofFile.read(file ?? none());
  const tombstones = new Tombstones();
  await ofLog.read(stored(log, tombstones));
  const trusted = new Map([...ofLog.trusted, ...ofFile.trusted]);
  const findings = [...tombstones.findings, ...ofLog.findings, ...ofFile.findings];
  const [inLog, inFile] = [ofLog.hashes, file && ofFile.hashes];
  // What was signed after a tombstone could not get into the log.
  const lastInLog = tombstones.findings.length > 0 ? Math.max(-1, ...[...inLog.keys()].slice(-1)) : Infinity;
  for (const [number, hash] of inFile ?? []) {
    const other = inLog.get(number);
    const at = trusted.get(number) ?? null;
    if (other === undefined) {
      if (number < lastInLog)
        findings.push(finding('checkpoint-removed', number, at, 'It stands in the file outside and not in the log'));
    } else if (other !== hash) findings.push(finding('checkpoint-edited', number, at, 'The log and the file differ'));
  }
  const lastInFile = Math.max(-1, ...[...(inFile?.keys() ?? [])].slice(-1));
  for (const number of inFile ? inLog.keys() : [])
    if (number < lastInFile && !inFile?.has(number))
      findings.push(finding('checkpoint-removed', number, trusted.get(number) ?? null, 'The file lacks it'));
  const inOrder = [...trusted.values()].sort((a, b) => a.number - b.number);
  const missingKeys = [...new Set([...ofLog.missingKeys, ...ofFile.missingKeys])];
  const { repeated } = ofFile;
  const firstKey = ofLog.firstKey ?? ofFile.firstKey;
  const counts = { inLog: inLog.size, inFile: inFile?.size ?? null, repeated };
  return { trusted: inOrder, ...counts, firstKey, missingKeys, findings };
};

async function* stored(log: EventLog, tombstones: Tombstones): AsyncGenerator<unknown> {
  for await (const event of presentLog(log, TREE_HEAD_STREAM)) if (!tombstones.step(event)) yield event.data;
}

async function* none(): AsyncGenerator<never> {}

/** Tree heads one after the other, as one place holds them. */
class Line {
  readonly hashes = new Map<number, string>();
  readonly trusted = new Map<number, SignedTreeHead>();
  readonly missingKeys = new Set<string>();
  readonly findings: Finding[] = [];
  repeated = 0;
  firstKey: string | null = null;
  private readonly keys: KeyWalk;
  private before: SignedTreeHead | null = null;
  /** Signed with keys that no trusted key has named yet. A trusted tree head that names the last of them by its hash vouches for all. */
  private waiting: SignedTreeHead[] = [];
  /** Signed with keys that may sign, and whose public halves may stand in what comes next. */
  private readonly unchecked: SignedTreeHead[] = [];

  /** @param mayRepeat whether the same again counts once */
  constructor(
    private readonly where: string,
    keys: TrustedKeys,
    private readonly mayRepeat: boolean,
  ) {
    this.keys = new KeyWalk(keys);
  }

  async read(source: AsyncIterable<unknown>): Promise<void> {
    for await (const value of source) this.step(value);
    this.refuseWaiting();
    for (const head of this.unchecked) this.check(head);
  }

  private check(head: SignedTreeHead): void {
    const isSigned = this.keys.isSigned(head);
    if (isSigned) this.trusted.set(head.number, head);
    else if (isSigned === undefined) this.missingKeys.add(head.key_id);
    else this.addFinding('checkpoint-signature', head.number, 'its signature is wrong');
  }

  private step(value: unknown): void {
    const next = (this.before?.number ?? -1) + 1;
    const head = parsed(value);
    if (!head) return this.addFinding('checkpoint-edited', next, 'this is no signed checkpoint');
    const { number } = head;
    const hash = treeHeadHash(head);
    const earlier = this.hashes.get(number);
    if (this.mayRepeat && earlier === hash) {
      this.repeated += 1;
      return;
    }
    const isNext = this.isNext(head, earlier);
    if (!isNext) this.refuseWaiting();
    this.judge(head);
    this.firstKey ??= head.key_id;
    this.before = head;
    this.hashes.set(number, hash);
  }

  private isNext({ number, previous }: SignedTreeHead, earlier: string | undefined): boolean {
    const next = (this.before?.number ?? -1) + 1;
    const named = this.before && treeHeadHash(this.before);
    if (earlier !== undefined)
      this.addFinding('checkpoint-edited', number, 'it stands there more than once, and differs');
    else if (number !== next)
      this.addFinding('checkpoint-removed', next, `it is missing; number ${number} comes instead`);
    else if (previous !== named) this.addFinding('checkpoint-edited', next, 'it names another checkpoint before it');
    else return true;
    return false;
  }

  private judge(head: SignedTreeHead): void {
    const { number } = head;
    const judged = this.keys.step(head);
    if (judged === 'wrong-signature') this.addFinding('checkpoint-signature', number, 'its signature is wrong');
    if (judged === 'no-key') this.unchecked.push(head);
    if (judged === 'untrusted') this.waiting.push(head);
    if (judged !== 'trusted') return;
    for (const each of [...this.waiting, head]) this.trusted.set(each.number, each);
    this.waiting = [];
  }

  private refuseWaiting(): void {
    const [first, ...more] = this.waiting;
    this.waiting = [];
    if (!first) return;
    const { number, key_id: keyId } = first;
    const rest = more.length > 0 ? `. So are ${more.length} after it, or they are signed with such another` : '';
    const what = `it is signed with the key ${keyId}, which is neither pinned nor named by the one before it${rest}`;
    this.findings.push(finding('wrong-key', number, this.trusted.get(number - 1) ?? null, `In ${this.where}: ${what}`));
  }

  private addFinding(kind: FindingKind, number: number, what: string): void {
    this.findings.push(finding(kind, number, this.before, `In ${this.where}: ${what}`));
  }
}

const parsed = (value: unknown): SignedTreeHead | undefined => {
  try {
    return readTreeHead(value);
  } catch {
    return undefined;
  }
};

const finding = (kind: FindingKind, number: number, at: SignedTreeHead | null, what: string): Finding => ({
  kind,
  position: at ? BigInt(at.position) : null,
  stream: TREE_HEAD_STREAM,
  revision: BigInt(number),
  what: `Checkpoint ${number}. ${what}`,
  checkpoint: null,
});

/** What a verification finds. */
export type FindingKind =
  | 'edited-data'
  | 'edited-metadata'
  | 'edited-event'
  | 'broken-link'
  | 'deleted-event'
  | 'inserted-event'
  | 'reordered'
  | 'truncated-tail'
  | 'removed-stream'
  | 'recorded-time-changed'
  | 'history-rewritten'
  | 'checkpoint-removed'
  | 'checkpoint-edited'
  | 'checkpoint-signature'
  | 'wrong-key'
  | 'unsigned-move'
  | 'tree-damaged'
  | 'stream-tombstoned'
  | 'artifact-altered'
  | 'artifact-missing';

export type Finding = Readonly<{
  kind: FindingKind;
  /** Where it is, or was, in the log; null where that is not known. */
  position: bigint | null;
  stream: string;
  revision: bigint | null;
  /** In words, for people. */
  what: string;
  /** The number of the signed tree head that proves it; null where the events' own hashes prove it, or the unsigned tree. */
  checkpoint: number | null;
}>;

/** The first of the log first; those without a position last. */
export const inOrder = (findings: readonly Finding[]): readonly Finding[] =>
  [...findings].sort((a, b) => {
    if (a.position === null || b.position === null) return Number(a.position === null) - Number(b.position === null);
    return Number(a.position - b.position);
  });

/** Events that no tree head covers. `since`: when the log took the oldest of them. */
export type Unsigned = Readonly<{ events: number; since: Date }>;

/** One thing that was looked at: what is wrong in it, and, in sentences, what keeps it from being proven. */
type Part = Readonly<{ findings: readonly Finding[]; unproven: readonly string[] }>;

export type Verdict = Part & Readonly<{ outcome: 'proven' | 'wrong' | 'not-proven' }>;

/** What is wrong counts for more than what could not be proven. */
export const verdictOf = (parts: readonly Part[]): Verdict => {
  const findings = inOrder(parts.flatMap((part) => part.findings));
  const unproven = parts.flatMap((part) => part.unproven);
  const outcome = findings.length > 0 ? 'wrong' : unproven.length > 0 ? 'not-proven' : 'proven';
  return { outcome, findings, unproven };
};

export type Signing = Readonly<{
  pins: ReadonlySet<string>;
  /** The key that is assumed where none is pinned; null where nothing is signed. */
  firstKey: string | null;
  missingKeys: readonly string[];
  /** Events under a tree head of a trusted key. */
  proved: number;
  unsigned: Unsigned | null;
  now: Date;
  checkpointMs: number;
}>;

/** Whether what was verified is signed at all, by a key that an operator vouches for, and up to now. */
export const signingPart = (signing: Signing): Part => ({
  findings: [],
  unproven: [...notPinned(signing), ...notChecked(signing), ...notSigned(signing)],
});

const notPinned = ({ pins, firstKey }: Signing): readonly string[] => {
  if (pins.size > 0) return [];
  if (firstKey === null) return ['No key is pinned: give the fingerprint of the signing key with --key'];
  return [
    `No key is pinned. The key ${firstKey} was taken on trust: anyone who can write the history could have signed it with a ` +
      'key of their own. Compare it with the fingerprint that was noted at the first start; if it is the same, pin it with ' +
      `AUDIT_TRUSTED_KEYS=${firstKey} or --key ${firstKey}`,
  ];
};

const notChecked = ({ missingKeys }: Signing): readonly string[] =>
  missingKeys.map(
    (id) => `The public key ${id} was not found, so its signatures could not be checked: give its PEM file with --key`,
  );

const notSigned = ({ proved, unsigned, now, checkpointMs }: Signing): readonly string[] => {
  if (proved === 0) return ['Nothing is signed: there is no checkpoint of a trusted key over what was verified'];
  const limit = 2 * checkpointMs;
  // An event of the future is as strange as an old one: unsigned events can be given any time.
  if (!unsigned || Math.abs(now.getTime() - unsigned.since.getTime()) <= limit) return [];
  return [
    `The last ${unsigned.events} events are not signed, the oldest of them since ${unsigned.since.toISOString()}: expected a ` +
      `checkpoint within ${limit} ms (twice AUDIT_CHECKPOINT_MS). Signing has stopped, or checkpoints were removed`,
  ];
};

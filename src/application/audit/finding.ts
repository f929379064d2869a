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

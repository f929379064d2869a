/** Merkle trees as in RFC 6962, section 2.1: over leaves in a fixed order, with proofs of being in it and of growing only. */
import { hash as hashOnce } from 'node:crypto';

const LEAF = Buffer.from([0]);
const NODE = Buffer.from([1]);
/** In one go: a hash that is updated part by part is an object of its own, and every event has some. */
const digest = (...parts: readonly Buffer[]): Buffer => hashOnce('sha256', Buffer.concat(parts), 'buffer');

export const leafHash = (text: string): Buffer => digest(LEAF, Buffer.from(text));
const nodeHash = (left: Buffer, right: Buffer): Buffer => digest(NODE, left, right);

/** A complete subtree: of 2^level leaves, the index-th of its level from the left. */
export type NodePlace = Readonly<{ level: number; index: number }>;
export type TreeNode = NodePlace & Readonly<{ hash: Buffer }>;

/** The tree as far as it is needed to go on: the complete subtrees that have no sibling yet, log2(n) of them. */
export class Frontier {
  private readonly peaks: Buffer[];

  /** @param peaks by level; only those that `peaksOf(size)` names are looked at */
  constructor(
    public size = 0,
    peaks: readonly Buffer[] = [],
  ) {
    this.peaks = [...peaks];
  }

  /** @returns the subtrees that this leaf completes, itself first */
  append(leaf: Buffer): readonly TreeNode[] {
    let [level, index, hash] = [0, this.size, leaf];
    const completed: TreeNode[] = [{ level, index, hash }];
    for (; index % 2 === 1; completed.push({ level, index, hash })) {
      hash = nodeHash(this.peaks[level]!, hash);
      level += 1;
      index = half(index);
    }
    this.peaks[level] = hash;
    this.size += 1;
    return completed;
  }

  copy(): Frontier {
    return new Frontier(this.size, this.peaks);
  }

  root(): Buffer {
    if (this.size === 0) return digest();
    return joined(peaksOf(this.size).map(({ level }) => this.peaks[level]!));
  }
}

/** A tree of that size as complete subtrees, the largest first. */
export const peaksOf = (size: number): readonly NodePlace[] => partsOf({ start: 0, end: size });

/** Leaves from `start` (inclusive) to `end` (exclusive), as the proofs of RFC 6962 name them. */
export type Range = Readonly<{ start: number; end: number }>;

/** The complete subtrees that a range is made of, from the left. */
export const partsOf = ({ start, end }: Range): readonly NodePlace[] => {
  const parts: NodePlace[] = [];
  for (let at = start; at < end;) {
    const level = Math.floor(Math.log2(end - at));
    parts.push({ level, index: at / 2 ** level });
    at += 2 ** level;
  }
  return parts;
};

/** The hash of a range, from those of its parts. */
export const joined = (parts: readonly Buffer[]): Buffer => parts.reduceRight((right, left) => nodeHash(left, right));

/** What proves that leaf `index` is in the tree of `size` leaves: the hashes of these ranges. */
export const inclusionRanges = (index: number, size: number): readonly Range[] => {
  const path = (start: number, end: number): Range[] => {
    if (end - start === 1) return [];
    const middle = start + below(end - start);
    return index < middle
      ? [...path(start, middle), { start: middle, end }]
      : [...path(middle, end), { start, end: middle }];
  };
  return path(0, size);
};

/** What proves that the tree of `size` leaves begins with the one of `before` leaves. */
export const consistencyRanges = (before: number, size: number): readonly Range[] => {
  const path = (start: number, end: number, whole: boolean): Range[] => {
    if (end === before) return whole ? [] : [{ start, end }];
    const middle = start + below(end - start);
    return before <= middle
      ? [...path(start, middle, whole), { start: middle, end }]
      : [...path(middle, end, false), { start, end: middle }];
  };
  return before === 0 ? [] : path(0, size, true);
};

/** The root that the proof leads to; undefined where the proof has not the shape of that place. RFC 9162, 2.1.3.2. */
export const rootOfInclusion = (
  leaf: Buffer,
  index: number,
  size: number,
  proof: readonly Buffer[],
): Buffer | undefined => {
  let [at, last, hash] = [index, size - 1, leaf];
  if (index >= size) return undefined;
  for (const beside of proof) {
    if (last === 0) return undefined;
    const isRight = at % 2 === 1;
    hash = isRight || at === last ? nodeHash(beside, hash) : nodeHash(hash, beside);
    if (!isRight && at === last) for (; at % 2 === 0 && at > 0; last = half(last)) at = half(at);
    [at, last] = [half(at), half(last)];
  }
  return last === 0 ? hash : undefined;
};

type Sized = Readonly<{ size: number; root: Buffer }>;

/** Whether the proof shows that `after` begins with all that `before` holds. RFC 9162, 2.1.4.2. */
export const isConsistent = (before: Sized, after: Sized, proof: readonly Buffer[]): boolean => {
  if (before.size === 0) return true;
  if (before.size === after.size) return proof.length === 0 && before.root.equals(after.root);
  const path = Number.isInteger(Math.log2(before.size)) ? [before.root, ...proof] : [...proof];
  let [at, last] = [before.size - 1, after.size - 1];
  for (; at % 2 === 1; last = half(last)) at = half(at);
  const first = path.shift();
  if (!first) return false;
  let [old, now] = [first, first];
  for (const beside of path) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      [old, now] = [nodeHash(beside, old), nodeHash(beside, now)];
      for (; at % 2 === 0 && at > 0; last = half(last)) at = half(at);
    } else now = nodeHash(now, beside);
    [at, last] = [half(at), half(last)];
  }
  return last === 0 && old.equals(before.root) && now.equals(after.root);
};

const half = (value: number): number => Math.floor(value / 2);
/** The largest power of two below `count`, which is at least 2. */
const below = (count: number): number => 2 ** Math.ceil(Math.log2(count) - 1);

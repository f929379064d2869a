import type { Lease } from '../runtime/leadership.js';
import type { Leaf } from './audited-log.js';
import type { SignedTreeHead } from './signed-tree-head.js';
import { inclusionRanges, joined, partsOf, type NodePlace, type Range, type TreeNode } from './merkle.js';

/** `position`: where the last event of the tree stands in the log; null before the first. */
export type TreeState = Readonly<{ size: number; position: bigint | null; peaks: readonly Buffer[] }>;

/** The right to write to the tree. */
export interface AuditLease extends Lease {
  state(): Promise<TreeState>;
  /** All or nothing. */
  add(leaves: readonly Leaf[], nodes: readonly TreeNode[]): Promise<void>;
  keep(head: SignedTreeHead): Promise<void>;
  /** Takes the whole tree away, to be built from the log again. */
  clear(): Promise<void>;
}

/** The tree over the log, kept so that a proof is a look-up. Made of the log alone: it can be built again. */
export abstract class AuditTree {
  /** Null while another instance leads. */
  abstract tryLead(): Promise<AuditLease | null>;
  /** How many leaves there are. */
  abstract size(): Promise<number>;
  /** In the order of the tree. */
  abstract leaves(from: number, limit: number): Promise<readonly Leaf[]>;
  /** In the order of the stream. */
  abstract leavesOf(stream: string, limit: number): Promise<readonly Leaf[]>;
  /** In the order asked for. @throws where one is missing */
  abstract nodes(places: readonly NodePlace[]): Promise<readonly Buffer[]>;
  /** The tree head with the largest number; null before the first. */
  abstract latestTreeHead(): Promise<SignedTreeHead | null>;
  /** Those with this number and larger ones, by number. */
  abstract treeHeadsFrom(number: number, limit: number): Promise<readonly SignedTreeHead[]>;
  /** Those in which a key names the next one, by number. */
  abstract keyChanges(): Promise<readonly SignedTreeHead[]>;
  /** Those that record that the log was moved to another server, by number. */
  abstract moves(): Promise<readonly SignedTreeHead[]>;

  /** Hashes of ranges, with one look-up. */
  async hashesOf(ranges: readonly Range[]): Promise<readonly Buffer[]> {
    const parts = ranges.map(partsOf);
    const found = await this.nodes(parts.flat());
    let at = 0;
    return parts.map(({ length }) => joined(found.slice(at, (at += length))));
  }

  /** For each index the proof that its leaf is in the tree of `size` leaves. What several name is looked up once. */
  async inclusionProofs(indexes: readonly number[], size: number): Promise<readonly (readonly Buffer[])[]> {
    const wanted = indexes.map((index) => inclusionRanges(index, size));
    const distinct = new Map(wanted.flat().map((range) => [nameOf(range), range]));
    const hashes = await this.hashesOf([...distinct.values()]);
    const byName = new Map([...distinct.keys()].map((name, place) => [name, hashes[place]!]));
    return wanted.map((ranges) => ranges.map((range) => byName.get(nameOf(range))!));
  }
}

const nameOf = ({ start, end }: Range): string => `${start}-${end}`;

import type { RecordedEvent } from '../../log/event-log.js';
import type { SignedTreeHead } from '../signed-tree-head.js';
import type { Lineage } from './lineage.js';

/** Content by path inside the pack. */
export type PackFiles = Readonly<Record<string, Uint8Array>>;

/** What the report for people tells. */
export type PackReport = Readonly<{
  executionId: string;
  madeAt: Date;
  events: readonly RecordedEvent[];
  lineage: readonly Lineage[];
  checkpoint: SignedTreeHead;
}>;

/** How a pack looks from outside. */
export abstract class PackFormat {
  /** The program that checks a pack: one file without dependencies. */
  abstract verifier(): Promise<Uint8Array>;
  /** PDF. */
  abstract report(report: PackReport): Promise<Uint8Array>;
  /** One ZIP. Its comment is `sign` of a text with the SHA-256 of all bytes before it: no byte of it is free. */
  abstract zip(files: PackFiles, madeAt: Date, sign: (text: string) => string): Promise<Uint8Array>;
}

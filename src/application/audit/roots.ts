import type { SignedCheckpoint } from './checkpoint.js';
import { Frontier } from './merkle.js';

/** Adds leaf by leaf, and compares the root with each signed one when its size is reached. */
export class Roots {
  private readonly frontier = new Frontier();
  private readonly bySize: readonly SignedCheckpoint[];
  private readonly right = new Set<SignedCheckpoint>();
  private next = 0;

  constructor(checkpoints: readonly SignedCheckpoint[]) {
    this.bySize = [...checkpoints].sort((a, b) => a.tree_size - b.tree_size);
  }

  /** @returns whether the root of the tree up to here is a signed one */
  add(leaf: Buffer): boolean {
    this.frontier.append(leaf);
    let isSigned = false;
    for (; this.bySize[this.next]?.tree_size === this.frontier.size; this.next++) {
      const signed = this.bySize[this.next]!;
      if (this.frontier.root().toString('hex') !== signed.root) continue;
      this.right.add(signed);
      isSigned = true;
    }
    return isSigned;
  }

  get size(): number {
    return this.frontier.size;
  }

  /** The size of the largest tree with a signed root. */
  get covered(): number {
    return this.bySize.findLast((signed) => this.right.has(signed))?.tree_size ?? 0;
  }

  /** The first that has another root, or was never reached. */
  firstWrong(): SignedCheckpoint | undefined {
    return this.bySize.find((signed) => !this.right.has(signed));
  }

  lastRightBefore(wrong: SignedCheckpoint): SignedCheckpoint | undefined {
    return this.bySize.findLast((signed) => this.right.has(signed) && signed.tree_size < wrong.tree_size);
  }

  /** The first with the right root that covers the leaf of that index. */
  coverOf(index: number): SignedCheckpoint | undefined {
    return this.bySize.find((signed) => this.right.has(signed) && signed.tree_size > index);
  }
}

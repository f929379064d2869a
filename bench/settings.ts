import type { TestedNode } from './nodes.js';

export type Settings = Readonly<{
  /** One or more. `peers` takes turns over them, every other bench runs once with each. */
  nodes: readonly TestedNode[];
  rounds: number;
  /** In the log of a rebuild, of a catch-up. */
  events: number;
  /** Finished ones in the read tables, for `api`. */
  executions: number;
  /** For which the memory of the application is watched. */
  minutes: number;
  warmUpMs: number;
  measureMs: number;
  /** Small and short: shows that it works, and no figure. */
  quick: boolean;
  peers: PeerSettings;
  tell: (line: string) => void;
}>;

type PeerSettings = Readonly<{
  only: readonly string[];
  /** A: a step is a function of the process; B: a POST to another. */
  variants: readonly Variant[];
  /** Workflows in flight, each measured apart. */
  concurrency: readonly number[];
  /** In each measurement. */
  workflows: number;
}>;

export type Variant = 'A' | 'B';

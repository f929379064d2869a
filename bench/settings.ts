export type Settings = Readonly<{
  rounds: number;
  /** In the log of a rebuild. */
  events: number;
  warmUpMs: number;
  measureMs: number;
  /** Small and short: shows that it works, and no figure. */
  quick: boolean;
  tell: (line: string) => void;
}>;

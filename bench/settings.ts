export type Settings = Readonly<{
  rounds: number;
  warmUpMs: number;
  measureMs: number;
  /** Small and short: shows that it works, and no figure. */
  quick: boolean;
  tell: (line: string) => void;
}>;

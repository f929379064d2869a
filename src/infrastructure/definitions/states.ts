/** The guide's words for the six steps it names. */
const KNOWN: ReadonlyMap<string, readonly [running: string, completed: string]> = new Map([
  ['enrich', ['enriching', 'enriched']],
  ['compose', ['composing', 'composed']],
  ['write', ['writing', 'written']],
  ['validate', ['validating', 'validated']],
  ['assemble', ['assembling', 'assembled']],
  ['export', ['exporting', 'completed']],
]);

type Named = Readonly<{ name: string; running_state?: string; completed_state?: string }>;

/** What `current_state` says while a step runs, and after it. */
export const statesOf = ({ name, running_state, completed_state }: Named): { running: string; completed: string } => {
  const [running, completed] = KNOWN.get(name) ?? [`${name}_running`, `${name}_completed`];
  return { running: running_state ?? running, completed: completed_state ?? completed };
};

/** What `current_state` says of the execution itself. The last step may end in `completed`. */
export const RESERVED_STATES: ReadonlySet<string> = new Set(['created', 'completed', 'failed', 'paused', 'cancelled']);

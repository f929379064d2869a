import type pg from 'pg';

/** Milliseconds; what is not given is left as the server has it. */
export type SessionTimes = Readonly<{ statement?: number; idleInTransaction?: number; idle?: number }>;

const NAMES = {
  statement: 'statement_timeout',
  idleInTransaction: 'idle_in_transaction_session_timeout',
  idle: 'idle_session_timeout',
} as const;

/** By a statement: a pooler refuses settings in the startup packet, where the client would put them. */
export const setTimes = async (client: Pick<pg.ClientBase, 'query'>, times: SessionTimes): Promise<void> => {
  const given = Object.entries(times).filter(([, ms]) => ms !== undefined) as [keyof SessionTimes, number][];
  if (given.length === 0) return;
  const set = given.map(([name], index) => `set_config('${NAMES[name]}', $${index + 1}, false)`);
  await client.query(
    `select ${set.join(', ')}`,
    given.map(([, ms]) => String(ms)),
  );
};

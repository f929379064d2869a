/** How many connections to Postgres one process opens, and who has them. */
import type { Variables } from './variables.js';

type Given = Pick<Variables, 'DATABASE_MAX_CONNECTIONS' | 'DATABASE_POOL_SIZE' | 'DATABASE_URL' | 'EVENTSTORE_URL'>;

export type ConnectionShares = Readonly<{
  /** For requests, the saga and all else that has no connection of its own. */
  pool: number;
  /** For reads of the embedded event node. */
  nodeReads: number;
  /** All together, at most. */
  total: number;
  /** Below which an instance cannot work. */
  least: number;
}>;

/** The leaders of the read tables, of the audit tree and of webhooks, and the listener for changes: one each. */
const ALWAYS = 4;
/** A thread that rebuilds: a pool, the lock, the two tables that it writes or compares, and the lead while it exchanges them. */
export const REBUILD_POOL = 2;
const REBUILD = REBUILD_POOL + 4;
/** The writer, and the look at where the node is: that one also in the thread that rebuilds. */
const NODE = 3;
const NODE_READS = { least: 1, most: 4 };
/** The connection that holds the mark that the embedded Postgres is in use. */
const EMBEDDED_POSTGRES = 1;
const POOL_LEAST = 2;

/** `nodeReads` is 0 where the log is another server's. */
export const connectionShares = (given: Given): ConnectionShares => {
  const { DATABASE_MAX_CONNECTIONS: most, DATABASE_POOL_SIZE: poolSize } = given;
  const hasNode = given.EVENTSTORE_URL === undefined;
  const single = ALWAYS + REBUILD + (hasNode ? NODE : 0) + (given.DATABASE_URL === undefined ? EMBEDDED_POSTGRES : 0);
  const reads = hasNode ? NODE_READS : { least: 0, most: 0 };
  const least = single + reads.least + POOL_LEAST;
  const free = most === undefined ? poolSize + reads.most : Math.max(most, least) - single;
  const pool = Math.min(poolSize, Math.max(POOL_LEAST, free - reads.most));
  const nodeReads = Math.min(reads.most, free - pool);
  return { pool, nodeReads, total: single + pool + nodeReads, least };
};

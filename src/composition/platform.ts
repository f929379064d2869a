/** The servers and connections under the application: given by URL, or embedded. */
import path from 'node:path';
import type { DataSource } from 'typeorm';
import type { EventLog } from '../application/event-log.js';
import type { Config } from '../infrastructure/config/config.js';
import {
  AnotherNodeRuns,
  findRunningNode,
  startEmbeddedEventStore,
} from '../infrastructure/embedded-eventstore/index.js';
import { EventStoreDbEventLog } from '../infrastructure/eventstore/eventstore-db.event-log.js';
import { createDataSource } from '../infrastructure/postgres/data-source.js';
import { startEmbeddedPostgres } from '../infrastructure/postgres/embedded-postgres.js';

export type Platform = Readonly<{
  dataSource: DataSource;
  log: EventLog;
  close: () => Promise<void>;
  /** Resolves if something that was started here is lost for good. */
  failed: Promise<Error>;
}>;

/** Starts what is not given. Whatever fails, what was started before it is stopped again. */
export const startPlatform = async (config: Config, tell: (line: string) => void): Promise<Platform> => {
  const closers: (() => Promise<void>)[] = [];
  let fail: (error: Error) => void;
  const failed = new Promise<Error>((resolve) => (fail = resolve));
  const close = async () => {
    for (const closeOne of closers.splice(0).reverse()) await closeOne();
  };
  const opened = <T>(thing: T, closeIt: (thing: T) => Promise<unknown>): T => {
    closers.push(async () => void (await closeIt(thing)));
    return thing;
  };
  try {
    const databaseUrl = config.databaseUrl?.reveal() ?? (await embeddedPostgres());
    const dataSource = opened(await createDataSource({ url: databaseUrl, poolSize: config.databasePoolSize }), (it) =>
      it.destroy(),
    );
    const eventstoreUrl = config.eventstoreUrl?.reveal() ?? (await embeddedNode(databaseUrl));
    const log = opened(
      new EventStoreDbEventLog({ url: eventstoreUrl, appendTimeoutMs: config.appendTimeoutMs }),
      (it) => it.close(),
    );
    return { dataSource, log, close, failed };
  } catch (error) {
    await close();
    throw error;
  }

  async function embeddedPostgres(): Promise<string> {
    const dataDir = path.join(config.dataDir, 'postgres');
    return opened(await startEmbeddedPostgres({ dataDir, log: tell }), (it) => it.stop()).url;
  }

  /** Of several instances on one database the first runs the node, the others use it. */
  async function embeddedNode(databaseUrl: string): Promise<string> {
    try {
      const node = opened(await startEmbeddedEventStore({ databaseUrl, log: tell }), (it) => it.close());
      void node.failed.then(fail);
      return node.url;
    } catch (error) {
      const running = error instanceof AnotherNodeRuns ? await findRunningNode(databaseUrl) : undefined;
      if (!running) throw error;
      tell(`Another instance runs the event node of this database; using ${running}`);
      return running;
    }
  }
};

/** The servers and connections under the application: given by URL, or embedded. */
import path from 'node:path';
import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { AUDITED_PREFIXES } from '../application/audit/audited-log.js';
import type { EventLog } from '../application/event-log.js';
import { WEBHOOK_STREAM_PREFIX } from '../domain/webhook/webhook.js';
import type { Config } from '../infrastructure/config/config.js';
import { SharedNode } from '../infrastructure/embedded-eventstore/index.js';
import { EventStoreDbEventLog } from '../infrastructure/eventstore/eventstore-db.event-log.js';
import { MovingEventLog } from '../infrastructure/eventstore/moving.event-log.js';
import { SharedTailEventLog } from '../infrastructure/eventstore/shared-tail.event-log.js';
import { createDataSource } from '../infrastructure/postgres/data-source.js';
import { startEmbeddedPostgres } from '../infrastructure/postgres/embedded-postgres.js';

export type Platform = Readonly<{
  dataSource: DataSource;
  log: EventLog;
  close: () => Promise<void>;
}>;

/** Streams that parts of an instance follow. */
const FOLLOWED = [...AUDITED_PREFIXES, WEBHOOK_STREAM_PREFIX];

const notice = (line: string) => new Logger('EventNode').log(line);
const warn = (line: string) => new Logger('Database').warn(line);

/** Starts what is not given. Whatever fails, what was started before it is stopped again. */
export const startPlatform = async (config: Config, tell: (line: string) => void): Promise<Platform> => {
  const closers: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const closeOne of closers.splice(0).reverse()) await closeOne();
  };
  const opened = <T>(thing: T, closeIt: (thing: T) => Promise<unknown>): T => {
    closers.push(async () => void (await closeIt(thing)));
    return thing;
  };
  try {
    const databaseUrl = config.databaseUrl?.reveal() ?? (await embeddedPostgres());
    const settings = { url: databaseUrl, poolSize: config.databasePoolSize, tell: warn };
    const dataSource = opened(await createDataSource(settings), (it) => it.destroy());
    const openLog = (url: string) => new EventStoreDbEventLog({ url, appendTimeoutMs: config.appendTimeoutMs });
    const given = config.eventstoreUrl?.reveal();
    const reached = given ? openLog(given) : new MovingEventLog(await sharedNode(databaseUrl), openLog);
    opened(reached, (it) => it.close());
    return { dataSource, log: new SharedTailEventLog(reached, FOLLOWED), close };
  } catch (error) {
    await close();
    throw error;
  }

  async function embeddedPostgres(): Promise<string> {
    const dataDir = path.join(config.dataDir, 'postgres');
    return opened(await startEmbeddedPostgres({ dataDir, log: tell }), (it) => it.stop()).url;
  }

  /** Of several instances on one database one runs the node, the others use it. */
  async function sharedNode(databaseUrl: string): Promise<SharedNode> {
    return opened(await SharedNode.open({ databaseUrl, log: tell, notice }), (it) => it.close());
  }
};

/** The servers and connections under the application: given by URL, or embedded. */
import path from 'node:path';
import { DataSource } from 'typeorm';
import { AUDITED_PREFIXES } from '../application/audit/audited-log.js';
import { EventLog } from '../application/log/event-log.js';
import { METADATA_PREFIX } from '../application/saga/damage-watch.js';
import { Ids } from '../application/log/ids.js';
import { isLasting } from '../application/log/log-fault.js';
import { Clock } from '../application/runtime/clock.js';
import type { OnError } from '../application/runtime/errors.js';
import { WEBHOOK_STREAM_PREFIX } from '../domain/webhook/webhook.js';
import type { Config } from '../infrastructure/config/config.js';
import { connectionShares, type ConnectionShares } from '../infrastructure/config/connections.js';
import { SharedNode } from '../infrastructure/embedded-eventstore/index.js';
import { EventStoreDbEventLog } from '../infrastructure/eventstore/eventstore-db.event-log.js';
import { LogDiagnosis } from '../infrastructure/eventstore/log-diagnosis.js';
import { FailoverEventLog } from '../infrastructure/eventstore/failover.event-log.js';
import { checkDatabase } from '../infrastructure/postgres/check-database.js';
import { createDataSource } from '../infrastructure/postgres/data-source.js';
import { startEmbeddedPostgres } from '../infrastructure/embedded-postgres/embedded-postgres.js';
import { whileDatabaseIsAway, whileLogIsAway } from '../infrastructure/system/while-away.js';
import type { Dependencies, Feature } from './feature.js';

export const platform = ({ dataSource, log, clock, ids, closePlatform }: Dependencies): Feature => ({
  providers: [
    { provide: DataSource, useValue: dataSource },
    { provide: EventLog, useValue: log },
    { provide: Clock, useValue: clock },
    { provide: Ids, useValue: ids },
  ],
  stop: closePlatform,
});

export type Platform = Readonly<{
  dataSource: DataSource;
  log: EventLog;
  /** Why the log cannot be used. */
  diagnosis: LogDiagnosis;
  close: () => Promise<void>;
}>;

/** Streams that the audit tree, the webhooks and the saga follow. */
const FOLLOWED = [...AUDITED_PREFIXES, WEBHOOK_STREAM_PREFIX, METADATA_PREFIX];

export type PlatformOptions = Readonly<{
  /** Details. */
  tell: (line: string) => void;
  /** What an operator should read. Default: to stderr, as nothing else may stand among what a command prints. */
  warn?: (line: string) => void;
  /** Which instance runs the event node. Default: dropped. */
  notice?: (line: string) => void;
  /** What the log of EVENTSTORE_URL has to do besides being read, before anything else is started. */
  alsoTry?: (log: EventLog) => Promise<void>;
  /** What passes by itself. Default: dropped. */
  onError?: OnError;
  /** Ends the start while it waits. */
  signal?: AbortSignal;
}>;

/** @returns how many connections to the database each part may have */
const databaseShares = (config: Config): ConnectionShares =>
  connectionShares({
    DATABASE_MAX_CONNECTIONS: config.databaseMaxConnections,
    DATABASE_POOL_SIZE: config.databasePoolSize,
    DATABASE_URL: config.databaseUrl,
    EVENTSTORE_URL: config.eventstoreUrl,
  });

/** While no append is answered, one in this time is tried. */
const APPEND_TRIAL_MS = 1_000;

const toStderr = (line: string) => void process.stderr.write(`${line}\n`);

/** Starts the servers that are not given, and waits for those that are given and away. A failure stops what was started. */
export const startPlatform = async (
  config: Config,
  { tell, warn = toStderr, notice = () => undefined, onError = () => undefined, alsoTry, signal }: PlatformOptions,
): Promise<Platform> => {
  const closers: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const closeOne of closers.splice(0).reverse()) await closeOne();
  };
  const opened = <T>(thing: T, closeIt: (thing: T) => Promise<unknown>): T => {
    closers.push(async () => void (await closeIt(thing)));
    return thing;
  };
  const shares = databaseShares(config);
  const waits = { forMs: config.startWaitMs, warn, signal };
  try {
    const ownUrl = config.databaseUrl?.reveal();
    const databaseUrl = ownUrl ?? (await embeddedPostgres());
    const dataSource = await whileDatabaseIsAway(waits, ownUrl !== undefined, async () => {
      if (ownUrl !== undefined) await checkDatabase(ownUrl);
      return createDataSource({ url: databaseUrl, poolSize: shares.pool, tell: warn });
    });
    opened(dataSource, (it) => it.destroy());
    const openLog = (url: string) => new EventStoreDbEventLog({ url, appendTimeoutMs: config.appendTimeoutMs });
    const given = config.eventstoreUrl?.reveal();
    const endpoint = given ?? (await sharedNode(databaseUrl));
    const circuit = { openAfterMs: config.orderTimeoutMs, trialEveryMs: APPEND_TRIAL_MS };
    const onDropped = (error: unknown) => onError('The shared subscription is open again', error);
    const options = { followed: FOLLOWED, circuit, onDropped, maxAppendBytes: config.eventstoreMaxAppendBytes };
    const log = opened(new FailoverEventLog(endpoint, openLog, options), (it) => it.close());
    const diagnosis = new LogDiagnosis(given);
    const tryLog = async () => {
      await log.head();
      // An event store without a leader may be read, and has one again: readiness says so until then.
      await alsoTry?.(log).catch(async (error: unknown) => {
        if (isLasting(await diagnosis.ask(error))) throw error;
      });
    };
    if (given) await whileLogIsAway(waits, tryLog, (error) => diagnosis.ask(error));
    return { dataSource, log, diagnosis, close };
  } catch (error) {
    await close();
    throw error;
  }

  async function embeddedPostgres(): Promise<string> {
    const dataDir = path.join(config.dataDir, 'postgres');
    return opened(await startEmbeddedPostgres({ dataDir, log: tell, warn }), (it) => it.stop()).url;
  }

  /** One of the instances on a database runs the node; the others use it. */
  async function sharedNode(databaseUrl: string): Promise<SharedNode> {
    const limits = { readConnections: shares.nodeReads };
    const open = () => SharedNode.open({ databaseUrl, limits, log: tell, notice });
    return opened(await whileDatabaseIsAway(waits, config.databaseUrl !== undefined, open), (it) => it.close());
  }
};

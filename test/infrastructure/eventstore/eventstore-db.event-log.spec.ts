import {
  startEmbeddedEventStore,
  type EmbeddedEventStore,
} from '../../../src/infrastructure/embedded-eventstore/index.js';
import { EventStoreDbEventLog } from '../../../src/infrastructure/eventstore/eventstore-db.event-log.js';
import { createTestDatabase, type TestDatabase } from '../../support/postgres.js';
import { describeEventLog } from './event-log.contract.js';

let database: TestDatabase;
let node: EmbeddedEventStore;
let log: EventStoreDbEventLog;
beforeAll(async () => {
  database = await createTestDatabase();
  node = await startEmbeddedEventStore({ databaseUrl: database.url });
  log = new EventStoreDbEventLog({ url: node.url });
});
afterAll(async () => {
  await log.close();
  await node.close();
  await database.drop();
});

describeEventLog('The embedded node', () => log);

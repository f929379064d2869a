import { randomUUID } from 'node:crypto';
import { defaultLimits } from '../../../src/infrastructure/embedded-eventstore/limits.js';
import type { StoredEvent } from '../../../src/infrastructure/embedded-eventstore/wire/records.js';
import {
  WriterConnection,
  WriterLost,
} from '../../../src/infrastructure/embedded-eventstore/storage/writer-connection.js';
import { createTestDatabase } from '../../support/postgres.js';

const event: StoredEvent = {
  id: randomUUID(),
  type: 'Happened',
  json: true,
  data: Buffer.from('{}'),
  metadata: Buffer.from('{}'),
  stream: 's',
  revision: 0n,
  position: 1n,
  created: 0,
};

test('an append that meets a lost session while the node closes ends; it does not try the dead session for ever', async () => {
  const database = await createTestDatabase();
  const connection = await WriterConnection.open(database.url, defaultLimits, () => undefined);
  await connection.close();
  await expect(connection.insert([event])).rejects.toThrow(WriterLost);
  await database.drop();
});

import pg from 'pg';
import { PostgresProjectionStore } from '../../../src/infrastructure/postgres/projections/postgres-projection-store.js';
import { clearArea, makeArea, schemasOf } from '../../../src/infrastructure/postgres/rebuild/areas.js';
import { PostgresRebuildStore } from '../../../src/infrastructure/postgres/rebuild/postgres-rebuild-store.js';
import { SystemClock } from '../../../src/infrastructure/system/system-clock.js';
import { eventually } from '../../support/eventually.js';
import { openTables, type TestTables } from './read-tables.js';

const schemas = schemasOf('public');
const clock = new SystemClock();
let tables: TestTables;
let builder: pg.Client;
beforeAll(async () => {
  tables = await openTables();
  builder = new pg.Client({ connectionString: (tables.dataSource.options as { url: string }).url });
  await builder.connect();
});
afterAll(async () => {
  await builder.end();
  await tables.close();
});

test('what goes away while somebody looks is not there: the look does not fail', async () => {
  const store = new PostgresRebuildStore(tables.dataSource, new PostgresProjectionStore(tables.dataSource), clock);
  await makeArea(builder, schemas, schemas.shadow);
  await builder.query('begin');
  await clearArea(builder, schemas.shadow, 'workflow_events');
  const looking = store.progress('shadow');
  await eventually(async () => {
    const rows = await tables.dataSource.query(
      `select from pg_locks join pg_class on pg_class.oid = relation where not granted and relname = 'rebuilds'`,
    );
    return rows.length > 0;
  });
  await builder.query('commit');
  expect(await looking).toEqual(new Map());
});

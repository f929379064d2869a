/** Uses the embedded Postgres of the directory it is given until SIGTERM; SIGINT it only reports. */
import { startEmbeddedPostgres } from '../../../src/infrastructure/embedded-postgres/embedded-postgres.js';

const postgres = await startEmbeddedPostgres({ dataDir: process.argv[2] ?? '', settings: { fsync: 'off' } });
process.on('SIGINT', () => console.log('interrupted'));
process.on('SIGTERM', () => {
  void postgres.stop().then(() => {
    console.log('stopped');
    process.exit(0);
  });
});
console.log(`url=${postgres.url}`);
setInterval(() => undefined, 1_000);

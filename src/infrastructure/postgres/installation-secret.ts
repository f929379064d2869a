import { randomBytes } from 'node:crypto';
import type { DataSource } from 'typeorm';

const BYTES = 32;

/** The secret of that name: the same for all instances on this database, and after every restart. */
export const installationSecret = async (dataSource: DataSource, name: string): Promise<Buffer> => {
  await dataSource.query(
    'insert into installation_secrets (name, value) values ($1, $2) on conflict (name) do nothing',
    [name, randomBytes(BYTES)],
  );
  const rows: { value: Buffer }[] = await dataSource.query('select value from installation_secrets where name = $1', [
    name,
  ]);
  const value = rows[0]?.value;
  if (value?.byteLength !== BYTES) throw new Error(`Expected a secret "${name}" of ${BYTES} bytes in the database`);
  return value;
};

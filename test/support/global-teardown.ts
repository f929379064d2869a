/** Under this name `global-setup.ts` leaves what stops its Postgres. */
export const STOP_TEST_POSTGRES = 'stopTestPostgres';

export default async function tearDown(): Promise<void> {
  const stop = (globalThis as Record<string, unknown>)[STOP_TEST_POSTGRES] as (() => Promise<void>) | undefined;
  await stop?.();
}

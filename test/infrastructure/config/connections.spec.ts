import { connectionShares } from '../../../src/infrastructure/config/connections.js';
import { readEsdbUrl } from '../../../src/infrastructure/eventstore/esdb-url.js';
import { loadConfig } from '../../../src/infrastructure/config/config.js';
import { Secret } from '../../../src/infrastructure/config/variable.js';

const url = new Secret('any');
const OWN = { DATABASE_URL: url, EVENTSTORE_URL: undefined };
const BOTH = { DATABASE_URL: url, EVENTSTORE_URL: url };
const shares = (size: number, most: number | undefined, given: typeof OWN | typeof BOTH) =>
  connectionShares({ DATABASE_POOL_SIZE: size, DATABASE_MAX_CONNECTIONS: most, ...given });

describe('the connections of a process', () => {
  it.each([
    { size: 10, given: OWN, most: undefined, expected: { pool: 10, nodeReads: 4, total: 27, least: 16 } },
    { size: 10, given: BOTH, most: undefined, expected: { pool: 10, nodeReads: 0, total: 20, least: 12 } },
    { size: 10, given: OWN, most: 16, expected: { pool: 2, nodeReads: 1, total: 16, least: 16 } },
    { size: 10, given: OWN, most: 20, expected: { pool: 3, nodeReads: 4, total: 20, least: 16 } },
    { size: 5, given: OWN, most: 100, expected: { pool: 5, nodeReads: 4, total: 22, least: 16 } },
    { size: 5, given: BOTH, most: 12, expected: { pool: 2, nodeReads: 0, total: 12, least: 12 } },
  ])('pool $size, $most at most: $expected', ({ size, most, given, expected }) => {
    expect(shares(size, most, given)).toEqual(expected);
  });

  it('are never more than the limit', () => {
    for (let size = 2; size < 40; size++)
      for (let most = 16; most < 60; most++) expect(shares(size, most, OWN).total).toBeLessThanOrEqual(most);
  });

  it('cannot be fewer than an instance needs', () => {
    const settings = { DATABASE_URL: 'postgres://db/x', DATABASE_MAX_CONNECTIONS: '15' };
    expect(() => loadConfig(settings)).toThrow('DATABASE_MAX_CONNECTIONS: expected at least 16');
    expect(() => loadConfig({ ...settings, EVENTSTORE_URL: 'esdb://log:2113' })).not.toThrow();
  });
});

describe('EVENTSTORE_URL', () => {
  it.each([
    ['esdb://log:2113?tls=false', 'esdb://log:2113?tls=false'],
    ['kurrentdb://log:2113?tls=false', 'esdb://log:2113?tls=false'],
    ['kdb://admin:kdb@log', 'esdb://admin:kdb@log'],
    ['kurrentdb+discover://a:1,b:2', 'esdb+discover://a:1,b:2'],
    ['kdb+discover://a:1', 'esdb+discover://a:1'],
  ])('%s is read as %s', (given, known) => {
    const url = loadConfig({ EVENTSTORE_URL: given }).eventstoreUrl!.reveal();
    expect(readEsdbUrl(url)).toEqual(readEsdbUrl(known));
  });

  it('of another scheme is refused', () => {
    expect(() => loadConfig({ EVENTSTORE_URL: 'kurrent://log' })).toThrow(
      /EVENTSTORE_URL: expected a connection string/,
    );
  });
});

/** Each filter says of a row what Postgres itself says, which the real server asks. */
import pg from 'pg';
import type { JsonRow } from '../../../src/application/live/row-changes.js';
import { compile } from '../../../src/interfaces/realtime/filters/compile.js';
import { FilterRefused, type Operator } from '../../../src/interfaces/realtime/filters/read-filter.js';
import { createTestDatabase, type TestDatabase } from '../../support/postgres.js';

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query(`set timezone to 'UTC'`);
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

const COMPARISONS: Partial<Record<Operator, string>> = {
  eq: '=',
  neq: '!=',
  lt: '<',
  lte: '<=',
  gt: '>',
  gte: '>=',
  isdistinct: 'is distinct from',
};
const PATTERNS: Partial<Record<Operator, string>> = { like: 'like', ilike: 'ilike', match: '~', imatch: '~*' };
const WORDS = ['writing', 'Writing', 'WRITING', '', 'a,b', 'ä', 'Z', 'z', '😀', 'step_1', '50%', 'back\\slash', 'a\nb'];

const VALUES: Readonly<Record<string, readonly string[]>> = {
  int4: ['-5', '0', '7', ' 40 ', '+3', '2147483647', '2147483648', '1.5', '', 'x'],
  int8: ['-9007199254740991', '0', '12', '9007199254740991', '9223372036854775808'],
  float8: ['-1.5', '0', '1e3', '.5', '5.', 'NaN', 'Infinity', '-infinity', '1,5', '--1'],
  bool: ['true', 'f', 'YES', 'off', '1', '0', 'o', 'maybe', ' no '],
  uuid: [
    '0198a3c0-aaaa-7000-8000-0000000000ff',
    '0198A3C0AAAA70008000000000000100',
    '{0198a3c0-aaaa-7000-8000-0000000000fe}',
    '0198a3c0-aaaa-7000-8000',
    '01-98a3c0aaaa70008000000000000100',
  ],
  text: WORDS,
  timestamptz: [
    '2026-11-23T07:00:00.250Z',
    '2026-11-23 07:00:00.25+00',
    '2026-11-23T08:00:00.250001+01:00',
    '2026-11-23',
    '2026-11-23 07:00',
    '2024-02-29T23:59:60Z',
    '2026-02-30',
    '2026-13-01',
    'infinity',
    '2026-11-23T24:00:00Z',
    '2026-11-23T25:00:00Z',
    '1969-07-20T20:17:40-0500',
  ],
  jsonb: ['{"b":[1,2],"a":null}', '{"a":null,"b":[1,2]}', '[]', '1', '1.0', '"x"', '{'],
};

const askPostgres = async (sql: string, ...values: unknown[]): Promise<unknown> => {
  try {
    return (await client.query<{ answer: unknown }>(sql, values)).rows[0]?.answer;
  } catch {
    return 'refused';
  }
};

const ask = (operator: Operator, type: string, row: JsonRow, value: string, negate = false): unknown => {
  try {
    return compile({ column: 'it', operator, value, negate }, [{ name: 'it', type }])(row);
  } catch (error) {
    if (error instanceof FilterRefused) return 'refused';
    throw error;
  }
};

const rowOf = async (type: string, value: string): Promise<JsonRow | 'refused'> =>
  (await askPostgres(`select row_to_json(r) as answer from (select $1::text::${type} as it) as r`, value)) as JsonRow;

test.each(Object.keys(VALUES))('comparisons of %s', async (type) => {
  const said: string[] = [];
  const real: string[] = [];
  for (const stored of VALUES[type]!) {
    const row = await rowOf(type, stored);
    if (row === 'refused') continue;
    for (const given of VALUES[type]!) {
      for (const [operator, symbol] of Object.entries(COMPARISONS) as [Operator, string][]) {
        // Of documents there is no order here.
        if (type === 'jsonb' && 'lt lte gt gte'.split(' ').includes(operator)) continue;
        const collate = type === 'text' ? 'collate "C"' : '';
        const sql = `select $1::text::${type} ${collate} ${symbol} $2::text::${type} as answer`;
        real.push(`${stored} ${operator} ${given}: ${String(await askPostgres(sql, stored, given))}`);
        said.push(`${stored} ${operator} ${given}: ${String(ask(operator, type, row, given))}`);
      }
    }
  }
  expect(said).toEqual(real);
});

test('patterns', async () => {
  const patterns = ['', '%', 'w%', '%ing', 'W_iting', '%\\_%', '%\\%', '%a%b%', '__', 'back\\\\slash', 'Ä', '_'];
  const expressions = [
    ...[
      '',
      '^w',
      'ing$',
      '[a-z]+',
      '[^a-z]',
      'W|z',
      '(i|t){2}',
      'wr?iting',
      '.',
      '^.$',
      '\\d',
      '\\w\\W',
      '\\m\\d\\M',
      '\\y5',
    ],
    ...[
      'a.b',
      '[[:upper:]]',
      '[]x]',
      'i{1,2}?n',
      '\\\\',
      '(',
      '*a',
      'a{2,1}',
      '^$',
      '^*',
      '[b-a]',
      'g\\Z',
      '\\Aw',
      '()',
    ],
  ];
  const [said, real]: [string[], string[]] = [[], []];
  for (const stored of WORDS) {
    for (const [operator, symbol] of Object.entries(PATTERNS) as [Operator, string][]) {
      for (const pattern of operator.includes('like') ? patterns : expressions) {
        const answer = await askPostgres(`select $1::text ${symbol} $2::text as answer`, stored, pattern);
        real.push(`${stored} ${operator} ${pattern}: ${String(answer)}`);
        said.push(`${stored} ${operator} ${pattern}: ${String(ask(operator, 'text', { it: stored }, pattern))}`);
      }
    }
  }
  expect(said).toEqual(real);
});

test('lists', async () => {
  const lists = [
    'writing,z',
    '"a,b"',
    ' writing , "z" ',
    '',
    'null',
    'NULL,writing',
    '"null"',
    'a\\,b',
    '"',
    'a,,b',
    'a"b',
  ];
  const [said, real]: [string[], string[]] = [[], []];
  for (const stored of [...WORDS, 'null']) {
    for (const list of lists) {
      for (const negate of [false, true]) {
        const sql = `select coalesce(${negate ? 'not' : ''} $1::text = any($2::text::text[]), false) as answer`;
        real.push(`${stored} ${negate} in ${list}: ${String(await askPostgres(sql, stored, `{${list}}`))}`);
        said.push(`${stored} ${negate} in ${list}: ${String(ask('in', 'text', { it: stored }, list, negate))}`);
      }
    }
  }
  expect(said).toEqual(real);
});

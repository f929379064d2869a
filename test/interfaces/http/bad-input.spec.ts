/** What is sent by mistake or in malice: the fitting status, an error that explains it, and nothing done. */
import { startHttp, type HttpWorld } from './http-app.js';
import { json, post, send, type Sent } from './send.js';

type Case = readonly [name: string, status: number, code: string, request: Sent];

const ID = '11111111-1111-4111-8111-111111111111';
const START = { project_id: 'p', document_type: 'ib' };
const CONTROL = { execution_id: ID, action: 'pause' };
const EXECUTE = { execution_id: ID, mode: 'remaining' };
const AGENT = {
  execution_id: ID,
  project_id: 'p',
  document_type: 'ib',
  step: 'enrich',
  attempt: 1,
  metadata: {},
  checkpoint: { last_completed_step: null, intermediate_results: {} },
};
const [START_AT, CONTROL_AT, EXECUTE_AT] = ['start', 'control', 'execute'].map(
  (verb) => `/api/v1/workflow/${verb}`,
) as [string, string, string];

const NOT_OPAQUE: Readonly<Record<string, unknown>> = {
  empty: '',
  'the name of all streams': '$all',
  'a path upwards': '../../etc/passwd',
  'an escaped NUL': '%00',
  'a NUL': 'a\0b',
  'half of a surrogate pair': '\ud83d',
  'a line break': 'a\nb',
  'a tab': 'a\tb',
  'a space': 'a b',
  'an emoji': '😀',
  'a direction override': 'a\u202eb',
  SQL: "'; drop table workflow_executions; --",
  '129 characters': 'a'.repeat(129),
  '10 KB': 'a'.repeat(10_240),
  'a number': 7,
  'a boolean': true,
  'an array': ['p'],
  'an object': { id: 'p' },
};

const NOT_UUID: Readonly<Record<string, unknown>> = {
  missing: undefined,
  null: null,
  empty: '',
  'the name of all streams': '$all',
  'a path upwards': '../..',
  'a name of a stream': `workflow-${ID}`,
  'no dashes': ID.replaceAll('-', ''),
  braces: `{${ID}}`,
  'one digit too many': `${ID}1`,
  'one digit too few': ID.slice(1),
  'a line break after it': `${ID}\n`,
  'another letter': ID.replace('1', 'g'),
  '10 KB': 'a'.repeat(10_240),
  'a number': 7,
  'an array': [ID],
  'an object': { $ne: null },
};

const each = (values: Readonly<Record<string, unknown>>, make: (name: string, value: unknown) => Case): Case[] =>
  Object.entries(values).map(([name, value]) => make(name, value));

const ids: Case[] = [
  ...['project_id', 'document_type'].flatMap((field) =>
    each({ missing: undefined, null: null, ...NOT_OPAQUE }, (name, value) => [
      `start: ${field} is ${name}`,
      400,
      'INVALID_REQUEST',
      post(START_AT, { ...START, [field]: value }),
    ]),
  ),
  ...each(NOT_OPAQUE, (name, value) => [
    `start: triggered_by is ${name}`,
    400,
    'INVALID_REQUEST',
    post(START_AT, { ...START, triggered_by: value }),
  ]),
  ...each(NOT_OPAQUE, (name, value) => [
    `control: actor_id is ${name}`,
    400,
    'INVALID_REQUEST',
    post(CONTROL_AT, { ...CONTROL, actor_id: value }),
  ]),
  ...each(NOT_UUID, (name, value) => [
    `control: execution_id is ${name}`,
    400,
    'INVALID_REQUEST',
    post(CONTROL_AT, { ...CONTROL, execution_id: value }),
  ]),
  ...each(NOT_UUID, (name, value) => [
    `execute: execution_id is ${name}`,
    400,
    'INVALID_REQUEST',
    post(EXECUTE_AT, { ...EXECUTE, execution_id: value }),
  ]),
  ...each(NOT_UUID, (name, value) => [
    `retry: step_id is ${name}`,
    400,
    'INVALID_REQUEST',
    post(CONTROL_AT, { ...CONTROL, action: 'retry', step_id: value }),
  ]),
  ...each({ ...NOT_UUID, 'half of a surrogate pair': '%ed%a0%bd', 'a broken escape': '%zz' }, (name, value) => [
    `get: execution_id is ${name}`,
    400,
    'INVALID_REQUEST',
    { path: `/api/v1/workflow?execution_id=${queryText(value)}` },
  ]),
  ...['%00', '%24all', '..%2f..', '%zz', '%ff', `${ID}%00`, `${ID}1`, 'a'.repeat(8_000)].flatMap((id): Case[] => [
    [`events of ${id.slice(0, 50)}`, 400, 'INVALID_REQUEST', { path: `/api/v1/workflow/${id}/events` }],
    [`artifact of ${id.slice(0, 50)}`, 400, 'INVALID_REQUEST', { path: `/api/v1/workflow/${id}/artifacts/a.pdf` }],
  ]),
  ...['..%2f..%2fetc', '%00', '.hidden', 'a%0d%0ab', 'a%22b', 'a'.repeat(129), '%e2%80%ae.pdf', 'a%2fb'].map(
    (name): Case => [
      `artifact named ${name.slice(0, 50)}`,
      400,
      'INVALID_REQUEST',
      { path: `/api/v1/workflow/${ID}/artifacts/${name}` },
    ],
  ),
];

function queryText(value: unknown): string {
  return typeof value === 'string' ? value.replaceAll('\n', '%0A') : JSON.stringify(value ?? '').replaceAll('"', '%22');
}

const actions: Case[] = [
  ...[undefined, null, '', 'PAUSE', 'stop', 'delete', 'next_step', 7, true, ['pause'], { pause: true }].map(
    (action): Case => [
      `control: action ${JSON.stringify(action)}`,
      400,
      'INVALID_REQUEST',
      post(CONTROL_AT, { ...CONTROL, action }),
    ],
  ),
  ...[undefined, null, '', 'all', 'pause', 0, ['next_step']].map((mode): Case => [
    `execute: mode ${JSON.stringify(mode)}`,
    400,
    'INVALID_REQUEST',
    post(EXECUTE_AT, { ...EXECUTE, mode }),
  ]),
  ...['', 'a'.repeat(1_001), 7, ['why'], { why: 'so' }].map((reason): Case => [
    `control: reason ${JSON.stringify(reason).slice(0, 20)}`,
    400,
    'INVALID_REQUEST',
    post(CONTROL_AT, { ...CONTROL, reason }),
  ]),
  ['pause that names a step', 400, 'INVALID_REQUEST', post(CONTROL_AT, { ...CONTROL, step_id: ID })],
  ['control with a mode', 400, 'INVALID_REQUEST', post(CONTROL_AT, { ...CONTROL, mode: 'next_step' })],
  ['execute with an action', 400, 'INVALID_REQUEST', post(EXECUTE_AT, { ...EXECUTE, action: 'pause' })],
  ...['true', 1, 'false', [true], {}].map((auto_execute): Case => [
    `start: auto_execute ${JSON.stringify(auto_execute)}`,
    400,
    'INVALID_REQUEST',
    post(START_AT, { ...START, auto_execute }),
  ]),
  ['start: an unknown document type', 400, 'UNKNOWN_DOCUMENT_TYPE', post(START_AT, { ...START, document_type: 'x' })],
];

const nested = (depth: number) => `{"project_id":"p","document_type":"ib","metadata":${deep(depth - 1)}}`;
const deep = (levels: number) => `${'{"a":'.repeat(levels - 1)}{}${'}'.repeat(levels - 1)}`;
const padded = (bytes: number) => JSON.stringify(START).padEnd(bytes, ' ');

const metadata: Case[] = [
  ...['{}', 7, true, [], [{}]].map((value): Case => [
    `start: metadata ${JSON.stringify(value)}`,
    400,
    'INVALID_REQUEST',
    post(START_AT, { ...START, metadata: value }),
  ]),
  [
    'metadata of 64 KiB and one byte',
    413,
    'METADATA_TOO_LARGE',
    post(START_AT, { ...START, metadata: { a: 'x'.repeat(65_536 - 7) } }),
  ],
  [
    'metadata of 64 KiB in other letters than ASCII',
    413,
    'METADATA_TOO_LARGE',
    post(START_AT, { ...START, metadata: { a: 'é'.repeat(33_000) } }),
  ],
  ['a NUL in metadata', 400, 'INVALID_REQUEST', post(START_AT, { ...START, metadata: { a: ['x\0'] } })],
  ['a NUL in a name of metadata', 400, 'INVALID_REQUEST', post(START_AT, { ...START, metadata: { 'x\0': 1 } })],
  ['half a pair in metadata', 400, 'INVALID_REQUEST', post(START_AT, { ...START, metadata: { a: { b: '\udc00' } } })],
  ['half a pair in a name', 400, 'INVALID_REQUEST', post(START_AT, { ...START, metadata: { '\ud800': 1 } })],
  [
    'a whole number that a double rounds',
    400,
    'INVALID_REQUEST',
    post(START_AT, '{"metadata":{"a":9007199254740993}}'),
  ],
  ['one deep in custom options', 400, 'INVALID_REQUEST', post(START_AT, '{"metadata":{"custom_options":[-1e400]}}')],
  ['one in an actor', 400, 'INVALID_REQUEST', post(CONTROL_AT, '{"actor_id":12345678901234567890}')],
  ['a number beyond all doubles', 400, 'INVALID_REQUEST', post(START_AT, `{"metadata":{"a":1e999}}`)],
  ...['__proto__', 'constructor', 'prototype'].flatMap((key): Case[] => [
    [
      `${key} in the body`,
      400,
      'INVALID_REQUEST',
      post(START_AT, `{"project_id":"p","document_type":"ib","${key}":{}}`),
    ],
    [
      `${key} in metadata`,
      400,
      'INVALID_REQUEST',
      post(START_AT, `{"project_id":"p","document_type":"ib","metadata":{"a":[{"${key}":{"admin":true}}]}}`),
    ],
    [
      `${key}, escaped`,
      400,
      'INVALID_REQUEST',
      post(START_AT, `{"\\u00${key.charCodeAt(0).toString(16)}${key.slice(1)}":1}`),
    ],
  ]),
  ['65 levels', 400, 'INVALID_REQUEST', post(START_AT, nested(65))],
  ['10,000 levels', 400, 'INVALID_REQUEST', post(START_AT, nested(10_000))],
  ['500,000 brackets', 400, 'INVALID_REQUEST', post(START_AT, '['.repeat(500_000))],
];

const bodies: Case[] = [
  [
    'no body',
    400,
    'INVALID_REQUEST',
    { method: 'POST', path: START_AT, headers: { 'Content-Length': '0', ...json }, body: '' },
  ],
  ['no body, no type', 400, 'INVALID_REQUEST', { method: 'POST', path: START_AT }],
  ['white space', 400, 'MALFORMED_JSON', post(START_AT, '  \n')],
  ['a truncated body', 400, 'MALFORMED_JSON', post(START_AT, '{"project_id": "p", "document_ty')],
  ['single quotes', 400, 'MALFORMED_JSON', post(START_AT, "{'project_id': 'p'}")],
  ['a comma at the end', 400, 'MALFORMED_JSON', post(START_AT, '{"project_id": "p",}')],
  ['a comment', 400, 'MALFORMED_JSON', post(START_AT, '{/* p */}')],
  ['NaN', 400, 'MALFORMED_JSON', post(START_AT, '{"project_id": NaN}')],
  ['two values', 400, 'MALFORMED_JSON', post(START_AT, '{}{}')],
  ['a control character in a string', 400, 'MALFORMED_JSON', post(START_AT, '{"project_id": "a\nb"}')],
  ['form data', 400, 'MALFORMED_JSON', post(START_AT, 'project_id=p&document_type=ib')],
  ['two byte order marks', 400, 'MALFORMED_JSON', post(START_AT, `\ufeff\ufeff${JSON.stringify(START)}`)],
  ['UTF-16', 400, 'MALFORMED_JSON', post(START_AT, Buffer.from(`\ufeff${JSON.stringify(START)}`, 'utf16le'))],
  ['Latin-1', 400, 'MALFORMED_JSON', post(START_AT, Buffer.from('{"project_id": "é"}', 'latin1'))],
  ['an overlong encoding', 400, 'MALFORMED_JSON', post(START_AT, Buffer.from([0x7b, 0xc0, 0x80, 0x7d]))],
  ['half a pair in UTF-8', 400, 'MALFORMED_JSON', post(START_AT, Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]))],
  ['an array', 400, 'INVALID_REQUEST', post(START_AT, [START])],
  ['an empty array', 400, 'INVALID_REQUEST', post(CONTROL_AT, [])],
  ['a string', 400, 'INVALID_REQUEST', post(START_AT, '"start"')],
  ['a number', 400, 'INVALID_REQUEST', post(START_AT, '7')],
  ['null', 400, 'INVALID_REQUEST', post(START_AT, 'null')],
  ['true', 400, 'INVALID_REQUEST', post(EXECUTE_AT, 'true')],
  ['an empty object', 400, 'INVALID_REQUEST', post(START_AT, {})],
  ...['toString', 'hasOwnProperty', 'then', 'isPrototypeOf', '__defineGetter__', 'length', 'id', 'Project_id'].map(
    (name): Case => [`an unknown name: ${name}`, 400, 'INVALID_REQUEST', post(START_AT, { ...START, [name]: 1 })],
  ),
  [
    '10,000 unknown names',
    400,
    'INVALID_REQUEST',
    post(START_AT, Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`n${i}`, 1]))),
  ],
  ['1 MiB and one byte', 413, 'BODY_TOO_LARGE', post(START_AT, padded(1_048_577))],
  [
    '1 MiB and one byte, in chunks',
    413,
    'BODY_TOO_LARGE',
    post(CONTROL_AT, padded(1_048_577), { 'Transfer-Encoding': 'chunked' }),
  ],
  [
    'a length of a gigabyte',
    413,
    'BODY_TOO_LARGE',
    { method: 'POST', path: START_AT, headers: { ...json, 'Content-Length': '1073741824' } },
  ],
  [
    'an agent body over its own limit',
    413,
    'BODY_TOO_LARGE',
    { method: 'POST', path: '/api/v1/enrich', headers: { ...json, 'Content-Length': '33554433' } },
  ],
];

const headers: Case[] = [
  ...[
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/xml',
    'text/json',
    'application/json; charset=utf-16',
    'application/json; charset=latin1',
    'application/jsonp',
    '',
  ].map((type): Case => [
    `Content-Type: ${type}`,
    415,
    'UNSUPPORTED_MEDIA_TYPE',
    post(START_AT, START, { 'Content-Type': type }),
  ]),
  ...['gzip', 'br', 'deflate', 'identity, gzip'].map((encoding): Case => [
    `Content-Encoding: ${encoding}`,
    415,
    'UNSUPPORTED_MEDIA_TYPE',
    post(START_AT, START, { 'Content-Encoding': encoding }),
  ]),
  ...['', 'a b', 'é', 'a'.repeat(256), 'a\tb'].flatMap((key): Case[] => [
    [
      `start: Idempotency-Key "${key.slice(0, 9)}"`,
      400,
      'INVALID_REQUEST',
      post(START_AT, START, { 'Idempotency-Key': key }),
    ],
    [
      `control: Idempotency-Key "${key.slice(0, 9)}"`,
      400,
      'INVALID_REQUEST',
      post(CONTROL_AT, CONTROL, { 'Idempotency-Key': key }),
    ],
  ]),
  ...['', '1', '"x"', 'W/"1"', '"1", "2"', '"-1"', '"past-1"', `"${'9'.repeat(500)}"`].flatMap((tag): Case[] => [
    [`control: If-Match ${tag.slice(0, 20)}`, 400, 'INVALID_REQUEST', post(CONTROL_AT, CONTROL, { 'If-Match': tag })],
    [`execute: If-Match ${tag.slice(0, 20)}`, 400, 'INVALID_REQUEST', post(EXECUTE_AT, EXECUTE, { 'If-Match': tag })],
  ]),
  ['two Idempotency-Keys', 400, 'INVALID_REQUEST', post(START_AT, START, { 'Idempotency-Key': ['a', 'b'] })],
];

const hosts: Case[] = [
  ...['evil.example.com', 'localhost.evil.example.com', 'xn--nxasmq6b:3000', '0.0.0.0:3000', '192.168.1.7', 'a b'].map(
    (host): Case => [
      `Host: ${host}`,
      421,
      'UNKNOWN_HOST',
      { path: `/api/v1/workflow?execution_id=${ID}`, headers: { host } },
    ],
  ),
  ['start under another name', 421, 'UNKNOWN_HOST', post(START_AT, START, { host: 'evil.example.com:3000' })],
  ['control under another name', 421, 'UNKNOWN_HOST', post(CONTROL_AT, CONTROL, { host: 'evil.example.com' })],
  ['health under another name', 421, 'UNKNOWN_HOST', { path: '/health/live', headers: { host: 'evil.example.com' } }],
  ['nothing under another name', 421, 'UNKNOWN_HOST', { path: '/', headers: { host: 'evil.example.com' } }],
];

const HOLD = '/api/v1/workflow/agents/enrich/hold';
const holds: Case[] = [
  ...each({ ...NOT_OPAQUE }, (name, value) => [
    `hold: actor_id is ${name}`,
    400,
    'INVALID_REQUEST',
    post(HOLD, { actor_id: value, reason: 'r' }),
  ]),
  ...each(
    { missing: undefined, null: null, empty: '', long: 'x'.repeat(1_001), 'a number': 7, 'an array': ['r'] },
    (name, value) => [`hold: reason is ${name}`, 400, 'INVALID_REQUEST', post(HOLD, { reason: value })],
  ),
  ...each(
    {
      'a dot': 'a.b',
      'the name of all streams': '$all',
      'an escaped NUL': '%00',
      'a path upwards': '..%2F..',
      '65 characters': 'a'.repeat(65),
      'a digit first': '1a',
    },
    (name, value) => [
      `hold: the agent is ${name}`,
      400,
      'INVALID_REQUEST',
      post(`/api/v1/workflow/agents/${String(value)}/hold`, { reason: 'r' }),
    ],
  ),
  ['hold: an agent that is not known', 404, 'NOT_FOUND', post('/api/v1/workflow/agents/nobody/hold', { reason: 'r' })],
  [
    'hold: the name of something every object has',
    404,
    'NOT_FOUND',
    post('/api/v1/workflow/agents/constructor/hold', { reason: 'r' }),
  ],
  [
    'release: an agent that is not known',
    404,
    'NOT_FOUND',
    post('/api/v1/workflow/agents/nobody/release', { reason: 'r' }),
  ],
  ['hold with a field that is none', 400, 'INVALID_REQUEST', post(HOLD, { reason: 'r', until: 'tomorrow' })],
  ['hold with a parameter', 400, 'INVALID_REQUEST', post(`${HOLD}?force=true`, { reason: 'r' })],
  ['GET hold', 405, 'METHOD_NOT_ALLOWED', { path: HOLD }],
];

const queries: Case[] = [
  ...[
    'include_steps=1',
    'include_steps=',
    'include_events=yes',
    'include_steps=TRUE',
    'min_revision=-1',
    'min_revision=x',
    'min_revision=1.5',
    'min_revision=',
    'min_revision=9223372036854775808',
    `min_revision=${'9'.repeat(500)}`,
    'min_revision=0x10',
    'include_step=true',
    '__proto__=1',
    '__proto__[a]=1',
    'constructor=1',
    'include_steps=true&include_steps=true',
    'include_steps[]=true',
    'include_steps[a]=true',
    '%00=1',
    'a%0ab=1',
    'include_steps=%ff',
    'include_steps=%E0%A4',
    'execution_id=x',
  ].map((query): Case => [
    `get: ${query.slice(0, 60)}`,
    400,
    'INVALID_REQUEST',
    { path: `/api/v1/workflow?execution_id=${ID}&${query}` },
  ]),
  ['get: nothing asked for', 400, 'INVALID_REQUEST', { path: '/api/v1/workflow' }],
  ...[
    'limit=0',
    'limit=201',
    'limit=-1',
    'limit=1e2',
    'limit=',
    'limit=10&limit=10',
    'limit=%201',
    'state=',
    'state=a%00b',
    'state=%24all',
    'project_id=a/b',
    "document_type=ib'--",
    'created_after=yesterday',
    'created_after=2025-02-30',
    'created_after=2025-13-01',
    'created_after=2025-01-01T00:00:00',
    'created_after=2025-01-01T00:00:00+02:00',
    'created_before=1736000000000',
    'created_before=',
    'cursor=',
    'cursor=a%20b',
    'cursor=%00',
    `cursor=${'a'.repeat(1_025)}`,
    'offset=10',
    'page=2',
    'order=asc',
    'created_after=2025-01-01T25:00:00Z',
    'created_after=2025-01-01&created_after=2025-01-02',
  ].map((query): Case => [
    `list: ${query.slice(0, 60)}`,
    400,
    'INVALID_REQUEST',
    { path: `/api/v1/workflow/executions?${query}` },
  ]),
  ...[
    'limit=0',
    'limit=1001',
    'limit=all',
    'after_revision=-1',
    'after_revision=',
    'after_revision=1&after_revision=2',
    'after=1',
    'after_revision=99999999999999999999',
  ].map((query): Case => [
    `events: ${query}`,
    400,
    'INVALID_REQUEST',
    { path: `/api/v1/workflow/${ID}/events?${query}` },
  ]),
  ...[
    `/api/v1/workflow/${ID}/artifacts/a.pdf`,
    '/api/v1/workflow/definitions',
    '/api/v1/workflow/agents',
    '/health/live',
    '/health/ready',
  ].map((path): Case => [`${path} with a parameter`, 400, 'INVALID_REQUEST', { path: `${path}?x=1` }]),
  ['start with a parameter', 400, 'INVALID_REQUEST', post(`${START_AT}?dry_run=true`, START)],
  ['control with a parameter', 400, 'INVALID_REQUEST', post(`${CONTROL_AT}?force=true`, CONTROL)],
  ['execute with a parameter', 400, 'INVALID_REQUEST', post(`${EXECUTE_AT}?force=true`, EXECUTE)],
  ['an agent with a parameter', 400, 'INVALID_REQUEST', post('/api/v1/write?fast=true', AGENT)],
];

const routes: Case[] = [
  ...[
    '/',
    '/api',
    '/api/v1',
    '/api/v2/workflow',
    '/api/v1/workflow/start/',
    '/api/v1/workflows',
    `/api/v1/workflow/${ID}`,
    `/api/v1/workflow/${ID}/steps`,
    '/health',
    '/favicon.ico',
    '//',
    '/api/v1/workflow/../../../etc/passwd',
    '/.env',
  ].map((path): Case => [
    `GET ${path}`,
    path === '/api/v1/workflow/start/' ? 405 : 404,
    path === '/api/v1/workflow/start/' ? 'METHOD_NOT_ALLOWED' : 'UNKNOWN_ROUTE',
    { path },
  ]),
  ['POST to nowhere, not even JSON', 404, 'UNKNOWN_ROUTE', { method: 'POST', path: '/api/v1/nothing', body: 'x' }],
  ...['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND'].map((method): Case => [
    `${method} start`,
    405,
    'METHOD_NOT_ALLOWED',
    { method, path: START_AT },
  ]),
  ...['POST', 'DELETE', 'PATCH'].flatMap((method): Case[] => [
    [`${method} an execution`, 405, 'METHOD_NOT_ALLOWED', { method, path: `/api/v1/workflow?execution_id=${ID}` }],
    [`${method} health`, 405, 'METHOD_NOT_ALLOWED', { method, path: '/health/live' }],
  ]),
];

const agents: Case[] = [
  ...Object.keys(AGENT).map((field): Case => [
    `an agent without ${field}`,
    400,
    'INVALID_REQUEST',
    post('/api/v1/enrich', { ...AGENT, [field]: undefined }),
  ]),
  ...[0, -1, 1.5, '1', null, 1e300].map((attempt): Case => [
    `an agent's attempt ${attempt}`,
    400,
    'INVALID_REQUEST',
    post('/api/v1/compose', { ...AGENT, attempt }),
  ]),
  ...[
    null,
    [],
    'x',
    {},
    { last_completed_step: 7, intermediate_results: {} },
    { last_completed_step: null, intermediate_results: [] },
    { last_completed_step: null, intermediate_results: {}, more: 1 },
  ].map((checkpoint): Case => [
    `an agent's checkpoint ${JSON.stringify(checkpoint)}`,
    400,
    'INVALID_REQUEST',
    post('/api/v1/export', { ...AGENT, checkpoint }),
  ]),
  ['an agent with more', 400, 'INVALID_REQUEST', post('/api/v1/write', { ...AGENT, more: 1 })],
  ['an agent: 129 levels', 400, 'INVALID_REQUEST', post('/api/v1/validate', deep(129))],
  [
    'an agent: __proto__ in the checkpoint',
    400,
    'INVALID_REQUEST',
    post('/api/v1/assemble', `{"checkpoint":{"intermediate_results":{"__proto__":{}}}}`),
  ],
  ['an agent: GET', 405, 'METHOD_NOT_ALLOWED', { path: '/api/v1/enrich' }],
];

const all = [
  ...ids,
  ...actions,
  ...metadata,
  ...bodies,
  ...headers,
  ...queries,
  ...routes,
  ...agents,
  ...hosts,
  ...holds,
];

describe(`bad input: ${all.length} cases`, () => {
  let world: HttpWorld;
  beforeAll(async () => (world = await startHttp()));
  afterAll(() => world.finish());

  test('there are enough of them, each under a name of its own', () => {
    expect(all.length).toBeGreaterThanOrEqual(150);
    expect(new Set(all.map(([name]) => name)).size).toBe(all.length);
  });

  test.each(all)('%s -> %d %s', async (_name, status, code, request) => {
    for (const list of [world.appended, world.readModel.asked, world.logged]) list.length = 0;
    const answer = await send(world.url, request);
    expect({ status: answer.status, code: answer.json?.error?.code, text: answer.text }).toEqual({
      status,
      code,
      text: answer.text,
    });
    expect(answer.json).toEqual({
      success: false,
      error: { code, message: expect.any(String), details: expect.anything() },
    });
    expect(answer.json.error.message).toMatch(/^\P{C}{1,1000}$/u);
    expect(answer.text.length).toBeLessThan(8_000);
    expect(answer.text).not.toMatch(/node_modules|\.[jt]s:\d|at \w+ \(/);
    expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    if (code === 'INVALID_REQUEST') {
      expect(answer.json.error.details.length).toBeGreaterThan(0);
      for (const problem of answer.json.error.details) {
        expect(problem).toEqual({
          field: expect.stringMatching(/^\P{C}{1,100}$/u),
          expected: expect.stringMatching(/^\P{C}{1,300}$/u),
          received: expect.stringMatching(/^\P{C}{1,100}$/u),
        });
      }
    }
    expect(world.appended).toEqual([]);
    expect(world.readModel.asked).toEqual([]);
    expect(world.documentAgents.calls).toEqual([]);
    expect(world.logged).toEqual([]);
  });
});

describe('at the limits', () => {
  let world: HttpWorld;
  beforeAll(async () => (world = await startHttp()));
  afterAll(() => world.finish());

  const accepted: readonly (readonly [string, Sent])[] = [
    ['ids of 128 characters', post(START_AT, { ...START, project_id: 'Aa0._:@-'.repeat(16) })],
    ['a byte order mark', post(START_AT, `\ufeff${JSON.stringify(START)}`)],
    ['64 levels', post(START_AT, nested(64))],
    [
      'brackets in strings, which are no levels',
      post(START_AT, { ...START, metadata: { a: `\\"${'['.repeat(500)}` } }),
    ],
    ['metadata of 64 KiB', post(START_AT, { ...START, metadata: { a: 'x'.repeat(65_536 - 8) } })],
    ['a body of 1 MiB', post(START_AT, padded(1_048_576))],
    [
      'a whole pair of surrogates, escaped',
      post(START_AT, '{"project_id":"p","document_type":"ib","metadata":{"a":"\\ud83d\\ude00"}}'),
    ],
    ['a charset', post(START_AT, START, { 'Content-Type': 'Application/JSON; charset="UTF-8"' })],
    ...['localhost', '[::1]:80', '127.0.0.1', 'API.example.com', 'api.example.com:443'].map(
      (host) => [`Host: ${host}`, post(START_AT, START, { host })] as const,
    ),
    ['an Idempotency-Key of 255 characters', post(START_AT, START, { 'Idempotency-Key': '~'.repeat(255) })],
  ];

  test.each(accepted)('%s: accepted', async (_name, request) => {
    const answer = await send(world.url, request);
    expect({ status: answer.status, text: answer.status === 201 ? '' : answer.text }).toEqual({
      status: 201,
      text: '',
    });
  });

  test('metadata arrives as it was sent', async () => {
    const metadata = { a: [1, { b: null }, 'é😀'], toString: 1, hasOwnProperty: { then: true }, '': [[]] };
    const { json } = await send(world.url, post(START_AT, { ...START, metadata }));
    expect(json.data.execution.metadata).toEqual(metadata);
    const [started] = await world.history(json.data.execution.id);
    expect((started?.data as { metadata: unknown }).metadata).toEqual(metadata);
  });

  test('an agent may be sent more than 1 MiB, and 128 levels', async () => {
    const results = { text: 'x'.repeat(3 * 1_048_576), deep: JSON.parse(deep(125)) as object };
    const checkpoint = { last_completed_step: 'write', intermediate_results: results };
    const answer = await send(world.url, post('/api/v1/Enrich/', { ...AGENT, checkpoint }));
    expect(answer.status).toBe(200);
    expect(world.documentAgents.calls.at(-1)?.input.checkpoint).toEqual(checkpoint);
  });

  test('a number that was rounded before such were refused may be sent to an agent, as it was stored', async () => {
    const metadata = { stored: 2 ** 60 };
    expect((await send(world.url, post('/api/v1/enrich', { ...AGENT, metadata }))).status).toBe(200);
    expect(world.documentAgents.calls.at(-1)?.input.metadata).toEqual(metadata);
  });
});

import { readAnswer, readAnswerBytes } from '../../../src/infrastructure/agents/answer.js';
import { defaultAgentLimits } from '../../../src/infrastructure/agents/limits.js';

const now = new Date('2026-03-01T12:00:00.000Z');
const limits = { ...defaultAgentLimits, artifactsPerAnswer: 2, messageLength: 50 };
const read = (value: unknown) => readAnswer(JSON.stringify(value), { step: 'enrich', now, limits });
const file = { name: 'a.txt', content_type: 'text/plain; charset=utf-8', content_base64: 'aGk=' };
const withFiles = (...artifacts: unknown[]) => read({ success: true, artifacts });

test.each<[unknown, object]>([
  [undefined, {}],
  [null, {}],
  [{ a: 1 }, { a: 1 }],
  [{}, {}],
  [[1, 2], { enrich: [1, 2] }],
  ['text', { enrich: 'text' }],
  [0, { enrich: 0 }],
  [false, { enrich: false }],
])('data %p becomes %p', (data, expected) => {
  expect(read({ success: true, data })).toEqual({
    kind: 'reply',
    reply: { success: true, data: expected, metadata: {}, artifacts: [] },
  });
});

test.each([
  ['1e400', /^the number at character \d+ is larger than a double can hold$/],
  ['-1e400', /larger/],
  ['9007199254740993', /beyond 2\^53 - 1, which would be rounded: send it as a text$/],
  ['-12345678901234567890', /rounded/],
  ['NaN', /^it is not JSON$/],
  ['Infinity', /^it is not JSON$/],
])('%s is refused wherever an answer has it, and so is no other number than was sent kept', (numeral, problem) => {
  for (const text of [
    `{"success": true, "data": {"dose": [{"mg": ${numeral}}]}}`,
    `{"success": true, "metadata": {"n": ${numeral}}}`,
    `{"success": true, "more": ${numeral}}`,
    `{"success": false, "error": {"type": "transient", "message": "m"}, "retry_after": ${numeral}}`,
  ])
    expect(readAnswer(text, { step: 'enrich', now, limits })).toEqual({
      kind: 'garbage',
      problem: expect.stringMatching(problem) as unknown,
      remark: null,
    });
});

test('numbers that a double holds are kept, and numerals in texts are texts', () => {
  const data = { most: Number.MAX_SAFE_INTEGER, least: -Number.MAX_VALUE, text: '1e400', '9007199254740993': 0.1 };
  expect(read({ success: true, data })).toMatchObject({ reply: { data } });
});

test('metadata and artifacts may be null', () => {
  expect(read({ success: true, metadata: null, artifacts: null })).toMatchObject({
    reply: { metadata: {}, artifacts: [] },
  });
});

test('an artifact is decoded', () => {
  expect(withFiles(file)).toMatchObject({
    reply: { artifacts: [{ name: 'a.txt', contentType: 'text/plain; charset=utf-8', content: Buffer.from('hi') }] },
  });
});

test.each<[string, unknown[], RegExp]>([
  ['a name with a slash', [{ ...file, name: '../a' }], /artifacts\.0\.name/],
  ['a name that begins with a dot', [{ ...file, name: '.env' }], /artifacts\.0\.name/],
  ['an empty name', [{ ...file, name: '' }], /artifacts\.0\.name/],
  ['a line break in the type', [{ ...file, content_type: 'text/plain\r\nx: y' }], /artifacts\.0\.content_type/],
  ['base64 without padding', [{ ...file, content_base64: 'aGk' }], /artifacts\.0\.content_base64/],
  ['what is no base64', [{ ...file, content_base64: 'a*k=' }], /artifacts\.0\.content_base64/],
  ['one name twice', [file, file], /one name/],
  ['too many', [file, { ...file, name: 'b' }, { ...file, name: 'c' }], /at most 2/],
])('artifacts with %s are garbage', (_, artifacts, problem) => {
  expect(withFiles(...artifacts)).toEqual({
    kind: 'garbage',
    problem: expect.stringMatching(problem) as unknown,
    remark: null,
  });
});

test.each([
  { success: 'true' },
  { success: 1 },
  { data: {} },
  { success: true, metadata: [] },
  { success: true, metadata: 'm' },
  { success: false },
  { success: false, error: 'text' },
  { success: false, error: { type: 'fatal', code: 'C' } },
  { success: false, error: { type: 'fatal', code: '', message: 'm' } },
  [],
])('%j is garbage', (value) => {
  expect(read(value)).toMatchObject({ kind: 'garbage' });
});

test('an error is taken as it is, but for what is too long', () => {
  const error = { type: 'validation', message: `Missing:\n- ${'dose '.repeat(20)}`, code: 'C'.repeat(200) };
  expect(read({ success: false, error, retry_after: 'Sun, 01 Mar 2026 12:00:01 GMT' })).toEqual({
    kind: 'reply',
    reply: {
      success: false,
      error: { type: 'validation', message: `${error.message.slice(0, 49)}…`, code: `${'C'.repeat(99)}…` },
      retryAfterMs: 1000,
    },
  });
});

test('a message is not cut into half a character, and may come without a code', () => {
  const error = { type: 'fatal', message: `${'x'.repeat(48)}😀😀` };
  expect(read({ success: false, error, retry_after: { odd: true } })).toMatchObject({
    reply: { error: { message: `${'x'.repeat(48)} …`, code: 'AGENT_ERROR' }, retryAfterMs: null },
  });
});

test('depth is allowed up to its limit', () => {
  const nested = (depth: number) =>
    readAnswer(`{"success":true,"data":${'['.repeat(depth)}${']'.repeat(depth)}}`, { step: 's', now, limits });
  expect(nested(99)).toMatchObject({ kind: 'reply' });
  expect(nested(100)).toMatchObject({ kind: 'garbage' });
});

test('of a hundred thousand artifacts that are none, the problem names their number and nothing of each', () => {
  const answer = read({ success: true, data: {}, artifacts: Array.from({ length: 100_000 }, () => 1) });
  expect(answer).toMatchObject({ kind: 'garbage', problem: 'it has 100000 artifacts, at most 2 are allowed' });
});

test('an answer of more members than are allowed is not parsed', () => {
  const few = { ...limits, answerMembers: 5 };
  const order = { context: { step: 's', now, limits: few }, token: null };
  const bytes = (data: unknown) => Buffer.from(JSON.stringify({ success: true, data }));
  expect(readAnswerBytes(bytes({ a: [1, 2] }), order)).toMatchObject({ kind: 'reply' });
  expect(readAnswerBytes(bytes({ a: [1, 2, 3] }), order)).toEqual({
    kind: 'garbage',
    problem: 'its arrays and objects have more than 5 members in all',
    remark: null,
  });
});

import { HmacTaskTokens } from '../../../src/infrastructure/agents/agent-task-reports.js';

const attempt = { executionId: '5b8f7a52-7a5e-4df0-8d8e-0d1d4e1f2a10', step: 'enrich', attempt: 2 };
const tokens = new HmacTaskTokens(Buffer.alloc(32, 1));
const token = tokens.issue(attempt);

test('a token names its attempt, on every instance that has the secret', () => {
  expect(new HmacTaskTokens(Buffer.alloc(32, 1)).read(token)).toEqual(attempt);
  const longest = { ...attempt, step: 's'.repeat(64), attempt: 4_000_000_000 };
  expect(tokens.read(tokens.issue(longest))).toEqual(longest);
  expect(tokens.issue(longest)).toMatch(/^[A-Za-z0-9_-]{150,200}$/);
});

test('each attempt has its own, and each has one only', () => {
  const others = [
    { ...attempt, attempt: 3 },
    { ...attempt, step: 'enrich2' },
    { ...attempt, executionId: attempt.executionId.replace('5', '6') },
  ];
  expect(new Set([attempt, ...others].map((one) => tokens.issue(one))).size).toBe(4);
  expect(tokens.issue(attempt)).toBe(token);
});

test('another secret makes other tokens, and does not know these', () => {
  const others = new HmacTaskTokens(Buffer.alloc(32, 2));
  expect(others.issue(attempt)).not.toBe(token);
  expect(others.read(token)).toBeNull();
});

test('no bit of it can be changed', () => {
  const bytes = Buffer.from(token, 'base64url');
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const copy = Buffer.from(bytes);
    copy[bit >> 3]! ^= 1 << (bit & 7);
    expect(tokens.read(copy.toString('base64url'))).toBeNull();
  }
});

test.each([
  ['nothing', ''],
  ['a part', token.slice(0, 60)],
  ['a MAC alone', token.slice(0, 43)],
  ['padding', `${token}=`],
  ['what base64 passes over', `${token.slice(0, 10)} ${token.slice(10)}`],
  ['the other alphabet', token.replaceAll('-', '+').replaceAll('_', '/') + '\0'],
  ['more behind it', `${token}AAAA`],
  ['far more', token.repeat(100)],
  ['other characters', 'ü'.repeat(80)],
])('%s is no token', (_, text) => expect(tokens.read(text)).toBeNull());
